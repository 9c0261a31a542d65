"""Policies replayed on a recorded past: nobody reacts to them, which is what it leaves out."""
