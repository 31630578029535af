"""Errors on the wire: statuses, problem details, what can be done next, and requests that come again."""
