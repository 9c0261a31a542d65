"""What everyone else may know: the signed log of a life, and the tools to check it."""
