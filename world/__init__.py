"""A local Anvil world for agents to live in."""
