"""The only way to a model: renting machines and running GGUF files on them."""
