"""A copy against what is known of its source: it lacks no leaf, and shows through its views what it has.

Owns the comparison. A continuous replication may still bring what it held while the copy was away, even of documents
that the source has purged meanwhile. So what was read counts only if the copy took no write while it was read.
"""

import asyncio
from time import monotonic

from tests.soak.client import Client
from tests.soak.designs import look_at_copied_views
from tests.soak.ledger import Ledger
from tests.soak.looking import all_leaves

PATIENCE = 120.0
PAUSE = 0.05


async def look_at_copy(client: Client, name: str, ledger: Ledger, *, patience: float = PATIENCE) -> list[str]:
    """Complaints about the copy of a database, of a time in which nothing was written to it.

    One complaint alone if it is still written to after ``patience`` seconds.
    """
    give_up = monotonic() + patience
    while True:
        before = await _update_seq(client, name)
        complaints = await _differences(client, name, ledger)
        after = await _update_seq(client, name)
        if before == after:
            return [f"{one} (its update_seq: {before}, and then {after})" for one in complaints]
        if monotonic() >= give_up:
            return [f"the copy of {name} is still written to after {patience:.0f} s: from {before} to {after}"]
        await asyncio.sleep(PAUSE)


async def _differences(client: Client, name: str, ledger: Ledger) -> list[str]:
    found = await all_leaves(client, name)
    leaves = {doc_id: list(ledger.docs[doc_id].leaves) for doc_id in ledger.existing()}
    _, missing, _ = await client.ask("POST", f"/{name}/_revs_diff", leaves)
    complaints = []
    if missing:
        complaints.append(f"the copy of {name} lacks {len(missing)} documents: {dict(list(missing.items())[:3])}")
    for doc_id, revs in leaves.items():
        for rev in revs:
            there = found.get(doc_id, {}).get(rev)
            if there is not None and not there.same_content(ledger.docs[doc_id].leaves[rev]):
                complaints.append(f"the copy of {name}/{doc_id} {rev} is {there}")
    if not complaints and (odd := await look_at_copied_views(client, name, found)) is not None:
        complaints.append(odd)
    return complaints


async def _update_seq(client: Client, name: str) -> str:
    _, info, _ = await client.ask("GET", f"/{name}")
    return str(info["update_seq"])
