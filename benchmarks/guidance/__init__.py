"""Guidance against best-of-N."""
