"""Specifies `reference_tf`."""
