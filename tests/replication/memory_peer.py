"""A database of plain dicts behind the ``Peer`` protocol, and a wrapper that makes any peer fail as a test says."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev, parse_rev
from docstore.core.revtree import EMPTY, RevTree
from docstore.errors import Conflict
from docstore.replication.errors import PeerNotFound
from docstore.replication.peer import (
    Change,
    ChangesBatch,
    ChangesRequest,
    FetchedDoc,
    MissingDoc,
    MissingRevs,
    Peer,
    PeerInfo,
    Wanted,
    WriteFailure,
)

REVS_LIMIT = 1000


@dataclass
class MemoryPeer:
    """``refuses`` tells what the target does not take. With ``checks_locals`` a stale checkpoint is a conflict."""

    name: str = "memory"
    exists: bool = True
    started: str = "1"
    trees: dict[str, RevTree] = field(default_factory=dict)
    bodies: dict[tuple[str, Rev], dict[str, JsonValue]] = field(default_factory=dict)
    locals: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    seq: int = 0
    refuses: Callable[[FetchedDoc], tuple[str, str] | None] = lambda doc: None
    checks_locals: bool = False
    lost: set[tuple[str, str]] = field(default_factory=set)
    requests: list[ChangesRequest] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    created_with: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        self._written = asyncio.Event()

    # --- the test's side

    def put(self, doc_id: str, *revs: str, deleted: bool = False, **members: JsonValue) -> str:
        """Write a revision with its ancestors, newest first (``"2-b", "1-a"``); the revision."""
        path = [parse_rev(rev) for rev in revs]
        self.seq += 1
        self.trees[doc_id], _ = self.trees.get(doc_id, EMPTY).insert_path(path, self.seq, deleted)
        self.bodies[doc_id, path[0]] = members
        self.seqs.pop(doc_id, None)
        self.seqs[doc_id] = self.seq
        written, self._written = self._written, asyncio.Event()
        written.set()
        return revs[0]

    def purge(self, doc_id: str, *revs: str) -> None:
        tree, _ = self.trees[doc_id].purge_leaves([parse_rev(rev) for rev in revs])
        self.seq += 1
        self.seqs.pop(doc_id)
        if tree is None:
            del self.trees[doc_id]
        else:
            self.trees[doc_id] = tree
            self.seqs[doc_id] = self.seq

    def recreate(self) -> None:
        """Deleted and made anew: empty, and begun later."""
        self.trees.clear()
        self.bodies.clear()
        self.locals.clear()
        self.seqs.clear()
        self.seq = 0
        self.started = str(int(self.started) + 1)

    def leaves(self) -> dict[str, list[str]]:
        """What must be the same on both ends: the leaves of all documents, winners first."""
        return {doc_id: [str(rev) for rev in tree.leaves()] for doc_id, tree in self.trees.items()}

    # --- the protocol

    async def info(self) -> PeerInfo:
        self.calls["info"] += 1
        if not self.exists:
            raise PeerNotFound(f"could not open {self.name}", error="db_not_found")
        return PeerInfo(self.name, self.seq, self.started)

    async def create(self, params: Mapping[str, str] | None = None) -> bool:
        self.created_with = params
        existed, self.exists = self.exists, True
        return not existed

    async def changes(self, request: ChangesRequest) -> AsyncGenerator[ChangesBatch]:
        self.requests.append(request)
        since = request.since if isinstance(request.since, int) and request.since <= self.seq else 0
        while True:
            written = self._written
            rows = [
                Change(
                    seq,
                    doc_id,
                    self._leaves_of(doc_id, request),
                    self.trees[doc_id].nodes[self.trees[doc_id].winner()].deleted,
                )
                for doc_id, seq in self.seqs.items()
                if seq > since and (request.doc_ids is None or doc_id in request.doc_ids)
            ]
            for start in range(0, len(rows), request.batch_rows):
                part = rows[start : start + request.batch_rows]
                since = part[-1].seq
                yield ChangesBatch(part, since, len(rows) - start - len(part))
            since = max(since, self.seq)
            if not request.continuous:
                yield ChangesBatch([], since, 0)
                return
            if not rows:
                yield ChangesBatch([], since, 0)
            await written.wait()

    def _leaves_of(self, doc_id: str, request: ChangesRequest) -> tuple[str, ...]:
        leaves = self.trees[doc_id].leaves()
        return tuple(map(str, leaves if request.all_leaves else leaves[:1]))

    async def revs_diff(self, revs: Mapping[str, Sequence[str]]) -> dict[str, MissingRevs]:
        self.calls["revs_diff"] += 1
        found = {}
        for doc_id, texts in revs.items():
            tree = self.trees.get(doc_id, EMPTY)
            missing = tree.missing([parse_rev(text) for text in texts])
            if missing:
                known = tree.possible_ancestors(missing)
                found[doc_id] = MissingRevs(tuple(map(str, missing)), tuple(map(str, known)))
        return found

    async def fetch(self, wanted: Sequence[Wanted]) -> AsyncGenerator[FetchedDoc | MissingDoc]:
        self.calls["fetch"] += 1
        for doc_id, revs, _ in wanted:
            tree = self.trees.get(doc_id, EMPTY)
            for text in revs:
                rev = parse_rev(text)
                if rev not in tree.nodes or (doc_id, text) in self.lost:
                    yield MissingDoc(doc_id, text, "not_found", "missing")
                    continue
                for leaf in tree.latest(rev):
                    yield self._document(doc_id, leaf)

    def _document(self, doc_id: str, rev: Rev) -> FetchedDoc:
        path = self.trees[doc_id].path_to(rev)
        deleted = self.trees[doc_id].nodes[rev].deleted
        members = {
            "_id": doc_id,
            "_rev": str(rev),
            "_revisions": {"start": rev.generation, "ids": [each.id_text for each in path]},
            **({"_deleted": True} if deleted else {}),
            **self.bodies[doc_id, rev],
        }
        is_bulk = not doc_id.startswith("_design/")
        return FetchedDoc(doc_id, str(rev), deleted, json.dumps(members).encode(), bulk=is_bulk)

    async def write(self, docs: Sequence[FetchedDoc]) -> list[WriteFailure]:
        self.calls["write"] += 1
        failures = []
        for doc in docs:
            refused = self.refuses(doc)
            if refused is not None:
                failures.append(WriteFailure(doc.id, doc.rev, *refused))
                continue
            members = json.loads(doc.text)
            history = members["_revisions"]
            revs = [f"{history['start'] - age}-{rev_id}" for age, rev_id in enumerate(history["ids"])]
            body = {name: value for name, value in members.items() if not name.startswith("_")}
            self.put(doc.id, *revs, deleted=doc.deleted, **body)
        return failures

    async def get_doc(self, doc_id: str) -> dict[str, JsonValue] | None:
        tree = self.trees.get(doc_id)
        return None if tree is None else dict(self.bodies[doc_id, tree.winner()])

    async def get_local(self, doc_id: str) -> dict[str, JsonValue] | None:
        found = self.locals.get(doc_id)
        return None if found is None else dict(found)

    async def put_local(self, doc_id: str, body: Mapping[str, JsonValue]) -> str:
        self.calls["put_local"] += 1
        present = self.locals.get(doc_id, {}).get("_rev")
        if self.checks_locals and body.get("_rev") != present:
            raise Conflict
        rev = f"0-{int(str(present or '0-0')[2:]) + 1}"
        self.locals[doc_id] = {"_id": f"_local/{doc_id}", **body, "_rev": rev}
        return rev

    async def ensure_full_commit(self) -> str:
        self.calls["ensure_full_commit"] += 1
        return self.started

    async def close(self) -> None:
        self.calls["close"] += 1


Fault = Callable[[str, str], None]
"""Called with a method's name and when ("before" or "after" its work, "during" a stream); raises what is to fail."""


