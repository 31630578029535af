import pytest

from docstore.core.conditions import ANY, CREATE_ONLY, Condition, content_etag, rev_etag
from docstore.core.rev import Rev, parse_rev
from docstore.errors import PreconditionFailed


def holds(condition: Condition, *present: str) -> bool:
    try:
        condition.check(*present)
    except PreconditionFailed:
        return False
    return True


@pytest.mark.parametrize(
    ("condition", "nothing", "one", "other"),
    [
        (Condition(), True, True, True),
        (Condition(match=ANY), False, True, True),
        (Condition(match=("1-a", "1-x")), False, True, False),
        (Condition(match=()), False, False, False),
        (Condition(none_match=ANY), True, False, False),
        (Condition(none_match=("1-a", "1-x")), True, False, True),
        (Condition(none_match=()), True, True, True),
        (Condition(("1-a", "1-b"), ("1-b",)), False, True, False),
        (CREATE_ONLY, True, False, False),
    ],
)
def test_what_holds(condition: Condition, nothing: bool, one: bool, other: bool):
    assert holds(condition) is nothing
    assert holds(condition, "1-a") is one
    assert holds(condition, "1-b") is other


def test_a_state_with_two_tags():
    assert holds(Condition(match=("digest",)), "1-a", "digest")
    assert not holds(Condition(none_match=("digest",)), "1-a", "digest")


def test_the_words():
    for condition, words in [
        (Condition(match=("1-b",)), "If-Match failed: the current ETag is none of those named."),
        (Condition(none_match=("1-a",)), "If-None-Match failed: the current ETag is one of those named."),
        (CREATE_ONLY, "If-None-Match failed: it exists already."),
    ]:
        with pytest.raises(PreconditionFailed) as failed:
            condition.check("1-a")
        assert (failed.value.error, failed.value.reason) == ("precondition_failed", words)


def test_the_tag_of_a_revision_fits_into_a_header():
    for text in ("1-967a00dff5e02add41819138abb3284d", "1-a b", "2-x,y"):
        assert rev_etag(parse_rev(text)) == text
    odd = [Rev(1, text.encode()) for text in ('a"b', "é", "a\nb")]
    tags = [rev_etag(rev) for rev in odd]
    assert len(set(tags)) == 3
    assert all(tag.isascii() and tag.isalnum() for tag in tags)


def test_a_content_etag_changes_with_the_content():
    assert content_etag(b"a") == content_etag(b"a") != content_etag(b"b")
