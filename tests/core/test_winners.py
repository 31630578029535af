"""Three hundred revision trees written to a real CouchDB: each must come out the same here."""

import json
from pathlib import Path
from typing import Any

import pytest

from docstore.core.rev import Rev, id_from_text, parse_rev
from docstore.core.revtree import RevTree
from tests.core.trees import Record, replicated

RECORDED = Path(__file__).parent.parent / "conformance" / "data" / "winners_open.jsonl"


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDED.read_text().splitlines()]


def path_of(document: dict[str, Any]) -> list[Rev]:
    start, ids = document["_revisions"]["start"], document["_revisions"]["ids"]
    return [Rev(start - age, id_from_text(rev_id)) for age, rev_id in enumerate(ids)]


def written(case: dict[str, Any], *, knows_length: bool) -> Record:
    record = Record(case["revs_limit"], knows_length=knows_length)
    for request in case["requests"]:
        edits = [
            replicated(path_of(document), document.get("_deleted", False), {"n": document.get("n")})
            for document in request
        ]
        record.replicate_batch(edits)
    return record


def revisions(tree: RevTree, rev: Rev, revs_limit: int) -> dict[str, Any]:
    return {"start": rev.generation, "ids": [each.id_text for each in tree.path_to(rev, revs_limit)]}


@pytest.mark.parametrize("knows_length", [True, False])
@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["id"]))
def test_the_tree_answers_as_couchdb(case: dict[str, Any], knows_length: bool) -> None:
    record = written(case, knows_length=knows_length)
    tree, answer = record.tree, case["answer"]
    winner = tree.winner()

    assert str(winner) == answer["winner"]
    assert tree.nodes[winner].deleted == answer["winner_deleted"]
    assert record.body(winner) == {"n": answer["n"]}
    assert [str(rev) for rev in tree.conflicts()] == answer["conflicts"]
    assert [str(rev) for rev in tree.deleted_conflicts()] == answer["deleted_conflicts"]
    assert [str(rev) for rev in tree.leaves()] == answer["changes"]
    assert revisions(tree, winner, case["revs_limit"]) == answer["revisions"]

    info = [{"rev": str(rev), "status": status} for rev, status in tree.revs_info(winner, record.bodies.__contains__)]
    assert info == answer["revs_info"]

    assert sorted(map(str, tree.leaves())) == [each["rev"] for each in answer["open_revs"]]
    for leaf in answer["open_revs"]:
        rev = parse_rev(leaf["rev"])
        assert tree.nodes[rev].deleted == leaf["deleted"]
        assert record.body(rev) == {"n": leaf["n"]}
        assert revisions(tree, rev, case["revs_limit"]) == leaf["revisions"]


def test_all_rows_are_there() -> None:
    assert len(cases()) == 300
