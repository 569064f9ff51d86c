"""How an array lies on either side, and recognising it when it lies otherwise."""
