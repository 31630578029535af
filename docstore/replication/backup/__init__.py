"""A database as one file, and back."""
