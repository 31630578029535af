"""Views: their indexes, how they are built, read and reduced."""
