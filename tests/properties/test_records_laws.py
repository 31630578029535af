"""Laws of the values: what is encoded is decoded, and growing a record is growing its tree."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from docstore.core.authorship import Written
from docstore.core.rev import MAX_GENERATION_DIGITS, Rev
from docstore.core.revtree import Node, RevTree
from docstore.storage import keys, rows
from docstore.storage.documents import records, tree_runs
from docstore.storage.documents.purges import PurgeInfo, decode_purge, encode_purge
from docstore.storage.documents.stamps import pack_stamp, unpack_stamps
from docstore.storage.rows import DatabaseRow, DatabaseState, DocCount, LocalRow

U64 = (1 << 64) - 1
U32 = (1 << 32) - 1
seqs = st.integers(1, keys.MAX_SEQ)
generations = st.one_of(
    st.integers(1, 300), st.integers(U32 - 2, U32 + 2), st.integers(1, 10**MAX_GENERATION_DIGITS - 1)
)
hashes = st.binary(min_size=16, max_size=16)
odd_ids = st.text(max_size=20).map(str.encode).filter(lambda rev_id: len(rev_id) != 16)
rev_ids = st.one_of(hashes, hashes, odd_ids)
revs = st.builds(Rev, generations, rev_ids)
# Revisions as they are read back from text: 16 bytes always print as hex.
texts = st.text(max_size=30)


@st.composite
def trees(draw: st.DrawFn) -> RevTree:
    """Any tree: several roots, branches, unwritten and stray revisions, odd ids, with at least one leaf."""
    nodes: dict[Rev, Node] = {}
    odd = draw(st.booleans())
    for seq in range(1, draw(st.integers(1, 12)) + 1):
        rev_id = draw(rev_ids if odd else hashes)
        known = sorted(nodes)
        place = draw(st.integers(0, len(known)))
        parent = known[place - 1] if place else None
        generation = parent.generation + 1 if parent else draw(generations if odd else st.integers(1, 9))
        written = draw(st.booleans())
        node = Node(parent, seq if written else 0, written and draw(st.booleans()))
        nodes.setdefault(Rev(generation, rev_id), node)
    tree = RevTree(nodes)
    if not tree.leaves():
        nodes[Rev(1, b"leaf" * 4)] = Node(None, 99, draw(st.booleans()))
        tree = RevTree(nodes)
    return tree


@st.composite
def chains(draw: st.DrawFn) -> RevTree:
    """A tree of one branch with 16-byte ids, long enough for chunks."""
    first, count = draw(st.integers(1, 200)), draw(st.integers(1, 400))
    unwritten = draw(st.sets(st.integers(0, count - 2), max_size=20)) if count > 1 else set()
    nodes: dict[Rev, Node] = {}
    parent: Rev | None = None
    for place in range(count):
        rev = Rev(first + place, place.to_bytes(16))
        nodes[rev] = Node(parent, 0, False) if place in unwritten else Node(parent, place + 1, place % 3 == 0)
        parent = rev
    return RevTree(nodes)


@given(trees())
def test_whole_trees_come_back(tree: RevTree) -> None:
    packed = tree_runs.pack_tree(tree)
    assert tree_runs.unpack_tree(packed) == tree
    assert tree_runs.pack_tree(tree_runs.unpack_tree(packed)) == packed
    assert tree_runs.linear_length(packed) in (0, len(tree.nodes))


@given(trees() | chains(), seqs, st.integers(0, U32), st.sampled_from([b"", b"x" * 400, b"y" * 7168]))
@settings(deadline=None)
def test_records_come_back_with_their_trees(tree: RevTree, seq: int, size: int, long_id: bytes) -> None:
    record, sealed = records.from_tree(tree, seq, size, long_id=long_id)
    value = records.encode_record(record)
    assert records.decode_record(value) == record
    assert records.record_bytes(record) == len(value)
    chunks = dict(sealed)
    assert sorted(chunks) == list(record.blocks)
    assert record.tree([chunks[block] for block in record.blocks]) == tree
    assert sorted(record.stored_seqs([chunks[block] for block in record.blocks])) == sorted(
        node.seq for node in tree.nodes.values() if node.seq
    )
    winner = tree.winner()
    assert records.winner_of(value) == winner
    assert records.winner_text(value) == str(winner)
    flags, head_seq, body_seq, body_size, _, _ = records.read_head(value)
    assert (bool(flags & records.DELETED), head_seq, body_seq) == (
        tree.nodes[winner].deleted,
        seq,
        tree.nodes[winner].seq,
    )
    assert body_size == size
    assert record.branched == (len(tree.leaves()) > 1)
    assert record.conflicted == (sum(not tree.nodes[leaf].deleted for leaf in tree.leaves()) > 1)
    if long_id:
        assert records.id_of_long(value) == long_id


@given(trees() | chains(), st.sampled_from([b"", b"x" * 400]), st.sets(st.integers(0, 40)), st.integers(0, 9_000_000))
@settings(deadline=None)
def test_so_they_do_with_stamps(tree: RevTree, long_id: bytes, which: set[int], at: int) -> None:
    leaves = [tree.nodes[leaf].seq for leaf in tree.leaves()]
    written = {seq: Written(at + seq, "alice") for place, seq in enumerate(leaves) if place in which}
    stamped = {seq: pack_stamp(one) for seq, one in written.items()}
    record, sealed = records.from_tree(tree, 1, 2, long_id=long_id, stamped=stamped)
    value = records.encode_record(record)
    assert records.decode_record(value) == record
    assert records.record_bytes(record) == len(value)
    assert record.tree([chunk for _, chunk in sealed]) == tree
    assert unpack_stamps(record.stamps()) == written
    assert record.date == (None if len(leaves) > 1 or not written else (at + leaves[0]) // 1_000_000)
    assert records.date_of(value) == record.date
    if long_id:
        assert records.id_of_long(value) == long_id
    assert records.winner_of(value) == tree.winner()


@given(chains(), st.lists(st.tuples(st.integers(1, 40), st.integers(1, 500)), min_size=1, max_size=6))
@settings(deadline=None, max_examples=50)
def test_extending_a_record_is_extending_and_stemming_its_tree(tree: RevTree, growth: list[tuple[int, int]]) -> None:
    """``growth``: how many revisions, under which limit."""
    record, sealed = records.from_tree(tree, 1000, 2)
    chunks = dict(sealed)
    seq = 1000
    stored = {node.seq for node in tree.nodes.values()} - {0}
    for count, limit in growth:
        for _ in range(count):
            seq += 1
            rev = Rev(record.winner.generation + 1, seq.to_bytes(16))
            assert record.can_extend(rev)
            tree = RevTree({**tree.nodes, rev: Node(record.winner, seq, seq % 5 == 0)}).stem(limit)
            record, new, dropped, _, dropped_blocks = records.extend(record, rev, seq, seq % 5 == 0, 2, limit)
            stored.add(seq)
            stored -= set(dropped)
            for block in dropped_blocks:
                stored -= set(tree_runs.entry_seqs(chunks.pop(block)))
            chunks.update(new)
        in_order = [chunks[block] for block in record.blocks]
        assert sorted(chunks) == list(record.blocks)
        assert record.tree(in_order) == tree
        assert set(record.stored_seqs(in_order)) == stored >= {node.seq for node in tree.nodes.values()} - {0}
        assert records.decode_record(records.encode_record(record)) == record
        assert len(record.tail) <= tree_runs.TAIL_MAX * tree_runs.ENTRY_BYTES


printable = st.builds(
    Rev, st.integers(1, 10**17), st.one_of(hashes, texts.map(str.encode).filter(lambda i: len(i) != 16))
)


@given(st.text(max_size=50), printable, st.booleans(), seqs, seqs, st.lists(printable, max_size=4))
def test_changes_come_back_and_are_json(
    doc_id: str, winner: Rev, deleted: bool, seq: int, body_seq: int, others: list[Rev]
) -> None:
    value = rows.encode_change(doc_id, winner, deleted, seq, body_seq, others)
    # An id of 32 characters is read as hex or refused, so such odd ids do not come in.
    if all(len(rev.id.decode()) != 32 for rev in (winner, *others) if len(rev.id) != 16):
        assert rows.decode_change(value, seq) == (doc_id, winner, deleted, body_seq, tuple(others))
    for all_leaves in (False, True):
        printed = json.loads(b"{%b}" % rows.change_text(value, all_leaves))
        assert printed["id"] == doc_id
        leaves = [winner, *others] if all_leaves else [winner]
        assert printed["changes"] == [{"rev": str(rev)} for rev in leaves]
        assert printed.get("deleted", False) == deleted
    assert rows.change_id(value) == doc_id
    assert rows.change_body_seq(value, seq) == body_seq
    assert json.loads(rows.change_rev_json(value)) == str(winner)


@given(st.builds(DatabaseState, *[st.integers(0, U64)] * 10))
def test_states_come_back(state: DatabaseState) -> None:
    assert rows.decode_state(rows.encode_state(state)) == state


@given(
    st.integers(0, U32), st.binary(min_size=16, max_size=16), st.integers(0, U64), st.integers(0, U32), st.booleans()
)
def test_database_rows_come_back(number: int, uuid: bytes, created: int, shards: int, partitioned: bool) -> None:
    row = DatabaseRow(number, uuid.hex(), created, shards, partitioned)
    assert rows.decode_database(rows.encode_database(row)) == row


@given(st.binary(), st.binary(min_size=1))
def test_bodies_come_back_with_their_metadata(metadata: bytes, rest: bytes) -> None:
    body = b"{" + rest
    value = rows.encode_body(body, metadata)
    assert rows.decode_body(value) == (body, metadata)
    assert rows.body_text(value) == body


@given(st.integers(0, U64), st.binary(), st.binary(max_size=7168))
def test_local_rows_come_back(number: int, body: bytes, long_id: bytes) -> None:
    row = LocalRow(number, body, long_id)
    value = rows.encode_local(row)
    assert rows.decode_local(value) == row
    assert rows.id_of_long_local(value) == long_id


@given(st.text(), st.text(), st.lists(revs))
def test_purges_come_back(uuid: str, doc_id: str, named: list[Rev]) -> None:
    info = PurgeInfo(uuid, doc_id, tuple(named))
    assert decode_purge(encode_purge(info)) == info


@given(st.integers(0, U32), st.integers(0, U32), st.integers(0, U64))
def test_counts_come_back(live: int, total: int, number: int) -> None:
    assert rows.decode_doc_count(rows.encode_doc_count(DocCount(live, total))) == (live, total)
    assert rows.decode_count(rows.encode_count(total)) == total
    assert rows.decode_number(rows.encode_number(number)) == number


@given(st.lists(st.integers(0, U32)))
def test_counts_are_summed(counts: list[int]) -> None:
    assert rows.sum_counts([rows.encode_count(count) for count in counts]) == sum(counts)
