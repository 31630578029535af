"""Ranges of shards, against what CouchDB 3.5 told."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.shards import SPACE, range_of, ranges
from docstore.errors import IllegalDocId

QS = st.integers(1, 300)


def test_as_recorded():
    assert list(ranges(1)) == ["00000000-ffffffff"]
    assert list(ranges(3)) == ["00000000-55555554", "55555555-aaaaaaa9", "aaaaaaaa-ffffffff"]
    assert list(ranges(4)) == ["00000000-3fffffff", "40000000-7fffffff", "80000000-bfffffff", "c0000000-ffffffff"]
    told = [range_of(3, doc_id, partitioned=False) for doc_id in ("a", "b", "zz", "1")]
    assert told == ["aaaaaaaa-ffffffff", "55555555-aaaaaaa9", "00000000-55555554", "55555555-aaaaaaa9"]
    assert range_of(4, "abc", partitioned=False) == "00000000-3fffffff"
    for doc_id in ("foo:bar", "foo:baz"):
        assert range_of(4, doc_id, partitioned=True) == "80000000-bfffffff"
    with pytest.raises(IllegalDocId, match="Doc id must be of form partition:id"):
        range_of(4, "foo", partitioned=True)


@given(QS)
def test_ranges_follow_each_other_and_leave_nothing_out(q):
    bounds = [[int(one, 16) for one in told.split("-")] for told in ranges(q)]
    assert len(bounds) == q
    assert bounds[0][0] == 0
    assert bounds[-1][1] == SPACE - 1
    assert all(after[0] == before[1] + 1 for before, after in pairwise(bounds))


@given(QS, st.text(min_size=1))
def test_an_id_is_in_one_of_them(q, doc_id):
    assert range_of(q, doc_id, partitioned=False) in set(ranges(q))
