"""Data: files to tensors and the same files back, tables, and who is learned from and who judges."""
