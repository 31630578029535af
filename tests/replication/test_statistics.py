"""The counters of a replication."""

from docstore.replication.statistics import Statistics


def test_members_have_the_names_and_the_order_of_checkpoints() -> None:
    assert Statistics(1, 2, 3, 4, 5, 6, 7).members() == {
        "missing_checked": 1,
        "missing_found": 2,
        "docs_read": 3,
        "docs_written": 4,
        "doc_write_failures": 5,
        "bulk_get_docs": 6,
        "bulk_get_attempts": 7,
    }
    assert list(Statistics().members()) == [
        "missing_checked",
        "missing_found",
        "docs_read",
        "docs_written",
        "doc_write_failures",
        "bulk_get_docs",
        "bulk_get_attempts",
    ]


def test_a_history_may_lack_counters_or_have_odd_ones() -> None:
    entry = {"missing_checked": 7, "docs_read": "many", "docs_written": True, "session_id": "x"}
    assert Statistics.from_history(entry) == Statistics(missing_checked=7)
    assert Statistics.from_history(Statistics(1, 2, 3, 4, 5, 6, 7).members()) == Statistics(1, 2, 3, 4, 5, 6, 7)


def test_the_greater_of_each_counter() -> None:
    one, other = Statistics(1, 9, docs_read=3), Statistics(5, 2, docs_written=4)
    assert one.at_least(other) == other.at_least(one) == Statistics(5, 9, 3, 4)
