"""A copy that is written to while it is compared is looked at again; one that is not as it should be is a finding."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from docstore.testing import TestNode
from tests.httpd.asking import Database
from tests.soak.client import Client
from tests.soak.copies import look_at_copy
from tests.soak.designs import DESIGN, design
from tests.soak.ledger import Document, Leaf, Ledger


@dataclass
class Asker:
    """As much of a soak's client as is asked here. What ``late`` does comes behind what is read of the documents."""

    db: Database
    late: Callable[[], Awaitable[None]] | None = None
    looks: int = 0

    async def ask(self, method: str, path: str, body: Any = None, **_: Any) -> tuple[int, Any, Any]:
        if path.endswith("/_revs_diff"):
            self.looks += 1
            if self.late is not None:
                await self.late()
        answer = await self.db.ask(method, path.removeprefix("/db"), body)
        return answer.status, answer.json, answer.headers


@pytest.fixture
async def db(server: TestNode, client: Any) -> Database:
    return await Database(client).create()


@pytest.fixture
async def ledger(db: Database) -> Ledger:
    """What is known of ten documents that are there."""
    ledger = Ledger()
    ledger.version = 1
    await db.write(DESIGN, design(1))
    for value in range(10):
        rev = await db.write(f"d{value}", {"value": value})
        ledger.docs[f"d{value}"] = Document({rev: Leaf(value)})
    return ledger


async def look(asker: Asker, ledger: Ledger, *, patience: float = 60.0) -> list[str]:
    return await look_at_copy(cast("Client", asker), "db", ledger, patience=patience)


async def test_a_batch_that_was_held_lands_while_the_copy_is_compared(db: Database, ledger: Ledger) -> None:
    """The tombstone of a document that the source has purged meanwhile."""
    rev = next(iter(ledger.docs.pop("d3").leaves))

    async def tombstone() -> None:
        asker.late = None
        await db.delete(f"d3?rev={rev}")

    asker = Asker(db, tombstone)
    assert await look(asker, ledger) == []
    assert asker.looks == 2


async def test_a_copy_at_rest_is_looked_at_once(db: Database, ledger: Ledger) -> None:
    asker = Asker(db)
    assert await look(asker, ledger) == []
    assert asker.looks == 1


async def test_what_is_wrong_with_a_copy_at_rest(db: Database, ledger: Ledger) -> None:
    seq = (await db.get("")).json["update_seq"]
    rev = next(iter(ledger.docs["d3"].leaves))
    ledger.docs["d3"].leaves[rev] = Leaf(4)
    (complaint,) = await look(Asker(db), ledger)
    assert complaint.startswith(f"the copy of db/d3 {rev} is Leaf(value=3")
    assert complaint.endswith(f"(its update_seq: {seq}, and then {seq})")
    ledger.docs["d3"].leaves["2-0"] = Leaf(5)
    complaints = await look(Asker(db), ledger)
    assert complaints[0].startswith("the copy of db lacks 1 documents: {'d3'")
    assert len(complaints) == 2


async def test_views_of_a_copy_at_rest(db: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.soak.designs.modulus", lambda _version: 7)
    (complaint,) = await look(Asker(db), ledger)
    assert "the copy of db: pairs?reduce=false of version 1 shows 10 rows for 10" in complaint
    assert "its update_seq" in complaint


async def test_a_copy_that_does_not_come_to_rest(db: Database, ledger: Ledger) -> None:
    async def write() -> None:
        await db.post("", {"value": 1})

    asker = Asker(db, write)
    (complaint,) = await look(asker, ledger, patience=0.2)
    assert re.fullmatch(r"the copy of db is still written to after 0 s: from \d+-\S+ to \d+-\S+", complaint)
    assert asker.looks > 1
