"""What a port and its original are, in inference and in training."""
