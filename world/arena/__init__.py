"""Many worlds, each with one whole life in it, in lockstep and without the live view."""
