"""Do the mathematics of categorical flows, with torch and nothing else, for any modality."""
