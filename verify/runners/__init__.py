"""Runners: one side of a comparison in one precision, arrays in, arrays out."""
