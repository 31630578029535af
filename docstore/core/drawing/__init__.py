"""Revision trees as pictures, for people and programs."""
