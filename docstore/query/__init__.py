"""Design documents: what they say, the functions in them, and the indexes that are made by these."""
