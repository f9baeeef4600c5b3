"""Arguments, cells and files that several benchmarks share."""
