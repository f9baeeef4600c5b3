"""Texts against network evaluations."""
