"""Reading a document's ``_attachments``."""

from typing import Any

import pytest

from docstore.core.attachment import parse_attachments
from docstore.errors import MissingStub, NotImplementedHere


@pytest.mark.parametrize("members", [{}, {"a": 5, "b": None, "c": [], "d": "x", "e": True}])
def test_what_is_no_object_is_passed_over(members: dict[str, Any]):
    assert parse_attachments("d", members) == ()


def test_a_stub_finds_nothing():
    with pytest.raises(MissingStub) as caught:
        parse_attachments("s", {"a": 5, "f": {"stub": True}})
    assert (caught.value.error, caught.value.reason) == ("missing_stub", "Invalid attachment stub in s for f")


@pytest.mark.parametrize("member", [{"data": "aGk="}, {"follows": True}, {}, {"stub": False}])
def test_data_is_refused(member: dict[str, Any]):
    with pytest.raises(NotImplementedHere):
        parse_attachments("d", {"f": member})
