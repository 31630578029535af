"""Document records: the head, growth by one revision, and the way there and back."""

from typing import Any

import pytest

from docstore.core.authorship import Written
from docstore.core.edit import Head
from docstore.core.rev import Rev
from docstore.core.revtree import Node, RevTree
from docstore.storage.documents import records, tree_runs
from docstore.storage.documents.records import (
    HEAD_BYTES,
    DocRecord,
    decode_record,
    encode_record,
    extend,
    from_tree,
    lengthen,
)
from docstore.storage.documents.stamps import pack_stamp, unpack_stamps
from docstore.storage.documents.tree_runs import BLOCK, ENTRY_BYTES, TAIL_MAX
from tests.storage.stores import line, rev


def first(letter: str = "a", generation: int = 1) -> DocRecord:
    return DocRecord(rev(generation, letter), False, 1, 1, 2)


def grow(record: DocRecord, count: int, limit: int, chunks: dict[int, bytes]) -> DocRecord:
    """Extend ``count`` times; ``chunks`` (block -> chunk) follows what each growth asks for."""
    for _ in range(count):
        generation = record.winner.generation + 1
        grown = extend(record, Rev(generation, b"g" * 16), generation, False, 2, limit)
        for block in grown.dropped_blocks:
            del chunks[block]
        chunks.update(grown.sealed)
        record = grown.record
    return record


def test_a_new_document_is_its_head_alone() -> None:
    value = encode_record(first())
    assert len(value) == HEAD_BYTES == 37 + 4
    assert decode_record(value) == first()
    assert records.read_head(value) == (0, 1, 1, 2, 1, b"a" * 16)
    assert records.winner_of(value) == rev(1, "a")
    assert records.winner_text(value) == "1-" + "61" * 16
    assert first().head() == records.head_of(value) == Head(rev(1, "a"), False, 1, 1, True, 1)


def test_a_stamp_follows_the_head() -> None:
    stamp = pack_stamp(Written(5, "bob"))
    value = encode_record(first()._replace(stamp=stamp))
    assert value == bytes([records.STAMPED]) + encode_record(first())[1:] + stamp
    assert decode_record(value) == first()._replace(stamp=stamp)


def test_an_extension_has_its_own_stamp_or_none() -> None:
    alice, bob = pack_stamp(Written(5_000_000, "alice")), pack_stamp(Written(7_000_000, "bob"))
    record = first()._replace(stamp=alice)
    [of_bob, of_nobody] = [extend(record, rev(2, "b"), 2, False, 2, 9, stamp).record for stamp in (bob, b"")]
    assert (unpack_stamps(of_bob.stamps()), of_bob.date) == ({2: Written(7_000_000, "bob")}, 7)
    assert (unpack_stamps(of_nobody.stamps()), of_nobody.date) == ({}, None)
    assert extend(of_nobody, rev(3, "c"), 3, False, 2, 9, alice).record.date is None, "alice's second was told before"
    assert extend(of_nobody, rev(3, "c"), 3, False, 2, 9, bob).record.date == 7
    assert extend(first(), rev(2, "b"), 2, False, 2, 9).record.stamp == b"", "who was never stamped costs nothing"


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("stamp", [b"", pack_stamp(Written(5, "bob"))])
def test_the_head_of_a_chain_is_read_without_the_rest(deleted: bool, stamp: bytes) -> None:
    for live in (0, 1, 7):
        record = first()._replace(deleted=deleted, live=live, tail=b"t" * 24 * live, stamp=stamp, seq=9, body_seq=8)
        assert (
            records.head_of(encode_record(record)) == record.head() == Head(rev(1, "a"), deleted, 9, 8, True, live + 1)
        )


@pytest.mark.parametrize("stamp", [b"", pack_stamp(Written(5, "bob"))])
def test_ancestors_are_found_without_unpacking(stamp: bytes) -> None:
    for live in (0, 1, 2, 9):
        chain = [Rev(generation, bytes([generation]) * 16) for generation in range(5, 5 + live + 1)]
        tail = b"".join(tree_runs.pack_entry(each.id, each.generation, False) for each in chain[:-1])
        value = encode_record(DocRecord(chain[-1], False, 30, 30, 2, live=live, tail=tail, stamp=stamp))
        for generation in range(20):
            asked = Rev(generation, bytes([generation]) * 16)
            assert records.has_ancestor(value, asked) is (asked in chain[:-1])
            assert records.has_ancestor(value, Rev(generation, b"x" * 16)) is False
            assert records.has_ancestor(value, Rev(generation, bytes([generation]) * 3)) is False
        assert records.has_ancestor(value, Rev(2**70, b"odd")) is False


