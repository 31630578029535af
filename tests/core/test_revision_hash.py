"""The revision hash: the worked example, the terms, and every recorded revision."""

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from docstore.core.json_text import decode
from docstore.core.rev import Rev, parse_rev
from docstore.core.revision_hash import (
    EMPTY_BODY_TERM,
    NIL,
    attachments_term,
    body_term,
    encode_term,
    new_revision,
)

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "conformance/data/rev_vectors_open.jsonl").read_text("utf-8").splitlines()
]
COMPRESSIBLE = ("text/", "application/javascript", "application/json", "application/xml")


def test_the_worked_example():
    sue = body_term({"name": "Sue"})
    assert sue == bytes.fromhex("68016c00000001 68026d000000046e616d656d00000003537565 6a")
    first = new_revision(False, None, sue)
    assert str(first) == "1-877206fdfc192b2a566b6eac4eaa4205"


def test_the_worked_example_of_a_deletion():
    parent = parse_rev("1-877206fdfc192b2a566b6eac4eaa4205")
    assert str(new_revision(True, parent, EMPTY_BODY_TERM)) == "2-c37a2f6b689f6d22881347c9515267a0"


def test_the_worked_example_of_an_attachment():
    hello = zlib.compressobj(8, zlib.DEFLATED, 31, 8, 0)
    as_text = hashlib.md5(hello.compress(b"hello") + hello.flush()).digest()
    as_bytes = hashlib.md5(b"hello").digest()
    assert base64.b64encode(as_text) == b"iMaiC8wqiFlD2NjLTemvCQ=="
    assert base64.b64encode(as_bytes) == b"XUFAKrxLKna5cZ2REBfFkg=="
    rev = new_revision(False, None, EMPTY_BODY_TERM, attachments_term([("a", "text/plain", as_text)]))
    assert str(rev) == "1-20caa15ddb07ca41eb5c36c484e54483"


@pytest.mark.parametrize(
    ("value", "term"),
    [
        (None, "640004 6e756c6c"),
        (True, "640004 74727565"),
        (False, "640005 66616c7365"),
        (0, "6100"),
        (255, "61ff"),
        (256, "6200000100"),
        (-1, "62ffffffff"),
        (2**27, "6208000000"),
        (2**31 - 1, "627fffffff"),
        (-(2**31), "6280000000"),
        (2**31, "6e0400 00000080"),
        (-(2**31) - 1, "6e0401 01000080"),
        (2**64, "6e0900 000000000000000001"),
        (1.0, "463ff0000000000000"),
        (0.0, "460000000000000000"),
        (-0.0, "468000000000000000"),
        ("", "6d00000000"),
        ("é", "6d00000002 c3a9"),
        ([], "6a"),
        ([1, 2, 3], "6b0003 010203"),
        ([0], "6b0001 00"),
        ([1, 256], "6c00000002 6101 6200000100 6a"),
        ([1, -1], "6c00000002 6101 62ffffffff 6a"),
        ([1, 1.0], "6c00000002 6101 463ff0000000000000 6a"),
        ([True], "6c00000001 64000474727565 6a"),
        ([1, True], "6c00000002 6101 64000474727565 6a"),
        (["a"], "6c00000001 6d0000000161 6a"),
        ([[]], "6c00000001 6a 6a"),
        ([[1], {}], "6c00000002 6b000101 68016a 6a"),
        ({}, "68016a"),
        ({"a": 1}, "68016c00000001 68026d0000000161 6101 6a"),
        ({"": {}}, "68016c00000001 68026d00000000 68016a 6a"),
    ],
)
def test_terms(value: Any, term: str):
    assert encode_term(value) == bytes.fromhex(term)


def test_the_largest_integers():
    largest = 2**1024 - 2**970 - 1
    assert encode_term(largest) == b"n\x80\x00" + largest.to_bytes(128, "little")
    assert encode_term(-(2**2040)) == b"o\x00\x00\x01\x00\x01" + (2**2040).to_bytes(256, "little")


def test_long_strings_names_arrays_and_objects():
    name = "n" * 300
    assert encode_term("x" * 300) == b"m\x00\x00\x01\x2c" + b"x" * 300
    assert encode_term([7] * 65_535) == b"k\xff\xff" + b"\x07" * 65_535
    assert encode_term([7] * 65_536) == b"l\x00\x01\x00\x00" + b"a\x07" * 65_536 + b"j"
    wide = {f"{name}{number}": 0 for number in range(300)}
    term = encode_term(wide)
    assert term.startswith(b"h\x01l\x00\x00\x01\x2ch\x02m\x00\x00\x01\x2d" + name.encode() + b"0a\x00")


