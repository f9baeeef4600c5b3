"""Labelled graphs are a modality: atoms and unordered pairs are the variables of a state."""
