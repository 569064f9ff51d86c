"""Training steps of anybody's port."""
