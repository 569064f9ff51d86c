"""How often the verifier is wrong about anybody's ports: planted mistakes, and right ports."""
