"""THE rule language: which requests, what becomes of them, how often.

Owns a rule as a value: its members, its JSON, and what may not be said. It must not know a running server. In JSON::

    {"match": {"method": "PUT", "database": "films", "nth": 2},
     "action": {"type": "answer", "status": 503},
     "times": 1, "seconds": null, "seed": 7, "id": "second put"}

Names match by pattern: ``*`` is any text (in ``path`` within a segment, ``**`` across segments), ``?`` one character.
Where several are given, one has to match. All members of a match have to hold. ``nth``, ``after``, ``every`` and
``probability`` choose among the requests for which the others do.
"""

import re
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from docstore.core.cloudant.throughput import RequestClass
from docstore.core.document import parse_document
from docstore.core.json_text import JsonValue
from docstore.core.selector.selector import compile_selector
from docstore.double.actions import Action, Answer, BrokenJson, Count, Number, Seconds, SpuriousConflict
from docstore.double.endpoints import KINDS
from docstore.errors import DocstoreError
from docstore.settings import Limits

Texts = str | tuple[str, ...]
Asked = dict[str, str | bool]
"""Name -> a pattern for the value, or whether there is to be one at all."""

TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FRAMING: Final = frozenset({"connection", "content-length", "content-type", "date", "server", "transfer-encoding"})
"""Headers that the server writes itself; a type is said by ``content_type``."""
CLASSES: Final = frozenset(map(str, RequestClass))

Said = TypeVar("Said")


class InvalidRule(ValueError):
    """A rule that says what no rule can say, or says it wrongly."""


class Match(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Which requests.

    ``path``       the decoded path, without the query: ``/films/*``
    ``document``   its id, ``_design/...`` and ``_local/...`` included
    ``user``       whom the credentials name, right or wrong
    ``header``, ``query``  of the request; names of headers in any case
    ``body``       a Mango selector that the JSON body has to match; gzipped bodies are inflated
    ``operation``  of IBM's SDKs, by their header: ``post_find``
    ``endpoint``   the kind: ``document``, ``attachment``, ``database``, ``_all_docs``, ``_changes``, ... (``facts.py``)
    ``request_class``  Cloudant's: ``lookup``, ``write``, ``query``, ``unlimited``
    ``nth``        the first is 1; several may be given
    ``after``      so many are left alone first
    ``every``      of those left, each so-manieth
    ``probability``  from the rule's seed
    """

    method: Texts | None = None
    path: Texts | None = None
    database: Texts | None = None
    document: Texts | None = None
    user: Texts | None = None
    header: Asked = field(default_factory=dict)
    query: Asked = field(default_factory=dict)
    body: dict[str, Any] | None = None
    operation: Texts | None = None
    endpoint: Texts | None = None
    request_class: Texts | None = None
    nth: Count | tuple[Count, ...] | None = None
    after: Number = 0
    every: Count = 1
    probability: Annotated[float, Meta(ge=0, le=1)] | None = None


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule. ``times``: how often it is carried out; ``seconds``: for how long, from the first time on.

    A rule without a ``seed`` is given one when it is added, and shows it, so that the run can be repeated.
    """

    action: Action
    match: Match = field(default_factory=Match)
    times: Count | None = None
    seconds: Seconds | None = None
    seed: int | None = None
    id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


def rule_of(value: object) -> Rule:
    """A rule from its JSON, or a Rule whose members are looked at. Raises InvalidRule."""
    plain = msgspec.to_builtins(value) if isinstance(value, Rule) else value
    if isinstance(plain, dict) and isinstance(plain.get("action"), str):
        plain = plain | {"action": {"type": plain["action"]}}
    rule = _converted(plain, Rule)
    _check(rule.match)
    _check_answer(rule.action)
    if isinstance(rule.action, SpuriousConflict) and rule.action.rival is not None:
        try:
            parse_document(dict(rule.action.rival), doc_id="rival", limits=Limits())
        except DocstoreError as error:
            raise InvalidRule(f"a rule cannot be so: {error.reason} - at `$.action.rival`") from None
    return rule


def match_of(members: dict[str, Any]) -> Match:
    """A match from its members. Raises InvalidRule."""
    match = _converted(msgspec.to_builtins(members), Match)
    _check(match)
    return match


def _converted(value: object, kind: type[Said]) -> Said:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidRule(f"a rule cannot be so: {error}") from None


def _check(match: Match) -> None:
    if match.body is not None:
        try:
            compile_selector(match.body)
        except DocstoreError as error:
            raise InvalidRule(f"a rule cannot be so: {error.reason} - at `$.match.body`") from None
    for name, known in (("endpoint", KINDS), ("request_class", CLASSES)):
        said = getattr(match, name)
        for text in (said,) if isinstance(said, str) else said or ():
            if not any(character in text for character in "*?") and text not in known:
                raise InvalidRule(
                    f"a rule cannot be so: there is no {name} {text}; there are {', '.join(sorted(known))}"
                )


def _check_answer(action: Action) -> None:
    """Raises InvalidRule for what no answer can have."""
    texts: dict[str, str | None] = {}
    if isinstance(action, BrokenJson):
        texts = {"text": action.text}
    if isinstance(action, Answer):
        texts = {"error": action.error, "reason": action.reason, "body": action.body}
        heads = {
            **{f"headers.{name}": value for name, value in action.headers.items()},
            "content_type": action.content_type,
        }
        for where, value in heads.items():
            if any(character < " " or character == "\x7f" for character in value):
                raise InvalidRule(f"a rule cannot be so: a header has no control characters - at `$.action.{where}`")
        texts |= heads
        for name in action.headers:
            if not TOKEN.fullmatch(name) or name.lower() in FRAMING:
                raise InvalidRule(f"a rule cannot be so: {name!r} cannot be set - at `$.action.headers`")
    for where, text in texts.items():
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            raise InvalidRule(f"a rule cannot be so: no text in UTF-8 - at `$.action.{where}`") from None


def plain(rule: Rule) -> dict[str, JsonValue]:
    """Its JSON, from which ``rule_of`` makes it again."""
    value: dict[str, JsonValue] = msgspec.to_builtins(rule)
    return value
