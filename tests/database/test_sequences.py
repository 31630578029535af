"""Update sequences as text and the reading of `since`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.database.sequences import EPOCH_SHIFT, instance_start_time, opaque_part, parse_since
from docstore.errors import BadRequest

UUID = "00112233445566778899aabbccddeeff"
OTHER_UUID = "ff112233445566778899aabbccddeeff"
OPAQUE = opaque_part(UUID, 3)
COUCHDB = "g1AAAACLeJzLYWBgYMpgTmHgz8tPSTV0MDQy1zMAQsMcoARTIkOS_P___7MSGXAqSVIAkkn2IFUZzIkM"


def test_opaque_names_incarnation_and_epoch():
    assert opaque_part(UUID, 3) == OPAQUE
    assert len({OPAQUE, opaque_part(OTHER_UUID, 3), opaque_part(UUID, 4)}) == 3


def test_opaque_is_safe_in_a_url():
    assert OPAQUE.replace("-", "").replace("_", "").isalnum()


@given(st.integers(0, 1 << 62), st.integers(0, 1 << 62))
def test_own_sequence_is_read_back_unless_beyond_the_end(seq, update_seq):
    assert parse_since(f"{seq}-{OPAQUE}", OPAQUE, update_seq) == (seq if seq <= update_seq else 0)


@pytest.mark.parametrize("value", [0, "0", f"0-{OPAQUE}"])
def test_zero(value):
    assert parse_since(value, OPAQUE, 7) == 0


def test_now_is_the_present_end():
    assert parse_since("now", OPAQUE, 7) == 7


def test_quoted_sequence():
    assert parse_since(f'"5-{OPAQUE}"', OPAQUE, 7) == 5


@pytest.mark.parametrize(
    "value",
    [
        f"5-{opaque_part(OTHER_UUID, 3)}",
        f"5-{opaque_part(UUID, 4)}",
        f"5-{COUCHDB}",
        COUCHDB,
        OPAQUE,
        f"{10**30}-{OPAQUE}",
    ],
)
def test_sequence_of_elsewhere_starts_from_zero(value):
    assert parse_since(value, OPAQUE, 7) == 0


@pytest.mark.parametrize(
    "value",
    [
        "foo",
        "",
        "99999",
        99999,
        "-1",
        "5-",
        "5-foo",
        "5",
        '"5"',
        None,
        True,
        False,
        0.0,
        [5, OPAQUE],
        "5 " + OPAQUE,
        "5-" + "!" * 16,
        "9" * 16,
        "9" * 5000,
        "5-" + "9" * 16,
    ],
)
def test_malformed(value):
    with pytest.raises(BadRequest, match=r"^Malformed sequence supplied in 'since' parameter\.$"):
        parse_since(value, OPAQUE, 7)


def test_the_beginning_of_a_database_moves_with_the_incarnation_and_with_the_epoch():
    created = 1_700_000_000_000_000
    starts = {instance_start_time(created, epoch) for epoch in (0, 5, EPOCH_SHIFT - 1, 1 << 62)}
    assert len(starts) == 4
    assert all(created - EPOCH_SHIFT < int(start) <= created for start in starts)
    assert instance_start_time(created + 1, 5) != instance_start_time(created, 5)
