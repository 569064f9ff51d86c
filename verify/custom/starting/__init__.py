"""A spec to start from, written of what a model's file says."""