def test_names_beyond_those_remembered_are_right_too():
    for _ in range(2):
        for number in range(5_000):
            assert encode_term({f"m{number}": 1}) == (
                b"h\x01l\x00\x00\x00\x01h\x02" + encode_term(f"m{number}") + b"a\x01j"
            )


def test_deep_values_need_no_stack():
    depth = 100_000
    array: Any = []
    members: Any = {}
    for _ in range(depth):
        array, members = [array], {"": members}
    assert encode_term(array) == b"l\x00\x00\x00\x01" * depth + b"j" + b"j" * depth
    pair = b"h\x01l\x00\x00\x00\x01h\x02m\x00\x00\x00\x00"
    assert encode_term(members) == pair * depth + EMPTY_BODY_TERM + b"j" * depth


def test_underscore_members_are_not_hashed():
    members: Any = {"_id": "x", "a": 1, "_rev": "1-a", "_deleted": True, "_attachments": {}, "b": {"_id": 1}}
    assert body_term(members) == encode_term({"a": 1, "b": {"_id": 1}})


def test_marks_of_the_replicator_are_hashed():
    members: Any = {"_replication_state": "x", "_replication_id": "y", "_id": "e3"}
    assert str(new_revision(False, None, body_term(members))) == "1-8ea90a30eaf6116fa84ba71dcaa484dc"


def test_a_parent_that_is_no_hash_enters_as_its_text():
    expected = hashlib.md5(bytes.fromhex("836c00000005 64000566616c7365 6103 6d00000003 616263 68016a 6a 6a")).digest()
    assert new_revision(False, Rev(3, b"abc"), EMPTY_BODY_TERM) == Rev(4, expected)


def test_a_parent_of_generation_zero_is_a_parent():
    assert new_revision(False, Rev(0, b"abc"), EMPTY_BODY_TERM) != new_revision(False, None, EMPTY_BODY_TERM)


def test_no_attachments_are_an_empty_list():
    assert attachments_term([]) == NIL


def test_attachments_are_hashed_in_reverse_order():
    one, two = ("é", "image/png", b"1" * 16), ("b", "text/plain", b"2" * 16)
    assert attachments_term([one, two]) == (
        bytes.fromhex("6c00000002")
        + bytes.fromhex("6803 6d0000000162 6d0000000a") + b"text/plain" + b"m\x00\x00\x00\x10" + b"2" * 16
        + bytes.fromhex("6803 6d00000002c3a9 6d00000009") + b"image/png" + b"m\x00\x00\x00\x10" + b"1" * 16
        + b"j"
    )  # fmt: skip


def revision_of(vector: dict[str, Any]) -> str:
    attachments = [
        (attachment["name"], attachment["content_type"], base64.b64decode(attachment["digest"].removeprefix("md5-")))
        for attachment in vector["attachments"]
    ]
    parent = parse_rev(vector["parents"][0]) if vector["parents"] else None
    members = decode(vector["raw"].encode())
    assert isinstance(members, dict)
    return str(new_revision(vector["deleted"], parent, body_term(members), attachments_term(attachments)))


def test_there_are_vectors():
    assert len(VECTORS) == 400
    assert sum(bool(vector["attachments"]) for vector in VECTORS) == 72


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['id']}-{vector['rev'].partition('-')[0]}")
def test_every_recorded_revision(vector: dict[str, Any]):
    assert revision_of(vector) == vector["rev"]


def test_digests_of_recorded_attachments():
    """The digest that enters the hash is that of the gzip stream for compressible types, else of the plain bytes."""
    checked = 0
    for vector in VECTORS:
        for attachment in vector["attachments"]:
            if "data" not in attachment:
                continue
            data = base64.b64decode(attachment["data"])
            if attachment.get("encoding") == "gzip" or attachment["content_type"].startswith(COMPRESSIBLE):
                stream = zlib.compressobj(8, zlib.DEFLATED, 31, 8, 0)
                data = stream.compress(data) + stream.flush()
            digest = base64.b64encode(hashlib.md5(data).digest()).decode()
            assert attachment["digest"] == f"md5-{digest}"
            checked += 1
    assert checked > 50
