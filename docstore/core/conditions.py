"""Entity tags, and the conditions that a request states by them.

Owns what the tag of a revision and that of any other content are, and when a condition holds (RFC 9110, 13.1), one
about a date among them. It must not know HTTP: how a condition is spelled in headers is read by
``httpd/params/conditions.py``. A condition is plain data, so a command carries it into the write transaction, where it
is looked at beside what it is about.

Tags here are without quotes. If-Match compares strongly and If-None-Match weakly, so of If-Match the weak tags are left
out when it is read, and of If-None-Match the sign of weakness is dropped; then both compare equal texts.
"""

from hashlib import blake2b
from typing import Final, Literal, NamedTuple, TypeAlias

from docstore.core.rev import HASH_BYTES, Rev
from docstore.errors import PreconditionFailed

ANY: Final = "*"
"""Whatever there is, if there is something."""

Tags: TypeAlias = Literal["*"] | tuple[str, ...]

TAG_BYTES: Final = 16
NOT_AMONG: Final = "If-Match failed: the current ETag is none of those named."
NAMED: Final = "If-None-Match failed: the current ETag is one of those named."
EXISTS: Final = "If-None-Match failed: it exists already."
MODIFIED: Final = "If-Unmodified-Since failed: it was modified after that."


class Condition(NamedTuple):
    """What must hold of the present state of what a request is about. None: not asked.

    ``match``       If-Match: there is something, and its tag is among these
    ``none_match``  If-None-Match: there is nothing, or its tag is not among these; ``ANY``: there is nothing
    ``unmodified_since``  If-Unmodified-Since, which counts for nothing beside ``match``: what there is is no newer than
                    this, in seconds since 1970, as far as its date is known
    """

    match: Tags | None = None
    none_match: Tags | None = None
    unmodified_since: int | None = None

    def check(self, *present: str, date: int | None = None) -> None:
        """Raises PreconditionFailed unless this holds of the state with these tags; no tag: there is nothing.

        Several tags may stand for one state: an attachment is known by its digest and by the document's revision.
        ``date`` is that of the state, if it is known.
        """
        if self.match is not None and not _names(self.match, present):
            raise PreconditionFailed(NOT_AMONG)
        if self.match is None and self.unmodified_since is not None and date is not None:
            check_unmodified(date, self.unmodified_since)
        if self.none_match is not None and _names(self.none_match, present):
            raise PreconditionFailed(EXISTS if self.none_match == ANY else NAMED)


CREATE_ONLY: Final = Condition(none_match=ANY)


def check_unmodified(date: int, since: int) -> None:
    """Raises PreconditionFailed unless what has this date is no newer than that."""
    if date > since:
        raise PreconditionFailed(MODIFIED)


def rev_etag(rev: Rev) -> str:
    """The tag of a revision: the revision itself, or a digest of one that would not fit into a header."""
    text = str(rev)
    if len(rev.id) == HASH_BYTES or (text.isascii() and text.isprintable() and '"' not in text):
        return text
    return content_etag(text.encode())


def content_etag(content: bytes) -> str:
    """A tag for what has no revision: it changes with the content and says nothing else."""
    return blake2b(content, digest_size=TAG_BYTES).hexdigest()


def _names(tags: Tags, present: tuple[str, ...]) -> bool:
    return bool(present) if tags == ANY else any(tag in tags for tag in present)