@pytest.mark.parametrize("more", [{"long_id": b"x" * 7168}, {"winner": Rev(1, b"odd")}, {"owner": 9}])
def test_ancestors_of_others_are_not(more: dict[str, Any]) -> None:
    assert records.has_ancestor(encode_record(first()._replace(**more)), rev(1, "a")) is None


def test_the_head_tells_a_deleted_winner_by_its_lowest_bit() -> None:
    value = encode_record(first()._replace(deleted=True))
    assert value[0] & records.DELETED
    assert decode_record(value).deleted


@pytest.mark.parametrize(
    "record",
    [
        first()._replace(long_id=b"x" * 7168),
        first()._replace(winner=Rev(1, b"odd")),
        first()._replace(winner=Rev(1, b"")),
        first()._replace(winner=Rev(10**17, b"a" * 16), long_id=b"y" * 400, owner=9, live=70, tail=b"t" * 24 * 3),
        first()._replace(winner=Rev(1, b"odd"), stamp=pack_stamp(Written(5, "bob"))),
        first()._replace(long_id=b"y" * 400, owner=9, live=70, tail=b"t" * 72, stamp=pack_stamp(Written(5))),
        first()._replace(owner=9, live=70, tail=b"t" * 72, stamp=pack_stamp(Written(5))),
        first()._replace(owner=9, live=64, deleted=True),
        first()._replace(seq=2**61, body_seq=2**60, body_size=8_000_000, live=2, tail=b"t" * 48),
        from_tree(RevTree({Rev(1, b"x"): Node(None, 1, True), Rev(1, b"y"): Node(None, 2, False)}), 2, 5)[0],
    ],
)
def test_rare_parts_come_back(record: DocRecord) -> None:
    value = encode_record(record)
    assert decode_record(value) == record
    assert records.winner_of(value) == record.winner
    assert records.head_of(value) == record.head()
    assert records.winner_text(value) == str(record.winner)
    assert records.record_bytes(record) == len(value)
    if record.long_id:
        assert records.id_of_long(value) == record.long_id


def test_extending_appends_one_entry_and_leaves_the_rest_untouched() -> None:
    chunks: dict[int, bytes] = {}
    record = grow(first(), 40, 1000, chunks)
    before = encode_record(record)
    grown = extend(record, Rev(42, b"n" * 16), 99, True, 7, 1000)
    after = encode_record(grown.record)
    assert after[HEAD_BYTES:-ENTRY_BYTES] == before[HEAD_BYTES:]
    assert after[-ENTRY_BYTES:] == tree_runs.pack_entry(record.winner.id, record.body_seq, False)
    assert grown[1:] == ([], [], 0, range(0))
    assert (grown.record.seq, grown.record.body_seq, grown.record.body_size, grown.record.deleted) == (99, 99, 7, True)


def test_a_long_history_is_sealed_in_chunks_that_no_edit_touches_again() -> None:
    chunks: dict[int, bytes] = {}
    record = first()
    seen: dict[int, bytes] = {}
    for _ in range(999):
        record = grow(record, 1, 1000, chunks)
        assert len(record.tail) <= TAIL_MAX * ENTRY_BYTES
        assert {block: chunks[block] for block in seen} == seen
        seen = dict(chunks)
    assert list(record.blocks) == sorted(chunks) == list(range(15))
    tree = record.tree([chunks[block] for block in record.blocks])
    assert [rev.generation for rev in tree.path_to(record.winner)] == list(range(1000, 0, -1))
    assert len(tree.nodes) == 1000
    assert record.head().length == 1000


@pytest.mark.parametrize("limit", [1, 2, 3, 50, TAIL_MAX, TAIL_MAX + 1, 100, 200])
def test_stemming_while_extending_keeps_what_the_limit_says(limit: int) -> None:
    chunks: dict[int, bytes] = {}
    record = first()
    for generation in range(2, 400):
        record = grow(record, 1, limit, chunks)
        assert sorted(chunks) == list(record.blocks)
        tree = record.tree([chunks[block] for block in record.blocks])
        oldest = max(1, generation - limit + 1)
        assert {rev.generation for rev in tree.nodes} == set(range(oldest, generation + 1))


