"""Which attachments are needed, and how they travel."""

import json

import pytest

from docstore.replication.remote.attached_text import Way, following, look_at
from docstore.replication.wire import DocHead, read, read_head


def text_of(*revs: str, **attachments: dict[str, object]) -> bytes:
    start = int(revs[0].split("-")[0])
    ids = [one.split("-")[1] for one in revs]
    members = {"_id": "d", "_rev": revs[0], "_revisions": {"start": start, "ids": ids}, "_attachments": attachments}
    return json.dumps(members).encode()


def head_of(text: bytes) -> DocHead:
    return read(read_head, text)


def stub(revpos: int, length: int = 10, **members: object) -> dict[str, object]:
    return {"content_type": "a/b", "revpos": revpos, "digest": "md5-x", "length": length, "stub": True, **members}


TEXT = text_of("3-c", "2-b", "1-a", a=stub(1), b=stub(2), c=stub(3), zero=stub(0))


@pytest.mark.parametrize(
    ("known", "needed"),
    [
        ((), {"a", "b", "c", "zero"}),
        (("9-z", "2-z"), {"a", "b", "c", "zero"}),
        (("1-a",), {"b", "c"}),
        (("1-a", "2-b"), {"c"}),
        (("3-c",), set()),
    ],
)
def test_newer_ones_than_what_the_target_has_are_needed(known, needed) -> None:
    found = look_at(TEXT, head_of(TEXT), known, 1000)
    assert set(found.needed) == needed
    assert found.left_out == (len(needed) < 4)
    assert (found.way is Way.NONE_NEEDED) == (not needed)


def test_few_bytes_travel_in_the_text_unless_they_are_gzipped() -> None:
    plain = text_of("1-a", a=stub(1, 60), b=stub(1, 40))
    assert look_at(plain, head_of(plain), (), 100).way is Way.INLINE
    assert look_at(plain, head_of(plain), (), 99).way is Way.FOLLOW
    gzipped = text_of("1-a", a=stub(1, 60), b=stub(1, 40, encoding="gzip", encoded_length=30))
    assert look_at(gzipped, head_of(gzipped), (), 100).way is Way.SMALL_PARTS
    assert look_at(gzipped, head_of(gzipped), (), 99).way is Way.FOLLOW


def test_what_they_take_in_memory() -> None:
    plain = text_of("1-a", a=stub(1, 60))
    gzipped = text_of("1-a", a=stub(1, 60, encoding="gzip", encoded_length=30))
    assert look_at(plain, head_of(plain), (), 100).held_bytes == 80
    assert look_at(gzipped, head_of(gzipped), (), 100).held_bytes == 30


def test_needed_ones_are_said_to_follow_and_nothing_else_changes() -> None:
    number = b'"n":1.00000000000000000000000000000001'
    text = TEXT[:-1] + b"," + number + b"}"
    changed = following(text, {"b": head_of(text).attachments["b"]})
    assert number in changed
    before, after = json.loads(text), json.loads(changed)
    expected = {name: value for name, value in before["_attachments"]["b"].items() if name != "stub"}
    assert after["_attachments"].pop("b") == {**expected, "follows": True}
    before["_attachments"].pop("b")
    assert after == before
    assert list(json.loads(changed)["_attachments"]) == ["a", "b", "c", "zero"], "their order is part of the revision"
