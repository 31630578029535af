"""States of a server that a test goes back to.

    before = server.snapshot()
    ...
    server.restore(before)

Owns what a state is: the rows of the store and the settings that were changed while it ran, so users, sessions and
admins too; what they are called; and their form as a file. What was answered before a state is taken is in it. It must
not know who asks. Faults, the journal and the clock are no part of a state.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, cast

from docstore.config.configuration import Changes
from docstore.core.json_text import JsonValue, decode, encode
from docstore.errors import BadRequest, DocstoreError, NotFound, TooLarge
from docstore.httpd.writing import batch
from docstore.node import Node
from docstore.settings import MAX_SNAPSHOT_BYTES, MAX_SNAPSHOTS
from docstore.storage.image import Image
from docstore.storage.image_bytes import BadImage, pack_image, unpack_image

MAGIC: Final = "docstore_state"
VERSION: Final = 1
MAX_HEAD: Final = 4 * 1024 * 1024
NO_STATE: Final = "This is no saved state."


class State(NamedTuple):
    """All of a server that comes back, and the bytes of its rows."""

    image: Image
    changes: Changes
    size: int


class Snapshot(NamedTuple):
    """A state that is kept. ``size``: bytes of the rows; ``databases``: their names."""

    name: str
    size: int
    databases: tuple[str, ...]

    def members(self) -> dict[str, JsonValue]:
        """As it is told over HTTP."""
        return {"name": self.name, "size": self.size, "databases": list(self.databases)}


class Snapshots:
    """The states of one server, in memory."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._states: dict[str, State] = {}
        self._given = 0

    def __iter__(self) -> Iterator[Snapshot]:
        return iter([_told(name, state) for name, state in self._states.items()])

    async def take(self, name: str | None = None) -> Snapshot:
        """Keep the present state, in the place of one that had this name. Raises TooLarge, Unavailable."""
        await batch.written()
        image = await self._node.image()
        return self._keep(name, State(image, self._node.config.changes(), image.size))

    async def restore(self, name: str) -> None:
        """Go back to a state: the store at once, then the settings.

        Raises NotFound, StorageFull, StorageFailed, Unavailable; what raised has changed nothing.
        """
        state = self._find(name)
        await batch.written()
        image = await self._node.put_back(state.image)
        if self._states.get(name) is state:  # else another one was taken, or came back, meanwhile
            self._states[name] = state._replace(image=image)
        await self._node.config.put_back(state.changes)

    def remove(self, name: str) -> None:
        """Forget a state. Raises NotFound."""
        self._find(name)
        del self._states[name]

    def clear(self) -> None:
        """Forget all."""
        self._states.clear()

    def get(self, name: str) -> Snapshot:
        """What is known of a state. Raises NotFound."""
        return _told(name, self._find(name))

    def pack(self, name: str) -> bytes:
        """A state as a file has it. Raises NotFound."""
        state = self._find(name)
        body = pack_image(state.image)
        head = {
            MAGIC: VERSION,
            "sha256": hashlib.sha256(body).hexdigest(),
            "running": _rows(state.changes.running),
            "kept": _rows(state.changes.kept),
        }
        return encode(cast("JsonValue", head)) + b"\n" + body

    def unpack(self, packed: bytes, name: str | None = None) -> Snapshot:
        """Keep a state that was packed, perhaps by another server. Raises BadRequest, TooLarge."""
        head, _, body = packed.partition(b"\n")
        try:
            members = _head(head[:MAX_HEAD])
            if members.get("sha256") != hashlib.sha256(body).hexdigest():
                raise BadRequest("The saved state is damaged.")
            changes = Changes(_words(members.get("running")), _words(members.get("kept")))
            image = unpack_image(body)
        except BadImage as error:
            raise BadRequest(f"{NO_STATE[:-1]}: {error}.") from error
        return self._keep(name, State(image, changes, image.size))

    def save(self, name: str, path: Path) -> None:
        """Write a state into a file, for its owner alone: passwords are in it, though hashed. Raises OSError."""
        packed = self.pack(name)
        path.unlink(missing_ok=True)  # whoever could read what was there cannot read this
        path.touch(0o600, exist_ok=False)
        path.write_bytes(packed)

    def _keep(self, name: str | None, state: State) -> Snapshot:
        if name is None:
            self._given += 1
            name = f"snapshot-{self._given}"
        others = [other.size for known, other in self._states.items() if known != name]
        if len(others) >= MAX_SNAPSHOTS or sum(others) + state.size > MAX_SNAPSHOT_BYTES:
            raise TooLarge(f"A server keeps at most {MAX_SNAPSHOTS} snapshots of {MAX_SNAPSHOT_BYTES} bytes together.")
        self._states[name] = state
        return _told(name, state)

    def _find(self, name: str) -> State:
        state = self._states.get(name)
        if state is None:
            raise NotFound(f"There is no snapshot {name}.")
        return state


def _told(name: str, state: State) -> Snapshot:
    names = sorted(one.name.decode() for one in state.image.databases if one.row)
    return Snapshot(name, state.size, tuple(names))


def _head(line: bytes) -> dict[str, JsonValue]:
    """The first line of a saved state. Raises BadRequest."""
    try:
        members = decode(line)
    except DocstoreError:
        raise BadRequest(NO_STATE) from None
    if not isinstance(members, dict) or members.get(MAGIC) != VERSION:
        raise BadRequest(NO_STATE)
    return members


def _rows(words: dict[tuple[str, str], str]) -> list[JsonValue]:
    return [[section, key, word] for (section, key), word in sorted(words.items())]


def _words(value: JsonValue) -> dict[tuple[str, str], str]:
    words: dict[tuple[str, str], str] = {}
    for row in value if isinstance(value, list) else [None]:
        match row:
            case [str(section), str(key), str(word)]:
                words[section, key] = word
            case _:
                raise BadRequest(NO_STATE)
    return words
