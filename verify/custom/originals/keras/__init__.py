"""Keras models as originals."""
