"""Losses, and the blocks that three or more architectures use identically."""
