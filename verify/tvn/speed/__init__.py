"""How fast a net answers in each engine, measured alternately."""