@pytest.mark.parametrize("limit", [1, 2, 50, TAIL_MAX, TAIL_MAX + 1, TAIL_MAX + 2, 1000])
@pytest.mark.parametrize("stamped", [True, False])
def test_a_record_is_lengthened_as_it_is_extended(limit: int, stamped: bool) -> None:
    stamp = pack_stamp(Written(1_000_000, "ann")) if stamped else b""
    record = first()._replace(stamp=stamp)
    short = 0
    for generation in range(2, 100):
        asked = (Rev(generation, b"n" * 16), generation, generation % 5 == 0, 7, limit, stamp)
        longer = lengthen(record, *asked)
        grown = extend(record, *asked)
        if longer is not None:
            short += 1
            assert longer == grown.record
            assert grown[1:] == ([], [], 0, range(0))
        record = grown.record
    assert short == min(limit - 1, TAIL_MAX)


def test_a_lowered_limit_drops_whole_chunks_and_entries_with_their_bodies() -> None:
    chunks: dict[int, bytes] = {}
    record = grow(first(), 500, 1000, chunks)
    assert len(chunks) > 5
    grown = extend(record, Rev(502, b"n" * 16), 502, False, 2, 10)
    assert grown.dropped_owner == record.owner
    assert list(grown.dropped_blocks) == list(record.blocks)
    assert (grown.record.owner, grown.record.live) == (0, 9)
    entries = len(record.tail) // ENTRY_BYTES
    assert grown.dropped == list(range(501 - entries, 502 - 9))
    assert len(grown.record.tree().nodes) == 10


def test_a_stemmed_entry_leaves_with_its_chunk() -> None:
    chunks: dict[int, bytes] = {}
    record = grow(first(), 199, 200, chunks)
    assert record.live == 199
    record = grow(record, 30, 200, chunks)
    assert (record.live, list(record.blocks)) == (199, [0, 1, 2])
    assert tree_runs.entry_seqs(chunks[0])[0] == 1
    assert 1 in record.stored_seqs([chunks[block] for block in record.blocks])
    record = grow(record, BLOCK, 200, chunks)
    assert 0 not in chunks


def test_only_a_chain_is_extended_and_only_by_its_next_generation() -> None:
    record = first()
    assert record.can_extend(rev(2, "b"))
    assert not record.can_extend(rev(3, "b"))
    assert not record.can_extend(Rev(2, b"odd"))
    odd, _ = from_tree(RevTree.from_path([Rev(1, b"odd")], 1, False), 1, 2)
    assert not odd.can_extend(rev(2, "b"))
    at_the_end = first()._replace(winner=Rev(tree_runs.MAX_GENERATION, b"a" * 16))
    assert not at_the_end.can_extend(Rev(tree_runs.MAX_GENERATION + 1, b"a" * 16))


def test_a_tree_makes_the_record_that_extending_makes() -> None:
    chunks: dict[int, bytes] = {}
    grown = grow(first("g"), 300, 1000, chunks)
    tree = grown.tree([chunks[block] for block in grown.blocks])
    record, sealed = from_tree(tree, grown.seq, grown.body_size, owner=grown.owner)
    assert (record, dict(sealed)) == (grown, chunks)


def test_flags_tell_branches_and_conflicts() -> None:
    live, dead = Node(None, 1, False), Node(None, 2, True)
    for nodes, branched, conflicted in (
        ({rev(1, "a"): live}, False, False),
        ({rev(1, "a"): live, rev(1, "b"): dead}, True, False),
        ({rev(1, "a"): live, rev(1, "b"): Node(None, 3, False)}, True, True),
    ):
        record, sealed = from_tree(RevTree(nodes), 4, 2)
        assert (record.branched, record.conflicted, sealed) == (branched, conflicted, [])
        assert decode_record(encode_record(record)) == record
        assert record.head().linear == (not branched)
        assert record.tree() == RevTree(nodes)


def test_the_place_in_changes_may_be_later_than_the_winners_body() -> None:
    tree = RevTree({rev(2, "a"): Node(None, 1, False), rev(1, "b"): Node(None, 5, False)})
    record, _ = from_tree(tree, 5, 2)
    assert (record.seq, record.body_seq) == (5, 1)


def test_a_path_that_comes_whole_is_sealed_at_once() -> None:
    path = line(500, 1)
    record, sealed = from_tree(RevTree.from_path(path, 7, False), 7, 2)
    assert (record.owner, record.live) == (7, 499)
    assert [block for block, _ in sealed] == list(record.blocks)
    assert record.tree([chunk for _, chunk in sealed]).path_to(path[0]) == path
