"""Stamps: who wrote a leaf and when, as bytes, and of which a date may be told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.authorship import MAX_AT, MAX_NAME_BYTES, Written
from docstore.storage.documents.stamps import (
    GONE,
    beside,
    date_at,
    following,
    is_sound,
    left_alone,
    pack_rows,
    pack_stamp,
    stamp_end,
    unpack_rows,
    unpack_stamp,
    unpack_stamps,
)

writes = st.builds(Written, st.integers(0, MAX_AT), st.none() | st.text(min_size=1, max_size=9))
seconds = st.integers(0, 5_000_000)


def at(micros: int) -> bytes:
    return pack_stamp(Written(micros, "alice"))


@given(writes)
def test_a_stamp_says_what_was_written(written: Written) -> None:
    stamp = pack_stamp(written)
    assert unpack_stamp(stamp) == written
    assert unpack_stamp(following(stamp, at(MAX_AT))) == written, "though it gives no date"
    assert stamp_end(b"head" + stamp + b"tail", 4) == 4 + len(stamp)


names = st.sampled_from([None, "al", "x" * MAX_NAME_BYTES, "x" + "é" * MAX_NAME_BYTES, "xx" + "\U0001f600" * 200])


@given(st.integers(-5, MAX_AT + 5), names, st.integers(0, MAX_AT))
def test_all_that_are_made_are_sound(time: int, name: str | None, before: int) -> None:
    stamp = pack_stamp(Written(time, name))
    for made in (stamp, following(stamp, at(before)), following(b"", at(before)), left_alone(stamp, at(before))):
        assert is_sound(made)
        assert not is_sound(made + b"x")
        assert not is_sound(made[:-1])


@pytest.mark.parametrize(
    "stamp",
    [
        b"\x00\x08" + bytes(7) + b"\x01",
        b"\x00\x08" + b"\xff" * 8,
        b"\x00\x12" + b"\xff" * 8 + bytes(8) + b"al",
        b"\x00\x10" + b"\xff" * 16,
        b"\x00\x08\x7f" + bytes(7),
        b"\x02\x60" + bytes(8) + b"x" * 600,
    ],
)
def test_what_is_none_is_seen_and_followed_all_the_same(stamp: bytes) -> None:
    assert not is_sound(stamp)
    assert is_sound(following(at(5), stamp))
    assert unpack_stamp(following(at(5), stamp)) == Written(5, "alice")
    assert unpack_stamp(following(at(6), following(at(5), stamp))) == Written(6, "alice")


def test_its_length() -> None:
    assert len(at(5)) == 2 + 8 + len("alice")
    assert len(pack_stamp(Written(5))) == 2 + 8


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x" * MAX_NAME_BYTES, "x" * MAX_NAME_BYTES),
        ("x" * (MAX_NAME_BYTES + 1), "x" * MAX_NAME_BYTES + "…"),
        ("x" + "é" * MAX_NAME_BYTES, "x" + "é" * ((MAX_NAME_BYTES - 1) // 2) + "…"),
        ("\ud800", "?"),
        ("", None),
    ],
)
def test_every_name_can_be_kept(name: str, kept: str | None) -> None:
    assert unpack_stamp(pack_stamp(Written(1, name))).by == kept


@pytest.mark.parametrize(("told", "kept"), [(-1, 0), (MAX_AT + 1, MAX_AT)])
def test_so_can_every_time(told: int, kept: int) -> None:
    assert unpack_stamp(pack_stamp(Written(told))).at == kept


@given(st.lists(seconds, min_size=1, max_size=8))
def test_dates_of_revisions_that_follow_each_other_grow(times: list[int]) -> None:
    stamp = at(times[0])
    told = [date_at(stamp, 0)]
    for time in times[1:]:
        stamp = following(at(time), stamp)
        told.append(date_at(stamp, 0))
    dates = [date for date in told if date is not None]
    assert dates == sorted(set(dates))
    for place, date in enumerate(told):
        earlier = max((time // 1_000_000 for time in times[:place]), default=-1)
        assert date == (times[place] // 1_000_000 if times[place] // 1_000_000 > earlier else None)


@given(st.lists(seconds, min_size=1, max_size=4), seconds)
def test_what_came_from_elsewhere_says_only_until_when(times: list[int], time: int) -> None:
    elsewhere = following(b"", *map(at, times))
    assert unpack_stamp(elsewhere) is None
    assert date_at(elsewhere, 0) is None
    assert following(b"", elsewhere) == elsewhere
    later = date_at(following(at(time), elsewhere), 0)
    assert later == (time // 1_000_000 if time // 1_000_000 > max(times) // 1_000_000 else None)


@given(st.dictionaries(st.integers(1, 9), seconds, min_size=1, max_size=4), st.integers(1, 9), seconds)
def test_what_is_left_of_several_has_no_date_and_what_follows_a_later_one(
    times: dict[int, int], which: int, time: int
) -> None:
    before = {seq: at(one) for seq, one in times.items()}
    left = left_alone(before.get(which, b""), *before.values())
    assert unpack_stamp(left) == (unpack_stamp(before[which]) if which in before else None)
    assert date_at(left, 0) is None
    later = date_at(following(at(time), left), 0)
    assert later is None or later > max(times.values()) // 1_000_000
    assert left_alone(left, *before.values()) == left


@given(st.dictionaries(st.integers(1, 1 << 61), writes, max_size=5), st.sets(st.integers(1, 1 << 61), max_size=3))
def test_beside_each_other_leaves_keep_theirs_and_those_that_went_say_until_when(
    written: dict[int, Written], others: set[int]
) -> None:
    before = {seq: pack_stamp(one) for seq, one in written.items()}
    leaves = {*list(before)[::2], *others}
    new = {1 << 62: at(5)}
    stamps = beside(before, leaves, new)
    gone = [stamp for seq, stamp in before.items() if seq not in leaves]
    assert stamps.pop(GONE, None) == (following(b"", *gone) if gone else None)
    assert stamps == {seq: stamp for seq, stamp in before.items() if seq in leaves} | new
    again = beside({GONE: at(9), **stamps}, {*stamps}, {})
    assert again == {GONE: following(b"", at(9)), **stamps}


@given(st.dictionaries(st.integers(0, 1 << 61), writes, max_size=5))
def test_rows_are_in_their_order(written: dict[int, Written]) -> None:
    stamps = {seq: pack_stamp(one) for seq, one in written.items()}
    rows = unpack_rows(pack_rows(stamps))
    assert rows == stamps
    assert list(rows) == sorted(rows)
    assert unpack_stamps(rows) == written
