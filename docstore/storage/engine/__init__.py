"""LMDB: the environment, its transactions, the one writer, and the files that they live in."""
