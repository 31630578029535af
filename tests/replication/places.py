"""Where peers are in the tests: databases of a node in this process, reached directly or over HTTP.

peers = Peers(server)                 a server, and the peers made for it
peers.local("db"), peers.remote("db")
await seed(peers.local("db"), ...)    revisions written as they are
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing

from docstore.core.rev import parse_rev
from docstore.database.reading.documents import OpenOptions
from docstore.replication.local.peer import LocalPeer
from docstore.replication.peer import (
    ChangesBatch,
    ChangesRequest,
    FetchedDoc,
    MissingDoc,
    Peer,
    Wanted,
    WriteFailure,
)
from docstore.replication.remote.options import RemoteOptions
from docstore.replication.remote.peer import RemotePeer
from docstore.testing import TestNode
from tests.replication.fake_server import NoSleep

WITH_REVS = OpenOptions(revs=True, att_encoding_info=True)


class Peers:
    """Makes peers of one server, and closes them."""

    def __init__(self, server: TestNode) -> None:
        self.server = server
        self.sleep = NoSleep()
        self._made: list[Peer] = []

    def local(self, name: str, **options: object) -> LocalPeer:
        return self._keep(LocalPeer(self.server.node.registry, name, sleep=self.sleep, **options))

    def remote(self, name: str, **options: object) -> RemotePeer:
        return self.at(f"{self.server.url}/{name}", **options)

    def at(self, url: str, **options: object) -> RemotePeer:
        return self._keep(RemotePeer(url, RemoteOptions(**options), sleep=self.sleep))

    def of_kind(self, kind: str, name: str, **options: object) -> Peer:
        return self.local(name) if kind == "local" else self.remote(name, **options)

    def _keep(self, peer):
        self._made.append(peer)
        return peer

    async def close(self) -> None:
        for peer in self._made:
            await peer.close()


def rev(text: str) -> str:
    """A revision id of text such as ``2-b``, where a letter stands for 32 of it."""
    generation, letter = text.split("-")
    return f"{generation}-{letter * 32}" if len(letter) == 1 else text


def doc(doc_id: str, *path: str, deleted: bool = False, **members: object) -> FetchedDoc:
    """A revision and its ancestors, newest first, as ``rev`` takes them."""
    revs = [rev(one) for one in path]
    text = {
        "_id": doc_id,
        "_rev": revs[0],
        "_revisions": {"start": int(revs[0].split("-")[0]), "ids": [one.split("-")[1] for one in revs]},
        **({"_deleted": True} if deleted else {}),
        **members,
    }
    return FetchedDoc(doc_id, revs[0], deleted, json.dumps(text).encode())


def inline(content_type: str, data: bytes, revpos: int = 1) -> dict[str, object]:
    """An attachment whose bytes stand in the document."""
    return {"content_type": content_type, "revpos": revpos, "data": base64.b64encode(data).decode()}


async def seed(peer: Peer, *docs: FetchedDoc) -> None:
    await peer.create()
    assert await peer.write(docs) == []


async def read_all(peer: Peer, **request: object) -> list[ChangesBatch]:
    async with aclosing(peer.changes(ChangesRequest(**request))) as batches:
        return [batch async for batch in batches]


async def leaves_of(peer: Peer, **request: object) -> dict[str, tuple[tuple[str, ...], bool]]:
    """The leaves of each document, and whether the winner is deleted."""
    batches = await read_all(peer, **request)
    return {change.id: (change.revs, change.deleted) for batch in batches for change in batch.changes}


async def fetch_all(peer: Peer, *wanted: Wanted) -> tuple[list[FetchedDoc], list[MissingDoc]]:
    docs, missing = [], []
    async with aclosing(peer.fetch(wanted)) as found:
        async for one in found:
            (docs if isinstance(one, FetchedDoc) else missing).append(one)
    return docs, missing


async def fetch_one(peer: Peer, doc_id: str, *revs: str, known: Sequence[str] = ()) -> FetchedDoc:
    [found], missing = await fetch_all(peer, Wanted(doc_id, tuple(map(rev, revs)), tuple(map(rev, known))))
    assert missing == []
    return found


async def transfer(source: Peer, target: Peer) -> list[WriteFailure]:
    """Everything that the target lacks."""
    failures: list[WriteFailure] = []
    for batch in await read_all(source):
        lacking = await target.revs_diff({change.id: change.revs for change in batch.changes})
        wanted = [Wanted(doc_id, diff.missing, diff.possible_ancestors) for doc_id, diff in lacking.items()]
        docs, missing = await fetch_all(source, *wanted)
        assert missing == []
        failures += await target.write(docs)
    return failures


async def contents(peers: Peers, name: str) -> dict[str, object]:
    """All leaves of a database, each with its JSON and the stored bytes of its attachments."""
    database = peers.server.node.registry.open(name)
    found: dict[str, object] = {}
    for change in [change for batch in await read_all(peers.local(name)) for change in batch.changes]:
        for leaf in change.revs:
            [opened] = database.open_revs(change.id, [parse_rev(leaf)], WITH_REVS)
            members = json.loads(opened.json)
            attachments = {}
            for attachment in members.get("_attachments", {}):
                opening = database.open_attachment(change.id, attachment, parse_rev(leaf))
                attachments[attachment] = b"".join([piece async for piece in opening.stored()])
            found[f"{change.id} {leaf}"] = (members, attachments)
    return found


def md5(data: bytes) -> str:
    return "md5-" + base64.b64encode(hashlib.md5(data).digest()).decode()


def members(found: FetchedDoc) -> Mapping[str, object]:
    return json.loads(found.text)
