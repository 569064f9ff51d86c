"""Matrix products in float32 by the processor's bfloat16 units, compiled where they are found."""
