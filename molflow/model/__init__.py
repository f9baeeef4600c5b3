"""A model: its network with what was said of it in training, on disk and in memory."""
