"""Documents in conflict, for tests of what the page makes of them."""

from typing import Any

BEFORE = {"title": "Alien", "year": 1978, "genres": ["horror"], "big": 12345678901234567890}
WINNER = BEFORE | {"year": 1979, "genres": ["horror", "space"]}
OTHER = BEFORE | {"year": 1980, "genres": ["horror", "crew"], "director": "Ridley Scott"}


def leaf(doc_id: str, rev: str, body: dict[str, Any], *ancestors: str) -> dict[str, Any]:
    """A revision for ``_bulk_docs`` without new edits; its ancestors are hashes, the nearest first."""
    generation, _, own = rev.partition("-")
    return body | {"_id": doc_id, "_rev": rev, "_revisions": {"start": int(generation), "ids": [own, *ancestors]}}


def conflicted(site: Any, name: str, doc_id: str = "alien") -> None:
    """A database with one document in conflict: two leaves that clash at the year, and their ancestor."""
    database = site.database(name)
    docs = [
        leaf(doc_id, "1-5d1c", BEFORE),
        leaf(doc_id, "2-e2a7", WINNER, "5d1c"),
        leaf(doc_id, "2-80f4", OTHER, "5d1c"),
    ]
    site.ask("POST", f"{database}/_bulk_docs", {"new_edits": False, "docs": docs})
