"""Refused edits and conflicts: noted, explained, counted, listed, resolved."""
