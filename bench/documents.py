"""The documents that the benchmarks write: about 330 bytes of JSON, the same in every run."""

import json
import random
from collections.abc import Iterator

_WORDS = [
    "ash",
    "birch",
    "cedar",
    "elder",
    "fir",
    "hazel",
    "larch",
    "maple",
    "oak",
    "pine",
    "rowan",
    "spruce",
    "willow",
    "yew",
]


def document(number: int) -> dict[str, object]:
    """Document ``number``, without an id."""
    pick = random.Random(number)
    return {
        "type": "order",
        "customer": f"{pick.choice(_WORDS)}.{pick.choice(_WORDS)}@example.org",
        "number": number,
        "total_cents": pick.randrange(100, 100_000),
        "paid": pick.random() < 0.5,
        "lines": [
            {"sku": f"{pick.choice(_WORDS)}-{pick.randrange(1000):03d}", "quantity": pick.randrange(1, 9)}
            for _ in range(3)
        ],
        "note": " ".join(pick.choices(_WORDS, k=14)),
    }


def text(number: int) -> str:
    """The JSON text of document ``number``."""
    return json.dumps(document(number), separators=(",", ":"))


def bulk_bodies(count: int, batch: int, prefix: str = "doc") -> Iterator[bytes]:
    """Bodies of ``_bulk_docs`` requests that together hold ``count`` documents."""
    for start in range(0, count, batch):
        docs = [{"_id": f"{prefix}{n:08d}", **document(n)} for n in range(start, min(start + batch, count))]
        yield json.dumps({"docs": docs}, separators=(",", ":")).encode()
