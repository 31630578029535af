"""Unique indexes: which they are, and what of a document must not stand in another one."""
