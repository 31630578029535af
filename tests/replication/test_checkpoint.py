"""Checkpoints: from where to go on, by the logs of both ends."""

import pytest

from docstore.core.json_text import JsonValue
from docstore.replication.checkpoint import CheckpointFailed, LogDocument, Session, StartingPoint, compare_logs
from docstore.replication.statistics import Statistics
from tests.replication.memory_peer import MemoryPeer


def log(*sessions: int) -> dict[str, JsonValue]:
    """A log whose history has these sessions, newest first; session n ended at sequence n."""
    if not sessions:
        return {}
    history: list[JsonValue] = [
        {"session_id": f"s{number}", "recorded_seq": number, "docs_read": number} for number in sessions
    ]
    return {"session_id": f"s{sessions[0]}", "source_last_seq": sessions[0], "history": history}


@pytest.mark.parametrize(
    ("source", "target", "seq", "history"),
    [
        ((), (), 0, ()),
        ((3, 2, 1), (3, 2, 1), 3, (3, 2, 1)),
        ((3, 2, 1), (), 0, ()),
        ((), (3, 2, 1), 0, ()),
        ((3, 2, 1), (2, 1), 2, (2, 1)),
        ((2, 1), (3, 2, 1), 2, (2, 1)),
        ((9, 2, 1), (8, 7, 2, 1), 2, (2, 1)),
        ((9, 8, 7, 2, 1), (6, 2, 1), 2, (2, 1)),
        ((9, 8), (7, 6), 0, ()),
        ((4, 1), (5, 4, 3), 4, (4,)),
    ],
)
def test_the_latest_session_of_both_logs(
    source: tuple[int, ...], target: tuple[int, ...], seq: int, history: tuple[int, ...]
) -> None:
    start = compare_logs(log(*source), log(*target))
    assert start.seq == seq
    assert [entry["session_id"] for entry in start.history] == [f"s{number}" for number in history]


def record(session: str, seq: JsonValue, *earlier: tuple[str, JsonValue]) -> dict[str, JsonValue]:
    """A log whose sessions ended at these sequences."""
    history: list[JsonValue] = [{"session_id": name, "recorded_seq": at} for name, at in ((session, seq), *earlier)]
    return {"session_id": session, "source_last_seq": seq, "history": history}


@pytest.mark.parametrize(
    ("newer", "older", "seq"),
    [
        (record("b", 9, ("a", 5)), record("b", 7, ("a", 5)), 7),
        (record("b", "19-x", ("a", "5-x")), record("b", "7-y", ("a", "5-x")), "7-y"),
        (record("b", [19, "x"]), record("b", [7, "y"]), [7, "y"]),
        # The older entry counts in the histories too, whichever log it is found in.
        (record("c", 9, ("b", 7), ("a", 5)), record("d", 8, ("b", 6), ("a", 5)), 6),
        (record("b", 9, ("a", 5)), record("a", 3), 3),
        # Which of them is older cannot be told: what both had before is where to go on.
        (record("b", "9-x", ("a", "5-x")), record("b", "9-y", ("a", "5-x")), "5-x"),
        (record("b", "x", ("a", "5-x")), record("b", "y", ("a", "5-x")), "5-x"),
        (record("b", "x"), record("b", "y"), 0),
        (record("b", True), record("b", 1.5), 0),
    ],
)
def test_where_an_end_went_back_the_older_record_counts(
    newer: dict[str, JsonValue], older: dict[str, JsonValue], seq: JsonValue
) -> None:
    assert compare_logs(newer, older).seq == compare_logs(older, newer).seq == seq
    for start in (compare_logs(newer, older), compare_logs(older, newer)):
        assert not start.history or start.history[0]["recorded_seq"] == seq


def test_the_latest_run_tells_what_was_counted() -> None:
    assert compare_logs(log(3, 2), log(3, 2)).statistics() == Statistics(docs_read=3)
    assert StartingPoint().statistics() == Statistics()


@pytest.mark.parametrize(
    "odd",
    [
        {"history": "none"},
        {"history": [1, None, []]},
        {"source_last_seq": 9},
        {"session_id": None, "source_last_seq": 9, "history": [{"recorded_seq": 9}]},
        {"session_id": "x"},
        {"session_id": "x", "source_last_seq": None},
    ],
)
def test_what_somebody_else_wrote_there_is_no_checkpoint(odd: dict[str, JsonValue]) -> None:
    assert compare_logs(odd, odd).seq == 0
    assert compare_logs(log(3), odd).seq == compare_logs(odd, log(3)).seq == 0


def test_a_log_can_be_read_by_what_wrote_it() -> None:
    session = Session("s1", 0.0, 0, earlier=tuple(log(8, 7)["history"]))
    written = session.log("5-x", Statistics(docs_read=2), 60.0)
    start = compare_logs(written, written)
    assert start.seq == "5-x"
    assert start.statistics() == Statistics(docs_read=2)
    assert [entry["session_id"] for entry in start.history] == ["s1", "s8", "s7"]
    assert written["history"][0]["start_time"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert written["history"][0]["end_time"] == "Thu, 01 Jan 1970 00:01:00 GMT"


async def test_a_log_document_is_replaced_and_not_edited() -> None:
    peer = MemoryPeer(checks_locals=True)
    document = LogDocument(peer, "source", "id")
    await document.read()
    assert document.body == {}
    await document.write({"session_id": "s1"})
    await document.write({"session_id": "s2"})
    assert peer.locals["id"] == {"_id": "_local/id", "session_id": "s2", "_rev": "0-2"}
    assert document.body == {"session_id": "s2"}
    again = LogDocument(peer, "source", "id")
    await again.read()
    assert (again.body, again.rev) == ({"session_id": "s2"}, "0-2")


async def test_a_checkpoint_replaces_only_what_was_left_there() -> None:
    peer = MemoryPeer()  # as CouchDB: it takes any revision of a local document
    document = LogDocument(peer, "target", "id")
    await document.read()
    for seq in (1, 2):
        await document.write({"session_id": "s1", "source_last_seq": seq})
    peer.locals["id"] = {"session_id": "s1", "source_last_seq": 1, "_rev": "0-1"}
    with pytest.raises(CheckpointFailed, match="target checkpoint"):
        await document.write({"session_id": "s1", "source_last_seq": 3})
    del peer.locals["id"]
    with pytest.raises(CheckpointFailed):
        await document.write({"session_id": "s1", "source_last_seq": 3})
    assert not peer.locals
