"""What keeps a stranger's strategy from everything but its two pipes: layers of the kernel's."""
