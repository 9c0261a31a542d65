"""What a person can type, one group of related commands a file; work is done elsewhere."""
