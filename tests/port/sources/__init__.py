"""Specifies `port.sources`."""
