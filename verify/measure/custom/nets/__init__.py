"""The catalogue of nets, a file a kind. What a port is called says what it is; so do its layers."""
