"""Losses, blocks that several architectures use identically, and what cameras and files do to pictures."""
