"""What a soak computes of views is what the server shows, and another document is a finding."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from docstore.testing import TestNode
from tests.httpd.asking import Database
from tests.soak.client import Client
from tests.soak.designs import DESIGN, design, look_at_copied_views, look_at_views
from tests.soak.ledger import Document, Leaf, Ledger


@dataclass
class Asker:
    """As much of a soak's client as is asked here."""

    db: Database

    async def ask(self, method: str, path: str, **_: Any) -> tuple[int, Any, Any]:
        answer = await self.db.ask(method, path.removeprefix("/db"))
        return answer.status, answer.json, answer.headers


@pytest.fixture
async def db(server: TestNode, client: Any) -> Database:
    return await Database(client).create()


async def test_views_of_the_ledger(db: Database) -> None:
    client = cast("Client", Asker(db))
    assert await look_at_copied_views(client, "db", {}) is None  # before there is a design document
    ledger = Ledger()
    ledger.version = 1
    await db.write(DESIGN, design(1))
    for value in range(40):
        doc_id = f"d{value}"
        rev = await db.write(doc_id, {"value": value})
        ledger.docs[doc_id] = Document({rev: Leaf(value)})
    await db.replicate({"_id": "d7", "_rev": "1-0", "value": 7})  # loses
    ledger.docs["d7"].leaves["1-0"] = Leaf(7)
    assert await look_at_views(client, "db", ledger) is None
    found = {doc_id: one.leaves for doc_id, one in ledger.docs.items()}
    assert await look_at_copied_views(client, "db", found) is None
    rev = next(iter(ledger.docs["d3"].leaves))
    ledger.docs["d3"].leaves[rev] = Leaf(4)
    complaint = await look_at_views(client, "db", ledger)
    assert complaint is not None
    assert "pairs?reduce=false of version 1 shows 40 rows for 40" in complaint
    del ledger.docs["d3"]
    assert "shows 40 rows for 39" in (await look_at_views(client, "db", ledger) or "")
