"""The web page, used in a real browser as people use it."""
