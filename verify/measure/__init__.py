"""How often the verifier misses a wrong port, and how often it fails a right one."""
