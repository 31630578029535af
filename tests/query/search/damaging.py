"""Damage of an index's files, as a disk does it.

Each is done in a new file: threads of tantivy's may have the old one mapped, and would end the process if it shrank.
"""

from pathlib import Path
from typing import Any, Literal, cast

from docstore.core.json_text import decode
from docstore.query.search.damage import META

Kind = Literal["flip", "cut", "zero", "gone"]


def damage(file: Path, kind: Kind, at: int = 0) -> None:
    """``at``: which bit is flipped, or how many bytes are left."""
    body = bytearray(file.read_bytes())
    file.unlink()
    if kind == "flip":
        body[at // 8] ^= 1 << at % 8
    elif kind == "cut":
        del body[at:]
    elif kind == "zero":
        body = bytearray(8)
    if kind != "gone":
        file.write_bytes(body)


def largest_store(folder: Path) -> Path:
    """The file with the ids of most documents; with more than one segment it has not that of the state."""
    meta = cast("dict[str, Any]", decode((folder / META).read_bytes()))
    largest = max(meta["segments"], key=lambda segment: segment["max_doc"])
    name = str(largest["segment_id"]).replace("-", "")
    return folder / f"{name}.store"


def spoil_rows(folder: Path) -> str:
    """Damage an index so that it is opened, and fails when it shows what it has found. Tells the file."""
    file = largest_store(folder)
    body = bytearray(file.read_bytes())
    file.unlink()
    body[:16] = bytes(16)
    file.write_bytes(body)
    return file.name
