"""What could be done: each strategy turns what is seen into a few complete, bounded actions."""
