"""A comparison of objectives by the maps that they make in equal time."""
