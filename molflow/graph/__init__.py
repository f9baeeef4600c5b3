"""Labelled graphs as a modality: atoms and unordered pairs as the variables of a state."""
