"""Mango selectors: a JSON condition on a document, compiled once into a function."""
