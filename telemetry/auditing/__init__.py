"""Checks a life: its log in itself, and against the chain that would confirm it."""
