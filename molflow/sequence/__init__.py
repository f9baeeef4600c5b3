"""Strings of tokens are a modality: each position is a variable."""
