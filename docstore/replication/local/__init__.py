"""A peer in this process."""
