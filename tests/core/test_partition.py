"""Which ids a partitioned database takes, and which names a partition may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.partition import (
    IllegalPartition,
    check_partition,
    check_partitioned_id,
    id_bounds,
    partition_of,
)
from docstore.errors import DocstoreError, IllegalDocId

NO_UTF8 = "a\ud800"


@pytest.mark.parametrize("doc_id", ["p:1", "p:a:b", "p::", "p:_design/x", "p:_local/x", "ä:ö", "_design/x", "_local/x"])
def test_ids_that_may_be(doc_id: str) -> None:
    check_partitioned_id(doc_id)


@pytest.mark.parametrize(
    ("doc_id", "kind", "reason"),
    [
        ("nopart", IllegalDocId, "Doc id must be of form partition:id"),
        (":x", IllegalPartition, "Partition must not be empty"),
        (":", IllegalPartition, "Partition must not be empty"),
        ("p:", IllegalDocId, "Document id must not be empty"),
        ("p:_x", IllegalDocId, "Only reserved document ids may start with underscore."),
        ("p:_design/", IllegalDocId, "Illegal document id `_design/`"),
    ],
)
def test_ids_that_may_not_be(doc_id: str, kind: type[DocstoreError], reason: str) -> None:
    with pytest.raises(kind) as refused:
        check_partitioned_id(doc_id)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "Partition must not be empty"),
        ("_p", "Partition must not start with an underscore"),
        ("a:b", "Partition must not contain a colon"),
        (NO_UTF8, "Partition must be valid UTF-8"),
    ],
)
def test_names_that_may_not_be(name: str, reason: str) -> None:
    with pytest.raises(IllegalPartition) as refused:
        check_partition(name)
    assert refused.value.reason == reason


@given(st.text(max_size=4), st.text(min_size=1, max_size=4), st.text(max_size=4))
def test_a_partition_is_a_range_of_ids(name: str, rest: str, other: str) -> None:
    try:
        check_partition(name)
        check_partitioned_id(f"{name}:{rest}")
        check_partitioned_id(f"{other}:{rest}")
    except (DocstoreError, UnicodeEncodeError):
        return
    low, high = (bound.encode() for bound in id_bounds(name))
    assert low < f"{name}:{rest}".encode() < high
    assert partition_of(f"{name}:{rest}") == name
    assert (low < f"{other}:{rest}".encode() < high) == (partition_of(f"{other}:{rest}") == name)
