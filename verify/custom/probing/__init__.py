"""Further inputs, and other weights: what one input cannot show of anybody's port."""
