"""Walks toward a score: guides as values, and from names."""
