"""TensorFlow weights to PyTorch and back: the table of names, both directions, the record."""
