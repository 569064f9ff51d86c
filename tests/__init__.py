"""Specifications, folder by folder as the packages they specify."""
