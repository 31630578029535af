"""The query language of full-text search: texts into values, and back."""
