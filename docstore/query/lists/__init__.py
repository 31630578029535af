"""List functions: the rows of a view go in, a reply comes out, step by step."""
