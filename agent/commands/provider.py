"""`forager provider`: rent this machine out on a LeaseMarket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.commands.said import tell


def provider(
    config: Annotated[Path, typer.Option(help="The provider's TOML file.")],
) -> None:
    """Post an offer, serve the tenants of active leases, collect what is earned; Ctrl-C stops."""
    import asyncio

    from compute.provider_config import load_config
    from compute.provider_run import run_provider

    asyncio.run(run_provider(load_config(config), say=tell))
