"""One database, async: the only thing that the layers above use for documents."""
