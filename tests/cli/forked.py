"""Databases with conflicts, reached in the three ways that commands know: a docstore, another CouchDB, a folder."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from docstore.httpd import serving
from docstore.httpd.app import ONCE, ROUTES
from docstore.httpd.routing import Router
from docstore.testing import TestNode, run_node_in_thread

WAYS = ["docstore", "couchdb", "folder"]
OWN_ENDPOINTS = ("_conflicts", "_tree", "_resolve")
IDS = ["_design/x", "a b/c", "plain", "é"]


def rev(generation: int, letter: str) -> str:
    return f"{generation}-{letter * 32}"


def leaf(doc_id: str, path: str, **members: Any) -> dict[str, Any]:
    """A revision made elsewhere: ``leaf("d", "cba")`` is 3-ccc… and its two ancestors."""
    ids = [letter * 32 for letter in path]
    return {"_id": doc_id, "_rev": f"{len(path)}-{ids[0]}", "_revisions": {"start": len(path), "ids": ids}, **members}


def ask(url: str, method: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def fill(url: str) -> None:
    """A database ``db`` in which four documents are in conflict, and two have a deleted second leaf."""
    ask(f"{url}/db", "PUT")
    documents = [leaf("single", "ba"), leaf("settled", "ba"), leaf("settled", "ca", _deleted=True)]
    documents += [leaf("gone", "ba", _deleted=True), leaf("gone", "ca", _deleted=True)]
    for doc_id in IDS:
        documents += [leaf(doc_id, "cba", n=1), leaf(doc_id, "da", n=2), leaf(doc_id, "ea", _deleted=True)]
        documents.append(leaf(doc_id, "dcba", n=3))
    assert ask(f"{url}/db/_bulk_docs", "POST", {"docs": documents, "new_edits": False}) == []


@contextmanager
def other_couchdb(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestNode]:
    """A server that has nothing but what CouchDB has."""
    plain = [row for row in ROUTES if not row.pattern.endswith(OWN_ENDPOINTS)]
    with monkeypatch.context() as patch:
        patch.setattr(serving, "ROUTER", Router(plain, once=ONCE))
        with run_node_in_thread() as server:
            yield server


@contextmanager
def forked(way: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], list[str]]]:
    """How a command is told of a database of this server, or of this folder."""
    if way == "folder":
        with run_node_in_thread(data=folder / "data") as server:
            fill(server.url)
        yield lambda name: [name, "--data", str(folder / "data")]
    else:
        with other_couchdb(monkeypatch) if way == "couchdb" else run_node_in_thread() as server:
            fill(server.url)
            yield lambda name: [f"{server.url}/{name}"]
