"""A client of a soak that writes documents of its own, at random, and knows what must have come of it.

Owns the choice and the outcome of each write: what an answer says is entered in the ledger, what a lost answer leaves
open is pending there until the next look. Resumable uploads and whole databases have clients of their own.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from urllib.parse import quote

from tests.soak.client import Client, FindingError, LostError, RefusedError
from tests.soak.designs import Designs
from tests.soak.ledger import Change, Document, Leaf, Ledger, Rev, order
from tests.soak.looking import document_leaves

MOST_DOCUMENTS = 150
LARGEST_BULK = 60
KEYED = 0.3
ATTACHED = 0.25
OCTETS = "application/octet-stream"
NAMES = ("a.bin", "b.bin", "c d.bin")

Write = Callable[[], Awaitable[None]]


class Worker:
    """Writes to the database ``name``; ``acknowledged`` is called after each acknowledgement."""

    def __init__(self, client: Client, name: str, seed: int, acknowledged: Callable[[], None]) -> None:
        self.client = client
        self.name = name
        self.ledger = Ledger()
        self.random = Random(seed)
        self.values = 0
        self._acknowledged = acknowledged
        self.designs = Designs(self)
        self._writes: list[tuple[Write, int]] = [
            (self.edit, 30),
            (self.delete, 6),
            (self.stale, 5),
            (self.bulk, 10),
            (self.branch, 12),
            (self.purge, 3),
            (self.resolve, 5),
            (self.local, 4),
            (self.attachment, 8),
            (self.look, 5),
            (self.compact, 1),
            *self.designs.weights,
        ]

    async def write(self) -> None:
        """One request, or what belongs together. A lost or refused one is no finding; anything odd is."""
        chosen = self.random.choices([write for write, _ in self._writes], [weight for _, weight in self._writes])
        try:
            await chosen[0]()
        except (LostError, RefusedError):
            return

    def counted(self) -> None:
        """One more acknowledgement."""
        self.ledger.acknowledged += 1
        self._acknowledged()

    # one document

    async def edit(self) -> None:
        """A new document, or an edit of any live leaf, or of a deleted one without a revision."""
        doc_id, document = await self.choose()
        live = document.live()
        parent = self.random.choice(live) if live else None
        body, leaf = self.content(document, parent)
        change = self._change(document, parent, leaf)
        headers = self.key()
        if parent:
            body["_rev"] = parent
        await self.single(document, change, "PUT", self.path(doc_id), body, headers)

    async def delete(self) -> None:
        """A tombstone on a live leaf."""
        doc_id, document = await self.choose(existing=True)
        live = document.live()
        if not live:
            return
        parent = self.random.choice(live)
        change = self._change(document, parent, Leaf(None, deleted=True))
        await self.single(document, change, "DELETE", f"{self.path(doc_id)}?rev={parent}", None, self.key())

    async def stale(self) -> None:
        """An edit of what is no leaf: 409, and nothing happens."""
        doc_id, document = await self.choose(existing=True)
        if not document.leaves:
            return
        generation, _ = order(document.in_order()[0])
        body = {"_rev": f"{generation}-{self.random.randbytes(16).hex()}", "value": self.value()}
        await self.client.ask("PUT", self.path(doc_id), body, expect=(409,))
        self.counted()

    async def branch(self) -> None:
        """A revision made elsewhere, upon a leaf or beside it."""
        doc_id, document = await self.choose()
        leaves = document.in_order()
        rev_hash = self.random.randbytes(16).hex()
        if not leaves:
            path, generation, gone = (rev_hash,), 1, frozenset[Rev]()
        else:
            upon = self.random.choice(leaves)
            known = document.leaves[upon].path
            step = self.random.randrange(min(3, len(known)))  # 0 extends the leaf, 1 goes beside it
            generation = order(upon)[0] - step + 1
            path = (rev_hash, *known[step:])
            gone = frozenset({upon}) if step == 0 else frozenset()
        value, deleted = self.value(), self.random.random() < 0.15
        doc = {"_id": doc_id, "_rev": f"{generation}-{rev_hash}", "value": value}
        doc["_revisions"] = {"start": generation, "ids": list(path)}
        if deleted:
            doc["_deleted"] = True
        change = Change(gone, Leaf(value, deleted, path), f"{generation}-{rev_hash}")
        async with Outcome(document, change):
            body = {"new_edits": False, "docs": [doc]}
            _, rows, _ = await self.client.ask("POST", f"/{self.name}/_bulk_docs", body)
        if rows:
            raise FindingError(f"{self.name}/{doc_id}: new_edits=false said {rows}")
        document.apply(change, change.rev)
        self.counted()

    async def purge(self) -> None:
        """Forget one leaf."""
        doc_id, document = await self.choose(existing=True)
        if not document.leaves:
            return
        rev = self.random.choice(list(document.leaves))
        change = Change(frozenset({rev}), None)
        async with Outcome(document, change):
            _, said, _ = await self.client.ask("POST", f"/{self.name}/_purge", {doc_id: [rev]})
        if said["purged"] != {doc_id: [rev]}:
            raise FindingError(f"{self.name}/{doc_id}: purge of {rev} said {said}")
        document.apply(change, None)
        await self.relearn(doc_id, document)
        self.counted()

    async def resolve(self) -> None:
        """Keep the winner, tombstones for the other live leaves; what came of it is read."""
        doc_id, document = await self.choose(existing=True)
        live = document.live()
        if len(live) < 2:
            return
        keep = self.random.choice(live)
        body = {"leaves": live, "keep": keep}
        key = {"Idempotency-Key": f'"{self.random.randbytes(12).hex()}"'}
        said = await self.until_answered("POST", f"{self.path(doc_id)}/_resolve", body, key)
        kept = document.leaves[keep]
        gone = {rev: leaf for rev, leaf in document.leaves.items() if rev in live and rev != keep}
        seen = await self.until_seen(doc_id)
        left = {rev: leaf for rev, leaf in document.leaves.items() if rev not in gone}
        new = [rev for rev in seen if rev not in left]
        if len(new) != len(gone) or not all(seen[rev].deleted for rev in new) or not kept.same_content(seen[keep]):
            raise FindingError(f"{self.name}/{doc_id}: resolve of {live} keeping {keep} said {said}, now {seen}")
        document.leaves = {**left, **{rev: seen[rev] for rev in new}}
        self.counted()

    async def look(self) -> None:
        """The winner, and all leaves."""
        doc_id, document = await self.choose(existing=True)
        if not document.leaves:
            return
        winner = document.in_order()[0]
        expected = 404 if document.leaves[winner].deleted else 200
        _, said, _ = await self.client.ask("GET", self.path(doc_id), expect=(expected,))
        if expected == 200 and (said["_rev"], said["value"]) != (winner, document.leaves[winner].value):
            raise FindingError(f"{self.name}/{doc_id}: the winner is {winner}, GET said {said}")
        if complaint := document.settle(await document_leaves(self.client, self.name, doc_id)):
            raise FindingError(f"{self.name}/{doc_id}: {complaint}")

    async def local(self) -> None:
        """A local document, which is replaced without ceremony."""
        doc_id, value = f"l{self.random.randrange(5)}", self.value()
        known = self.ledger.local.setdefault(doc_id, {None})
        known.add(value)
        await self.client.ask("PUT", f"/{self.name}/_local/{doc_id}", {"value": value})
        self.ledger.local[doc_id] = {value}
        self.counted()

    async def compact(self) -> None:
        """Compaction, which changes nothing that anybody sees."""
        await self.client.ask("POST", f"/{self.name}/_compact", {})

    async def attachment(self) -> None:
        """An attachment by its own path, PUT or DELETE."""
        doc_id, document = await self.choose(existing=True)
        live = document.live()
        if not live:
            return
        parent = self.random.choice(live)
        leaf, name = document.leaves[parent], self.random.choice(NAMES)
        attached = dict(leaf.attachments)
        path = f"{self.path(doc_id)}/{quote(name)}?rev={parent}"
        if name in attached and self.random.random() < 0.3:
            del attached[name]
            method, data = "DELETE", None
        else:
            data = self.octets()
            attached[name] = digest(data)
            method = "PUT"
        change = self._change(document, parent, Leaf(leaf.value, False, (), tuple(sorted(attached.items()))))
        async with Outcome(document, change):
            _, said, _ = await self.client.ask(method, path, data=data, headers={"Content-Type": OCTETS})
        document.apply(change, said["rev"])
        self.counted()

    # many

    async def bulk(self) -> None:
        """Edits of many documents in one request; with a key it is sent until there is an answer."""
        chosen: dict[str, tuple[Document, Change]] = {}
        docs: list[dict[str, Any]] = []
        for _ in range(self.random.randint(1, LARGEST_BULK)):
            doc_id, document = await self.choose()
            if doc_id in chosen:
                continue
            live = document.live()
            parent = self.random.choice(live) if live else None
            body, leaf = self.content(document, parent)
            if parent and self.random.random() < 0.1:
                body, leaf = {"_deleted": True}, Leaf(None, deleted=True)
            chosen[doc_id] = document, self._change(document, parent, leaf)
            docs.append({"_id": doc_id, **body, **({"_rev": parent} if parent else {})})
        headers = self.key()
        path = f"/{self.name}/_bulk_docs"
        if headers:
            rows = await self.until_answered("POST", path, {"docs": docs}, headers)
        else:
            try:
                _, rows, _ = await self.client.ask("POST", path, {"docs": docs})
            except (LostError, RefusedError):  # a long request is several commands, of which some may have happened
                for document, change in chosen.values():
                    document.pending.append(change)
                raise
        for row in rows:
            document, change = chosen[row["id"]]
            if row.get("error") == "insufficient_storage":
                continue
            if "rev" not in row:
                raise FindingError(f"{path}: a row says {row}, leaves {document.leaves}")
            document.apply(change, row["rev"])
        self.counted()

    # parts

    async def single(
        self, document: Document, change: Change, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> None:
        """One edit; with a key it is sent until there is an answer, which then says what happened once."""
        if headers:
            said = await self.until_answered(method, path, body, headers)
        else:
            async with Outcome(document, change):
                _, said, _ = await self.client.ask(method, path, body)
        document.apply(change, said["rev"])
        self.counted()

    async def until_answered(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        """The answer of a request with a key, however often it takes."""
        while True:
            try:
                _, said, _ = await self.client.ask(method, path, body, headers=headers)
            except (LostError, RefusedError):
                continue
            return said

    async def until_seen(self, doc_id: str) -> dict[Rev, Leaf]:
        """The leaves of a document, however often it takes."""
        while True:
            try:
                return await document_leaves(self.client, self.name, doc_id)
            except (LostError, RefusedError):
                continue

    async def choose(self, *, existing: bool = False) -> tuple[str, Document]:
        """A document about which nothing is open."""
        known = self.ledger.existing()
        fresh = not existing and (not known or (len(known) < MOST_DOCUMENTS and self.random.random() < 0.3))
        if fresh or not known:
            doc_id = f"{self.name}-{self.random.randrange(MOST_DOCUMENTS * 4)}"
        else:
            doc_id = self.random.choice(known)
        document = self.ledger.document(doc_id)
        if document.pending:
            seen = await document_leaves(self.client, self.name, doc_id)
            if complaint := document.settle(seen):
                raise FindingError(f"{self.name}/{doc_id}: {complaint}")
        return doc_id, document

    async def relearn(self, doc_id: str, document: Document) -> None:
        """What is known of the leaves' paths, after something that may shorten them."""
        seen = await self.until_seen(doc_id)
        if complaint := document.settle(seen):
            raise FindingError(f"{self.name}/{doc_id}: {complaint}")
        document.leaves = dict(seen)

    def content(self, document: Document, parent: Rev | None) -> tuple[dict[str, Any], Leaf]:
        """A body, sometimes with attachments: those of the parent as stubs, a new one inline."""
        value = self.value()
        body: dict[str, Any] = {"value": value, "fill": "x" * self.random.choice((0, 10, 300, 3000))}
        attached: dict[str, str] = {}
        members: dict[str, Any] = {}
        if parent and self.random.random() < 0.7:
            attached = dict(document.leaves[parent].attachments)
            members = {name: {"stub": True, "content_type": OCTETS} for name in attached}
        if self.random.random() < ATTACHED:
            name, data = self.random.choice(NAMES), self.octets()
            attached[name] = digest(data)
            members[name] = {"content_type": OCTETS, "data": base64.b64encode(data).decode()}
        if members:
            body["_attachments"] = members
        return body, Leaf(value, False, (), tuple(sorted(attached.items())))

    def octets(self) -> bytes:
        """Bytes of an attachment, few mostly."""
        return self.random.randbytes(self.random.choice((0, 1, 500, 5_000, 100_000, 1_500_000)))

    def key(self) -> dict[str, str]:
        """The header of a request that is sent until there is an answer, or none."""
        if self.random.random() >= KEYED:
            return {}
        return {"Idempotency-Key": f'"{self.random.randbytes(12).hex()}"'}

    def value(self) -> int:
        """A number that stands in one revision alone."""
        self.values += 1
        return self.values

    def path(self, doc_id: str) -> str:
        """Of a document."""
        return f"/{self.name}/{quote(doc_id, safe='')}"

    def _change(self, document: Document, parent: Rev | None, leaf: Leaf) -> Change:
        """An interactive edit of a leaf; without a parent of the deleted winner, if there is one."""
        upon = parent or (document.in_order()[0] if document.leaves else None)
        path = document.leaves[upon].path if upon else ()
        gone = frozenset({upon}) if upon else frozenset[Rev]()
        return Change(gone, Leaf(leaf.value, leaf.deleted, path, leaf.attachments))


class Outcome:
    """``async with Outcome(document, change)``: if the answer is lost, the change is pending."""

    def __init__(self, document: Document, change: Change) -> None:
        self._document = document
        self._change = change

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LostError):
            self._document.pending.append(self._change)


def digest(data: bytes) -> str:
    """As CouchDB shows it, of bytes that are stored as they are."""
    return "md5-" + base64.b64encode(hashlib.md5(data).digest()).decode()
