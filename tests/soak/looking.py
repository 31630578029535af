"""What a server shows of a database, in the ledger's words: all leaves, or those of one document.

Owns the reading. It does not judge.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from tests.soak.client import Client
from tests.soak.ledger import Leaf, Rev

FETCHED_AT_ONCE = 200
DESIGNS = "_design/"
"""Design documents have no ledger."""


def leaf_of(doc: Mapping[str, Any]) -> Leaf:
    """A document with ``revs=true`` as a leaf."""
    attachments = doc.get("_attachments", {})
    digests = tuple(sorted((name, str(stub["digest"])) for name, stub in attachments.items()))
    path = tuple(doc.get("_revisions", {}).get("ids", ()))
    return Leaf(doc.get("value"), bool(doc.get("_deleted")), path, digests)


async def document_leaves(client: Client, database: str, doc_id: str) -> dict[Rev, Leaf]:
    """All leaves of one document; nothing where there is none."""
    path = f"/{database}/{quote(doc_id, safe='')}?open_revs=all&revs=true"
    status, rows, _ = await client.ask("GET", path, headers={"Accept": "application/json"}, expect=(200, 404))
    if status == 404:
        return {}
    return {row["ok"]["_rev"]: leaf_of(row["ok"]) for row in rows}


async def all_leaves(client: Client, database: str) -> dict[str, dict[Rev, Leaf]]:
    """All documents with all their leaves and what stands in them; read by the feed, then by ``_bulk_get``."""
    _, feed, _ = await client.ask("GET", f"/{database}/_changes?style=all_docs")
    rows = [row for row in feed["results"] if not row["id"].startswith(DESIGNS)]
    wanted = [{"id": row["id"], "rev": change["rev"]} for row in rows for change in row["changes"]]
    found: dict[str, dict[Rev, Leaf]] = {row["id"]: {} for row in rows}
    for at in range(0, len(wanted), FETCHED_AT_ONCE):
        body = {"docs": wanted[at : at + FETCHED_AT_ONCE]}
        _, fetched, _ = await client.ask("POST", f"/{database}/_bulk_get?revs=true", body)
        for result in fetched["results"]:
            for row in result["docs"]:
                doc = row.get("ok")
                found[result["id"]][doc["_rev"] if doc else f"0-{msgspec.json.encode(row).decode()}"] = (
                    leaf_of(doc) if doc else Leaf(None)
                )
    return found


async def live_winners(client: Client, database: str) -> dict[str, Rev]:
    """What ``_all_docs`` lists."""
    _, listed, _ = await client.ask("GET", f"/{database}/_all_docs")
    return {row["id"]: row["value"]["rev"] for row in listed["rows"] if not row["id"].startswith(DESIGNS)}
