"""Sources of molecules and texts: readers of data sets, the packed store, and batches of it."""
