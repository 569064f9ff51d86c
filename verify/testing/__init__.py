"""Parity in a test suite: one call that asserts, and a plugin for pytest."""
