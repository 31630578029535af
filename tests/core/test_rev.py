"""Revision ids: reading, printing, order."""

import pytest

from docstore.core.rev import Rev, id_from_text, id_to_text, parse_rev
from docstore.errors import InvalidRev

DIGITS = "877206fdfc192b2a566b6eac4eaa4205"


def test_a_hash_is_held_as_its_16_bytes():
    rev = parse_rev(f"12-{DIGITS}")
    assert rev == Rev(12, bytes.fromhex(DIGITS))
    assert str(rev) == f"12-{DIGITS}"
    assert rev.id_text == DIGITS


def test_upper_case_digits_are_the_same_revision():
    assert str(parse_rev(f"1-{DIGITS.upper()}")) == f"1-{DIGITS}"


@pytest.mark.parametrize("text", ["1-x", "2-a-b-c", "3-abc", "0-7", "1-", "5-é", "999999999999999999-z"])
def test_shorter_ids_are_any_text(text: str):
    assert str(parse_rev(text)) == text


def test_the_first_dash_ends_the_generation():
    assert parse_rev("2-a-b-c") == Rev(2, b"a-b-c")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "foo",
        "1",
        "-abc",
        "-1-abc",
        "+1-abc",
        "x-abc",
        "1.5-abc",
        " 1-abc",
        "*",
        "\u0663-abc",
        "1" * 19 + "-abc",
        "1-" + "g" * 32,
        "1-" + DIGITS[:-2] + " a",
        7,
        None,
        True,
        1.5,
        ["1-abc"],
        {"rev": "1-abc"},
        b"1-abc",
    ],
)
def test_what_is_no_revision_is_refused(value: object):
    with pytest.raises(InvalidRev, match="Invalid rev format"):
        parse_rev(value)


def test_the_order_is_generation_then_id_bytewise():
    revs = [parse_rev(text) for text in ("10-a", "9-z", "9-a", "9-" + "f" * 32, "9-" + "0" * 32, "9-A")]
    assert [str(rev) for rev in sorted(revs, reverse=True)] == [
        "10-a",
        "9-" + "f" * 32,
        "9-z",
        "9-a",
        "9-A",
        "9-" + "0" * 32,
    ]


@pytest.mark.parametrize("text", [DIGITS, "", "abc", "ß"])
def test_ids_of_revisions_survive_the_round_trip(text: str):
    assert id_to_text(id_from_text(text)) == text


def test_an_id_of_16_bytes_is_printed_as_hex_whatever_it_was():
    assert id_to_text(id_from_text("sixteen letters!")) == b"sixteen letters!".hex()
