"""Replications that the server runs by itself: jobs, turns, replicator databases."""
