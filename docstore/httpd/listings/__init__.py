"""Endpoints that list: documents by id, changes, conflicts."""
