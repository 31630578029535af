"""Design documents: read, checked, signed."""
