"""A model: a card and a network, made, saved as a folder and loaded again."""
