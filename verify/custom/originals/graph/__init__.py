"""Frozen TensorFlow graphs as originals."""