class FaultyPeer:
    """A peer whose methods fail as ``fault`` says."""

    def __init__(self, peer: Peer, fault: Fault) -> None:
        self._peer = peer
        self._fault = fault

    @property
    def name(self) -> str:
        return self._peer.name

    async def info(self) -> PeerInfo:
        self._fault("info", "before")
        return await self._peer.info()

    async def create(self, params: Mapping[str, str] | None = None) -> bool:
        self._fault("create", "before")
        return await self._peer.create(params)

    async def changes(self, request: ChangesRequest) -> AsyncGenerator[ChangesBatch]:
        self._fault("changes", "before")
        async for batch in self._peer.changes(request):
            yield batch
            self._fault("changes", "during")

    async def revs_diff(self, revs: Mapping[str, Sequence[str]]) -> dict[str, MissingRevs]:
        self._fault("revs_diff", "before")
        return await self._peer.revs_diff(revs)

    async def fetch(self, wanted: Sequence[Wanted]) -> AsyncGenerator[FetchedDoc | MissingDoc]:
        self._fault("fetch", "before")
        async for doc in self._peer.fetch(wanted):
            yield doc
            self._fault("fetch", "during")

    async def write(self, docs: Sequence[FetchedDoc]) -> list[WriteFailure]:
        self._fault("write", "before")
        failures = await self._peer.write(docs)
        self._fault("write", "after")
        return failures

    async def get_doc(self, doc_id: str) -> dict[str, JsonValue] | None:
        return await self._peer.get_doc(doc_id)

    async def get_local(self, doc_id: str) -> dict[str, JsonValue] | None:
        self._fault("get_local", "before")
        return await self._peer.get_local(doc_id)

    async def put_local(self, doc_id: str, body: Mapping[str, JsonValue]) -> str:
        self._fault("put_local", "before")
        rev = await self._peer.put_local(doc_id, body)
        self._fault("put_local", "after")
        return rev

    async def ensure_full_commit(self) -> str:
        self._fault("ensure_full_commit", "before")
        return await self._peer.ensure_full_commit()

    async def close(self) -> None:
        await self._peer.close()
