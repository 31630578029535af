"""What runs inside the write transaction: deterministic, from commands and tables alone."""
