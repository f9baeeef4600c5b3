"""Sampling, its random numbers and its results."""
