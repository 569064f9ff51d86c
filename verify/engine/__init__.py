"""Running both sides and judging them: in inference, in training, over many steps."""
