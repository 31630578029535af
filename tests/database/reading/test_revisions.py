"""What a replica lacks."""

import pytest

from docstore.database.reading.revisions import RevsDiff
from tests.database.helpers import replicated, rev


@pytest.fixture
async def tree(db):
    await db.update_docs(
        [replicated("t", "3-c", "2-b", "1-a"), replicated("t", "2-d", "1-a"), replicated("u", "1-a")], new_edits=False
    )
    return db


async def test_known_documents_and_unknown_ones(tree):
    answer = tree.revs_diff(
        {
            "t": [rev("3-c"), rev("2-d"), rev("1-a"), rev("4-e")],
            "u": [rev("1-a")],
            "v": [rev("1-abc"), rev("2-def")],
        }
    )
    assert answer == {
        "t": RevsDiff([rev("4-e")], [rev("3-c"), rev("2-d")]),
        "v": RevsDiff([rev("1-abc"), rev("2-def")], []),
    }
    assert list(answer) == ["t", "v"]


async def test_interior_revisions_are_present(tree):
    assert tree.revs_diff({"t": [rev("2-b"), rev("1-a")]}) == {}


async def test_ancestors_are_leaves_of_lower_generation(tree):
    assert tree.revs_diff({"t": [rev("2-f")]})["t"].possible_ancestors == []
    assert tree.revs_diff({"t": [rev("3-f")]})["t"].possible_ancestors == [rev("2-d")]
    assert tree.revs_diff({"u": [rev("9-f")]})["u"].possible_ancestors == [rev("1-a")]


async def test_nothing_asked_nothing_missing(tree):
    assert tree.revs_diff({}) == {}
    assert tree.revs_diff({"t": [], "v": []}) == {}


async def test_a_revision_asked_for_twice_is_answered_twice(tree):
    assert tree.revs_diff({"t": [rev("4-e"), rev("4-e")]})["t"].missing == [rev("4-e"), rev("4-e")]
