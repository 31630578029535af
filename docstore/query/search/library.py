"""tantivy, loaded with the first search.

Owns that moment: the library has 17 megabytes, and a server that nobody searches starts without it.
"""

from types import ModuleType


def tantivy() -> ModuleType:
    """The module."""
    import tantivy as found

    return found
