"""What goes from a worker that maps to whoever writes an index.

Owns that shape. It must not know either of them, so that a worker loads nothing of databases for its sake.
"""

from typing import TypedDict


class Mapped(TypedDict):
    """What some documents emit. Places have their slot in front.

    ``ids``  of all documents of the batch;  ``places``  per document the places of its rows, packed; empty for none
    ``keys``, ``values``  the rows, sorted by key; the keys without the index's number
    ``long``  (place, value) of the rows whose place does not fit into a key
    ``log``  what the functions logged
    """

    ids: list[str]
    places: list[bytes]
    keys: list[bytes]
    values: list[bytes]
    long: list[tuple[bytes, bytes]]
    log: list[str]


def joined(first: Mapped, second: Mapped) -> Mapped:
    """What different documents emit, together."""
    rows = sorted(
        [
            *zip(first["keys"], first["values"], strict=True),
            *zip(second["keys"], second["values"], strict=True),
        ]
    )
    return Mapped(
        ids=first["ids"] + second["ids"],
        places=first["places"] + second["places"],
        keys=[key for key, _ in rows],
        values=[value for _, value in rows],
        long=[*first["long"], *second["long"]],
        log=first["log"] + second["log"],
    )
