"""Tiny Video Networks as one subject: specs, runners, levels, certificate, faults."""
