"""Errors on the wire: statuses, problem details, and what can be done next."""
