"""Comparing arrays, the two verdicts, probes: numpy alone."""
