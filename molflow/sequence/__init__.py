"""Strings of tokens as a modality: one variable a position."""
