"""Sampling, its random numbers and what it gives."""
