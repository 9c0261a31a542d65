"""The only way to money: reading a chain, and the signer that alone may spend."""
