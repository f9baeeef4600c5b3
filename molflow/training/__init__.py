"""Training: the Lightning shell, its batches, optimizer, callbacks and hardware."""
