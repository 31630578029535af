"""How long one request keeps the event loop from everybody else."""
