"""Whether the files of an index are what was written.

Owns the form of tantivy's files as far as that needs: which of them ``meta.json`` names, and the footer of each, which
has the checksum of what stands before it. It must not know tantivy itself, what an index shows, or what becomes of one
that is damaged. All files are read once, in pieces, so it takes its time and is called in threads. Others may commit
and merge meanwhile. Follows ``directory/footer.rs`` of tantivy.
"""

import os
import re
import struct
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

META: Final = "meta.json"
"""The file that names all others, and without which tantivy opens nothing."""
PARTS: Final = ("idx", "pos", "term", "store", "fast", "fieldnorm")
"""The files of each segment; one from which documents have gone has a further one."""
PIECE: Final = 1024 * 1024
_MAGIC: Final = 1337
_MAX_FOOTER: Final = 50_000
_END: Final = struct.Struct("<II")
"""Behind the footer: its length, and what says that it is one."""
_SEGMENT: Final = re.compile("[0-9a-f]{32}")


class _Deletes(msgspec.Struct):
    opstamp: int


class _Segment(msgspec.Struct):
    segment_id: str
    deletes: _Deletes | None = None


class _Meta(msgspec.Struct):
    segments: list[_Segment]


class _Footer(msgspec.Struct):
    crc: int


def damaged_file(folder: Path, sound: set[str] | None = None) -> str | None:
    """The name of a file that is missing or not what was written; None if there is none.

    ``sound``: files that are known not to be, and are not read; those that are found so come to them. Raises OSError
    for one that the system does not let be read, which is no damage.
    """
    sound = set() if sound is None else sound
    damaged: str | None = None
    while True:
        names = _named(folder)
        if names is None:
            return META
        if damaged in names:
            return damaged
        # Else a merge has replaced it. The files never change, so that only those are read which are new.
        damaged = None
        for name in names:
            if name not in sound and not _is_sound(folder / name):
                damaged = name
                break
            sound.add(name)
        if damaged is None:
            return None


def _named(folder: Path) -> list[str] | None:
    """The files that make up the index now; None if that cannot be known."""
    try:
        meta = msgspec.json.decode((folder / META).read_bytes(), type=_Meta)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    names: list[str] = []
    for segment in meta.segments:
        name = segment.segment_id.replace("-", "")
        if not _SEGMENT.fullmatch(name):
            return None
        names += [f"{name}.{part}" for part in PARTS]
        if segment.deletes is not None:
            names.append(f"{name}.{segment.deletes.opstamp}.del")
    return names


def _is_sound(path: Path) -> bool:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return False
    with file:
        left = file.seek(0, os.SEEK_END) - _END.size
        if left < 0:
            return False
        file.seek(left)
        end = file.read(_END.size)
        if len(end) < _END.size:  # it has shrunk meanwhile
            return False
        length, magic = _END.unpack(end)
        left -= length
        if magic != _MAGIC or length > _MAX_FOOTER or left < 0:
            return False
        file.seek(left)
        try:
            footer = msgspec.json.decode(file.read(length), type=_Footer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        file.seek(0)
        found = 0
        while left and (piece := file.read(min(left, PIECE))):
            found = crc32(piece, found)
            left -= len(piece)
        return found == footer.crc and not left
