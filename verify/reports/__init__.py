"""Outcomes as data, and the page and the plots that render that data."""
