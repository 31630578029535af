"""The repair of a damaged store: what follows from other rows is made anew."""
