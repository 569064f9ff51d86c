"""The port: a torch module whose parts are watched, and fed."""
