"""Specifies `port`."""
