"""Random people in a hospital whose machines die and whose outside misbehaves; the same seed makes the same choices: `make chaos`."""
