"""``docstore resolve``: in a folder, on a docstore, and on a server that has only what every CouchDB has."""

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docstore.cli.targets import couchdb_resolving, name_resolving, url_resolving
from docstore.cli.targets.url_target import RemoteDatabase
from docstore.core.merge_strategies import ThreeWay
from docstore.core.resolution import live_leaves
from docstore.core.rev import parse_rev
from docstore.core.revtree import RevTree
from docstore.database.database import Database
from docstore.httpd import app, serving
from docstore.httpd.routing import Router
from docstore.node import Node
from docstore.storage.documents.documents import get_record, get_tree
from docstore.testing import run_node, run_node_in_thread
from tests.cli.running import PROGRAM, Said, run
from tests.database import helpers
from tests.database.conflicting import conflict, leaf, opened
from tests.storage_findings import storage_findings

F, E = helpers.rev("2-f"), helpers.rev("2-e")
OLDER, EVE = {"name": "Ann", "age": 31}, {"name": "Eve", "age": 30}
ANN = {"name": "Ann", "age": 30}
OWN = ("/_conflicts", "/_tree", "/_resolve")
"""What no CouchDB has."""


@dataclass
class Place:
    """A database in a folder, resolved in one of three ways."""

    way: str
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def work(self, do: Callable[[Database], Awaitable[Any]]) -> Any:
        """Work on the database itself."""

        async def opened_node() -> Any:
            async with Node(helpers.settings(self.folder)) as node:
                name = "db"
                db = node.registry.open(name) if node.registry.exists(name) else await node.registry.create(name)
                result = await do(db)
                assert storage_findings(node) == []
                return result

        return asyncio.run(opened_node())

    def fill(self, **documents: list[dict[str, object] | None]) -> None:
        """Documents in conflict: the body of the ancestor, None for one that is not there, and those of the leaves."""

        async def write(db: Database) -> None:
            for doc_id, (base, *sides) in documents.items():
                await conflict(db, doc_id, base, *(side for side in sides if side is not None))

        self.work(write)

    def resolve(self, *arguments: str) -> Said:
        if self.way == "name":
            said = run(self.capsys, "resolve", "db", *arguments, "--data", self.folder)
        else:
            with run_node_in_thread(data=self.folder) as running:
                said = run(self.capsys, "resolve", f"{running.url}/db", *arguments)
        assert "--dry-run" in arguments or len(said.out.splitlines()) == 1
        return said

    def read(self, doc_id: str) -> dict[str, object]:
        async def members(db: Database) -> dict[str, object]:
            return opened(db, doc_id)

        return self.work(members)

    def tree(self, doc_id: str) -> RevTree:
        async def stored(db: Database) -> RevTree:
            with db.environment.snapshot() as snapshot:
                record = get_record(snapshot, db.number, doc_id)
                assert record is not None
                return get_tree(snapshot, db.number, record)

        return self.work(stored)


