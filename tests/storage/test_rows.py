"""Rows: what is encoded is decoded, and the text of a change is what the feed prints."""

import json

import pytest

from docstore.core.rev import Rev
from docstore.storage import rows
from docstore.storage.documents.purges import PurgeInfo, decode_purge, encode_purge
from docstore.storage.rows import DatabaseRow, DatabaseState, DocCount, LocalRow
from tests.storage.stores import rev

A = "1-" + "61" * 16
B = "2-" + "62" * 16


def change_json(value: bytes, *, all_leaves: bool = False) -> dict[str, object]:
    return json.loads(b"{%b}" % rows.change_text(value, all_leaves))


def test_a_plain_change_is_one_slice_of_the_row() -> None:
    value = rows.encode_change("a", rev(1, "a"), False, 5, 5, ())
    assert value == b'\x00"id":"a","changes":[{"rev":"%b"}]' % A.encode()
    assert rows.change_text(value) == value[1:]
    assert rows.change_text(value, all_leaves=True) == value[1:]


@pytest.mark.parametrize("doc_id", ["a", '"],"changes":[{"rev":"', "\u00e9\U0001f600\x00\n\\", "x" * 7168])
@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("body_seq", [9, 3])
@pytest.mark.parametrize("others", [(), (rev(1, "a"),), (rev(1, "a"), Rev(1, b'},{"rev":"x')), (Rev(3, b""),)])
@pytest.mark.parametrize("winner", [rev(2, "b"), Rev(7, '"odd\u00e9'.encode())])
def test_every_kind_of_change_comes_back(
    doc_id: str, deleted: bool, body_seq: int, others: tuple[Rev, ...], winner: Rev
) -> None:
    value = rows.encode_change(doc_id, winner, deleted, 9, body_seq, others)
    assert rows.decode_change(value, 9) == (doc_id, winner, deleted, body_seq, others)
    assert rows.change_id(value) == json.loads(rows.change_id_json(value)) == doc_id
    assert json.loads(rows.change_rev_json(value)) == str(winner)
    assert (rows.change_deleted(value), rows.change_body_seq(value, 9)) == (deleted, body_seq)
    tail = {"deleted": True} if deleted else {}
    assert change_json(value) == {"id": doc_id, "changes": [{"rev": str(winner)}], **tail}
    revs = [{"rev": str(each)} for each in (winner, *others)]
    assert change_json(value, all_leaves=True) == {"id": doc_id, "changes": revs, **tail}
    assert list(change_json(value)) == ["id", "changes", *tail]


def test_states_keep_every_counter() -> None:
    state = DatabaseState(*range(1, 11))
    assert rows.decode_state(rows.encode_state(state)) == state
    assert len(rows.encode_state(state)) == rows.STATE_BYTES
    state.grow(-3)
    assert (state.file_size, state.active_size, state.external_size) == (3, 4, 8)


def test_database_rows_come_back() -> None:
    row = DatabaseRow(2**32 - 1, "ab" * 16, 1_700_000_000_000_000, 8)
    assert rows.decode_database(rows.encode_database(row)) == row


def test_a_plain_body_is_stored_as_it_is() -> None:
    assert rows.encode_body(b'{"a":1}') == b'{"a":1}'
    assert rows.body_text(b'{"a":1}') == b'{"a":1}'
    assert rows.decode_body(b'{"a":1}') == (b'{"a":1}', b"")


def test_a_body_has_room_for_metadata() -> None:
    value = rows.encode_body(b'{"a":1}', b"\x00meta{")
    assert value[0] == rows.WITH_METADATA
    assert rows.decode_body(value) == (b'{"a":1}', b"\x00meta{")
    assert rows.body_text(value) == b'{"a":1}'


@pytest.mark.parametrize("row", [LocalRow(1, b"{}"), LocalRow(2**40, b'{"a":1}', b"x" * 7000)])
def test_local_rows_come_back(row: LocalRow) -> None:
    value = rows.encode_local(row)
    assert rows.decode_local(value) == row
    assert rows.id_of_long_local(value) == row.long_id


def test_purges_come_back() -> None:
    info = PurgeInfo("u" * 32, "d\u00e9", (rev(3, "a"), Rev(1, b"odd"), Rev(10**17, b"")))
    decoded = decode_purge(encode_purge(info))
    assert decoded == info
    assert isinstance(decoded.revs[0], Rev)


def test_counts_come_back() -> None:
    assert rows.decode_doc_count(rows.encode_doc_count(DocCount(5, 7))) == DocCount(5, 7)
    assert rows.decode_count(rows.encode_count(9)) == 9
    assert rows.decode_number(rows.encode_number(2**40)) == 2**40
    assert rows.sum_counts([rows.encode_count(n) for n in range(100)]) == 4950
    assert rows.sum_counts([]) == 0
