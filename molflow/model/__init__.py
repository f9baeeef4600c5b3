"""A model: its network, and what its output means."""
