"""Where molecules come from: readers of data sets, the packed store, and batches of it."""