def be_couchdb(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on servers have none of docstore's own endpoints, and do not say that they are docstores."""
    monkeypatch.setattr(url_resolving, "VENDOR", "somebody else")
    monkeypatch.setattr(
        serving, "ROUTER", Router([row for row in app.ROUTES if not row.pattern.endswith(OWN)], once=app.ONCE)
    )


@pytest.fixture(params=["name", "docstore", "couchdb"])
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    if request.param == "couchdb":
        be_couchdb(monkeypatch)
    return Place(request.param, tmp_path / "data", capsys)


def test_all_three_ways_come_to_the_same_tree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, others = ({"content_type": "image/png", "data": data} for data in ("iVBORw==", "iVBORwA="))
    text = {"content_type": "text/plain", "data": "aGVsbG8="}

    async def write(db: Database) -> None:
        stub = {"stub": True}
        base = (await db.update_doc(helpers.document("é/1", n=1.0, _attachments={"kept": pixels, "x/y": pixels}))).rev
        sides = [
            leaf("é/1", (F, base), n=1.0, m=-5e-07, _attachments={"kept": stub, "x/y": stub}),
            leaf("é/1", (E, base), n=2, _attachments={"kept": stub, "x/y": others, "t": text}),
            leaf("é/1", ("3-a", "2-a", base), deleted=True),
        ]
        await db.update_docs(sides, new_edits=False)
        await conflict(db, "_design/d", ANN, OLDER, EVE)

    found = []
    for way in ("name", "docstore", "couchdb"):
        if way == "couchdb":
            be_couchdb(monkeypatch)
        place = Place(way, tmp_path / way, capsys)
        place.work(write)
        said = place.resolve("--strategy", "three-way")
        assert (said.status, said.err) == (0, "")
        assert said.out.rpartition(": ")[2] == "2 resolved\n"
        shapes = [
            {rev: (node.parent, node.deleted) for rev, node in place.tree(doc_id).nodes.items()}
            for doc_id in ("é/1", "_design/d")
        ]
        found.append((shapes, place.read("é/1"), place.read("_design/d")))
    assert found[0] == found[1] == found[2]
    assert found[0][1]["n"] == 2
    assert {name: one["revpos"] for name, one in found[0][1]["_attachments"].items()} == {"kept": 1, "x/y": 3, "t": 3}


def test_the_winner_is_kept(place: Place) -> None:
    place.fill(a=[ANN, OLDER, EVE], b=[ANN, OLDER, EVE, EVE])
    assert place.resolve("--strategy", "winner").out.endswith(": 2 resolved\n")
    assert place.read("b") == {"_id": "b", "_rev": str(F), **OLDER}
    said = place.resolve("--strategy", "winner")
    assert (said.status, said.out.rpartition(": ")[2]) == (0, "0 resolved\n")


def test_one_document(place: Place) -> None:
    place.fill(a=[ANN, OLDER, EVE], b=[ANN, OLDER, EVE], c=[ANN, OLDER])
    said = place.resolve("a", "--strategy", "keep", "--rev", str(E))
    assert (said.status, said.out.rpartition(": ")[2]) == (0, "1 resolved\n")
    assert place.read("a") == {"_id": "a", "_rev": str(E), **EVE}
    assert "_conflicts" in place.read("b")
    said = place.resolve("c", "--strategy", "three-way")
    assert (said.status, said.out.rpartition(": ")[2]) == (0, "0 resolved, 1 not in conflict\n")


def test_one_document_that_cannot_be_resolved(place: Place) -> None:
    place.fill(a=[ANN, OLDER, EVE])
    said = place.resolve("b", "--strategy", "winner")
    assert (said.status, said.out.rpartition(": ")[2]) == (1, "0 resolved, 1 left as they are\n")
    assert said.err.startswith("b: not_found: missing")
    said = place.resolve("a", "--strategy", "keep", "--rev", "1-a")
    assert said.status == 1
    assert len(live_leaves(place.tree("a"))) == 2


def test_the_latest(place: Place) -> None:
    place.fill(a=[ANN, {"at": 1}, {"at": 2}], b=[ANN, {"at": 2}, {"at": 1}], c=[ANN, {"n": 1}, {"n": 2}])
    said = place.resolve("--strategy", "latest", "--by", "/at")
    assert (said.status, said.out.rpartition(": ")[2]) == (1, "2 resolved, 1 left as they are\n")
    assert said.err == "c: merge_clash: No leaf has a value at '/at'.\n"
    assert [place.read(doc_id)["at"] for doc_id in "ab"] == [2, 2]


def test_clashes_and_missing_ancestors(place: Place) -> None:
    place.fill(a=[{"n": 1}, {"n": 2}, {"n": 3}], b=[None, OLDER, EVE], c=[ANN, OLDER, EVE])
    said = place.resolve("--strategy", "three-way")
    assert (said.status, said.out.rpartition(": ")[2]) == (1, "1 resolved, 2 left as they are\n")
    told = said.err.splitlines()
    assert told[0] == "a: merge_clash: The leaves differ at '/n'."
    assert told[1].startswith("b: ancestor_unavailable: ")
    said = place.resolve("--strategy", "three-way", "--on-conflict", "winner")
    assert said.out.rpartition(": ")[2] == "1 resolved, 1 left as they are\n"
    assert place.read("a")["n"] == 2
    options = ("--on-conflict", "winner", "--ancestor", "if-available")
    assert place.resolve("--strategy", "three-way", *options).status == 0
    assert place.read("b")["name"] == "Ann"


def test_a_dry_run_prints_what_would_be_left(place: Place) -> None:
    place.fill(a=[ANN, OLDER, EVE], b=[ANN, OLDER, EVE])
    tried = place.resolve("--strategy", "three-way", "--dry-run")
    assert tried.status == 0
    assert tried.err.endswith(": 2 would be resolved\n")
    documents = [json.loads(line) for line in tried.out.splitlines()]
    assert "_conflicts" in place.read("a")
    place.resolve("--strategy", "three-way")
    assert documents == [place.read("a"), place.read("b")]
    [kept] = [json.loads(line) for line in place.resolve("a", "--strategy", "winner", "--dry-run").out.splitlines()]
    assert kept == place.read("a")


def test_many_documents_are_more_than_a_page(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (name_resolving, url_resolving):
        monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(couchdb_resolving, "AT_ONCE", 2)
    clash, none = [{"n": 1}, {"n": 2}, {"n": 3}], [ANN, OLDER, EVE]
    place.fill(**{f"d{number}": clash if number % 3 == 0 else none for number in range(8)})
    said = place.resolve("--strategy", "three-way")
    assert said.out.rpartition(": ")[2] == "5 resolved, 3 left as they are\n"
    assert [line.partition(":")[0] for line in said.err.splitlines()] == ["d0", "d3", "d6"]


# --- on a CouchDB


def test_attachments_beyond_what_is_carried(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couchdb_resolving, "CARRIED_BYTES", 3)

    async def write(db: Database) -> None:
        base = (await db.update_doc(helpers.document("a"))).rev
        sides = [leaf("a", (rev, base), _attachments={str(rev): {"data": "aGVsbG8="}}) for rev in (F, E)]
        await db.update_docs(sides, new_edits=False)

    place.work(write)
    said = place.resolve("--strategy", "three-way")
    if place.way == "couchdb":
        assert (said.status, said.err.split(": ")[1]) == (1, "attachment_too_large")
        assert len(live_leaves(place.tree("a"))) == 2
    else:
        assert said.status == 0


async def test_a_leaf_that_moves_meanwhile_loses_nothing(tmp_path: Path) -> None:
    """Of two requests to CouchDB the second is refused: the document stays in conflict, and can be resolved again."""

    class Meddling(RemoteDatabase):
        """Somebody edits a losing leaf before the tombstones are written."""

        async def request(self, method, path, body=None):
            if path == "/_bulk_docs" and body["docs"][0].get("_deleted"):
                await db.update_doc(helpers.document("a", E, name="Zoe", age=30))
            return await super().request(method, path, body)

    async with run_node(data=tmp_path / "data") as running, aiohttp.ClientSession() as session:
        db = await running.node.registry.create("db")
        await conflict(db, "a", ANN, OLDER, EVE)
        url = f"{running.url}/db"
        couch = couchdb_resolving.OpenCouch(session, Meddling(session, url))
        outcome = await couch.resolve_one("a", ThreeWay(), dry_run=False)
        assert outcome.error == "conflict"
        assert opened(db, "a")["name"] == "Eve"
        couch = couchdb_resolving.OpenCouch(session, RemoteDatabase(session, url))
        outcome = await couch.resolve_one("a", ThreeWay("winner"), dry_run=False)
        assert (outcome.error, outcome.resolved) == (None, 1)
        assert len(opened(db, "a")) == 4


# --- the command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategy", "keep"], "needs an ID and --rev REV"),
        (["--strategy", "keep", "--rev", "2-a"], "needs an ID and --rev REV"),
        (["a", "--strategy", "keep", "--rev", "x"], "'x' is no revision"),
        (["--strategy", "latest"], "a JSON Pointer such as /updated_at"),
        (["--strategy", "latest", "--by", "at"], "a JSON Pointer such as /updated_at"),
        (["--strategy", "winner", "--by", "/at"], "--by has no meaning with --strategy winner"),
        (["--strategy", "latest", "--by", "/at", "--ancestor", "required"], "--ancestor has no meaning"),
        ([], "Missing option '--strategy'"),
    ],
)
def test_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    said = run(capsys, "resolve", "http://127.0.0.1:1/db", *arguments)
    assert said.status == 2
    assert message in said.err
    assert len(said.err.splitlines()) == 1


def test_a_database_that_is_not_there(place: Place) -> None:
    place.fill()
    said = run(place.capsys, "resolve", "none", "--data", place.folder, "--strategy", "winner")
    assert (said.status, said.err) == (1, "docstore: none: Database does not exist.\n")
    assert run(place.capsys, "resolve", "db", "--data", place.folder / "x", "--strategy", "winner").status == 1


def test_a_terminal_sees_a_progress_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place("name", tmp_path / "data", capsys)
    place.fill(a=[ANN, OLDER, EVE])
    command = [PROGRAM, "resolve", "db", "--data", place.folder, "--strategy", "winner"]
    ours, theirs = pty.openpty()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, check=False, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    seen = os.read(ours, 65536).decode()
    os.close(ours)
    assert (done.returncode, done.stdout) == (0, b"db: 1 resolved\n")
    assert "resolving" in seen or "looking for conflicts" in seen
    assert parse_rev(str(F)) == live_leaves(place.tree("a"))[0]
