"""Specifies that `port` and `reference_tf` compute what the published code computes."""
