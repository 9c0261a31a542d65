"""Decides when: the daemon that lives one life."""
