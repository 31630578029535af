"""The consistency check of a store, a part for each group of tables."""
