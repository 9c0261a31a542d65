"""Replays policies on what was recorded: nobody reacts to them, which is what a backtest leaves out."""
