"""Abuse of a real server, and what others notice of it."""
