"""Which objective makes the best map in equal time."""
