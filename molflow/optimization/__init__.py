"""The best molecules for a score within a budget of calls: population, moves, calls, scores."""
