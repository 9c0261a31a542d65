"""A provider's config: strict, and clear about what is wrong."""

import pytest

from compute.errors import BadConfig
from compute.provider_config import load_config

ADDRESS = "0x" + "ab" * 20
GOOD = f"""
[chain]
rpc = ["http://127.0.0.1:8545"]
chain_id = 31337
registry = "{ADDRESS}"
market = "{ADDRESS}"
token = "{ADDRESS}"
[key]
file = "key.json"
passphrase_file = "/elsewhere/passphrase"
[offer]
rate = 10_000_000_000_000_000_000
[model]
path = "m.gguf"
"""
PLACING = f'[[placing]]\ntenant = "{ADDRESS}"\ncommand = ["true"]\nhome = "agent"\n'


def load(tmp_path, text):
    file = tmp_path / "provider.toml"
    file.write_text(text)
    return load_config(file)


def test_paths_are_relative_to_the_file(tmp_path):
    config = load(tmp_path, GOOD + PLACING)
    assert config.home == tmp_path
    assert config.model.path == tmp_path / "m.gguf"
    assert config.key.file == tmp_path / "key.json"
    assert str(config.key.passphrase_file) == "/elsewhere/passphrase"
    assert config.placing[0].home == tmp_path / "agent"
    assert config.placing[0].tenant == config.chain.registry != ADDRESS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("path =", "paht ="), r"model\.paht is unknown; did you mean path"),
        (GOOD + "contxt = 5\n", r"model\.contxt is unknown; did you mean context"),
        ("hom = 1\n" + GOOD, r"hom is unknown; did you mean home"),
        (GOOD.replace("rate = 10", "rate = -10"), r"offer\.rate"),
        (GOOD.replace(ADDRESS, "0x12"), r"chain\.registry"),
        (GOOD + 'cid = "bafy"\n', "needs its digest"),
        (GOOD + PLACING + PLACING, "a tenant has two placings"),
        (GOOD + PLACING.replace("home", "hom"), r"hom is unknown; did you mean home"),
        ("[", "not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_words(tmp_path, text, says):
    with pytest.raises(BadConfig, match=says):
        load(tmp_path, text)


def test_a_file_that_is_not_there_is_a_fault_of_the_config(tmp_path):
    with pytest.raises(BadConfig, match="cannot be read"):
        load_config(tmp_path / "none.toml")
