"""How what a command has to say looks on a terminal."""
