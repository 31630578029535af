"""Mango: declarative queries, and the indexes that answer them without JavaScript."""
