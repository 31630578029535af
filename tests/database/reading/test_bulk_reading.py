"""Revisions of many documents: the quick way shows what the long way shows."""

from dataclasses import replace
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.core.attachment import Inline
from docstore.core.document import Document
from docstore.database.reading import bulk_reading
from docstore.database.reading.at_once import TooMuchAtOnce
from docstore.database.reading.bulk_reading import PORTION
from docstore.database.reading.documents import OpenOptions
from docstore.errors import DatabaseNotFound
from tests.database.helpers import document, replicated, rev

IDS = [f"d{number:03}" for number in range(PORTION * 2 + 5)]
OPTIONS = st.builds(
    OpenOptions,
    revs=st.booleans(),
    latest=st.booleans(),
    attachments=st.booleans(),
    att_encoding_info=st.booleans(),
)


@pytest.fixture
async def full(db):
    """Documents of every kind."""
    docs: list[Document] = []
    for number, doc_id in enumerate(IDS):
        match number % 6:
            case 0 | 1:
                docs.append(replicated(doc_id, "1-a", n=number))
            case 2:
                docs.append(replicated(doc_id, "2-b", "1-a", n=number, deleted=number % 4 == 0))
            case 3:
                docs += [replicated(doc_id, "1-a"), replicated(doc_id, "1-b", deleted=True)]
            case 4:
                one = replicated(doc_id, "1-a", deleted=number % 4 == 0)
                spec = (Inline("t", "text/plain", b"t" * number), Inline("p", "image/png", b"p"))
                docs.append(Document(one.id, one.rev, one.deleted, one.body, one.term, one.path, spec))
            case 5:
                docs.append(replicated(doc_id, "1-a", deleted=True))
    await db.update_docs(docs, new_edits=False)
    return db


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*IDS, "absent"]),
            st.sampled_from(["all", (rev("1-a"),), (rev("1-b"),), (rev("1-a"), rev("1-b")), (rev("2-b"),)]),
            st.sampled_from([None, (rev("1-a"),)]),
        ),
        max_size=PORTION * 3,
    ),
    OPTIONS,
)
async def test_the_answers_are_those_of_single_questions(full, requests, options) -> None:
    found = [some async for some in full.bulk_get(requests, options)]
    assert len(found) == len(requests)
    for (doc_id, revs, since), entries in zip(requests, found, strict=True):
        alone = options if since is None else _with(options, since)
        if doc_id == "absent" and revs == "all":
            assert entries == []
        else:
            expected = full.open_revs(doc_id, revs, alone)
            if (
                revs == "all" or alone.latest
            ):  # as a walk through the tree meets them, and those without a body last either way
                expected, entries = (sorted(some, key=lambda one: one.rev) for some in (expected, entries))
            assert entries == expected


def _with(options: OpenOptions, since) -> OpenOptions:
    return replace(options, atts_since=since)


async def test_large_documents_are_not_gathered(db) -> None:
    docs = [document(f"d{number}", x="x" * 100_000) for number in range(20)]
    results = await db.update_docs(docs)
    found = [one async for [one] in db.bulk_get([(result.id, [result.rev]) for result in results])]
    assert [len(one.json) > 100_000 for one in found] == [True] * 20


async def test_a_database_that_is_gone(node, db) -> None:
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        [_ async for _ in db.bulk_get([("a", "all")])]


async def test_a_database_that_goes_while_a_large_tree_is_read(node, db, monkeypatch) -> None:
    """It is gone, and not its documents missing."""
    wanted = [("large", (rev("2-c"),)), ("other", (rev("2-c"),))]
    await db.update_docs(
        [replicated(one, leaf, "1-a") for one, _ in wanted for leaf in ("2-b", "2-c")], new_edits=False
    )
    find, in_thread = bulk_reading.find_tree, bulk_reading.in_thread

    def too_large(*place, at_once: bool):
        if at_once and place[2] == "large":
            raise TooMuchAtOnce
        return find(*place, at_once=at_once)

    async def and_then_it_goes(*arguments):
        found = await in_thread(*arguments)
        await node.registry.delete("db")
        return found

    monkeypatch.setattr(bulk_reading, "find_tree", too_large)
    monkeypatch.setattr(bulk_reading, "in_thread", and_then_it_goes)
    with pytest.raises(DatabaseNotFound):
        [_ async for _ in db.bulk_get(wanted, OpenOptions(revs=True, att_encoding_info=True))]


async def test_leaves_in_the_order_of_the_branches_that_the_limit_shows(db) -> None:
    """As a CouchDB told them whose limit had been made smaller: 3-c, whose branch now begins at 2-c, is met first."""
    docs = [replicated("a", "2-b", "1-a"), replicated("a", "3-c", "2-c", "1-a")]
    await db.update_docs(docs, new_edits=False)

    async def told():
        [entries] = [found async for found in db.bulk_get([("a", "all")])]
        return [entry.rev for entry in entries]

    assert await told() == [rev("2-b"), rev("3-c")]
    await db.set_revs_limit(2)
    assert await told() == [rev("3-c"), rev("2-b")]


async def test_thousands_of_conflicts_of_one_document_are_read_with_its_tree_read_once(db, monkeypatch) -> None:
    """Each of them in a row of its own, as replicators ask."""
    revs = [rev(f"2-{number:04}") for number in range(2_000)]
    await db.update_docs([replicated("c", str(each), "1-a") for each in revs], new_edits=False)
    trees: list[str] = []
    find = bulk_reading.find_tree
    monkeypatch.setattr(bulk_reading, "find_tree", lambda *place, **how: trees.append(place[2]) or find(*place, **how))
    started = process_time()
    requests = [("c", (each,)) for each in revs]
    found = [one.rev async for rows in db.bulk_get(requests, OpenOptions(latest=True, revs=True)) for one in rows]
    assert found == revs
    assert len(trees) < len(revs) / PORTION  # once more for each snapshot
    assert process_time() - started < 2
