"""The rules of ``rewrites``: which of them fits a path, and what it makes of it.

Owns rules in the form of an array. Values in, values out: it must not know requests. Follows ``chttpd_rewrite``: a rule
has ``from`` and ``to``, perhaps ``method`` and ``query``; ``:name`` stands for one segment, ``*`` in the end for what
is left. What was bound by the path, by the rule's query and by the request's own becomes the query of the new target.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote_plus, urlencode

from docstore.core.json_text import JsonValue, encode
from docstore.query.errors import FunctionFailed

STAR: Final = "*"
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,308}", re.ASCII)
MAX_UPWARDS: Final = 2
"""How often a target may go up: to the database's design documents, and to the database."""

INSECURE: Final = "too many ../.. segments"
SPELLED: Final = frozenset({"key", "startkey", "start_key", "endkey", "end_key", "keys"})
"""Query parameters that are JSON: what is bound to them is spelled as that."""


class RewriteFailed(FunctionFailed):
    """A rule or a rewrite function that says nothing that can be done."""

    error = "rewrite_error"


def match_rules(
    rules: Sequence[JsonValue],
    prefix: str,
    method: str,
    segments: Sequence[str],
    query: Sequence[tuple[str, str]],
    *,
    secure: bool = True,
) -> str | None:
    """The target, path and query, that the first fitting rule makes; None if none fits. Raises RewriteFailed.

    ``prefix`` is the path of the design document, from which targets count; ``secure``: they stay in the database.
    """
    for rule in rules:
        if not isinstance(rule, dict):
            continue
        bound = _bind(_segments(rule.get("from", STAR), secure=secure), segments)
        if bound is None or rule.get("method", STAR) not in (STAR, method):
            continue
        names, rest = bound
        values = _values(rule.get("query"), names, query, rule.get("formats"))
        if "to" not in rule:
            raise RewriteFailed("invalid_rewrite_target")
        path = _target(_segments(rule["to"], secure=secure), {**dict(query), **names}, rest)
        text = _normal(f"{prefix}/{path}")
        return f"{text}?{urlencode(values)}" if values else text
    return None


def normal_path(prefix: str, path: str) -> str:
    """A path that is taken from the design document's, without steps up and aside."""
    return _normal(f"{prefix}/{path}")


def _segments(pattern: JsonValue, *, secure: bool) -> list[str]:
    if not isinstance(pattern, str):
        raise RewriteFailed("invalid_rewrite_target")
    found = [segment for segment in pattern.split("/") if segment]
    if secure and found.count("..") > MAX_UPWARDS:
        raise RewriteFailed(INSECURE, error="insecure_rewrite_rule")
    return found


def _bind(pattern: Sequence[str], segments: Sequence[str]) -> tuple[dict[str, str], list[str]] | None:
    """What the names of a pattern stand for, and what the star does; None if the path does not fit."""
    names: dict[str, str] = {}
    for place, part in enumerate(pattern):
        if part == STAR and place == len(pattern) - 1:
            return names, list(segments[place:])
        if place >= len(segments):
            return None
        if part.startswith(":"):
            names[part[1:]] = segments[place]
        elif part != segments[place]:
            return None
    return (names, []) if len(segments) == len(pattern) else None


def _values(
    told: JsonValue, names: Mapping[str, str], query: Sequence[tuple[str, str]], formats: JsonValue
) -> dict[str, str]:
    """The query of the target: the rule's, with what is bound in the place of names; then what was bound and asked."""
    known = {**dict(query), **names}
    kinds = formats if isinstance(formats, dict) else {}
    values: dict[str, str] = {}
    for name, value in (told if isinstance(told, dict) else {}).items():
        replaced = _replaced(value, known, kinds)
        values[name] = replaced if isinstance(replaced, str) and name not in SPELLED else encode(replaced).decode()
    for name, value in names.items():
        values.setdefault(name, encode(value).decode() if name in SPELLED else value)
    for name, value in query:
        values.setdefault(name, value)
    return values


def _replaced(value: JsonValue, known: Mapping[str, str], kinds: Mapping[str, JsonValue]) -> JsonValue:
    if isinstance(value, str) and value.startswith(":"):
        return _formatted(known.get(value[1:], value), kinds.get(value[1:]))
    return [_replaced(item, known, kinds) for item in value] if isinstance(value, list) else value


def _formatted(text: str, kind: JsonValue) -> JsonValue:
    """What was bound as the value that ``formats`` says it spells; a text that does not spell one stays that."""
    if kind == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text


def _target(pattern: Sequence[str], names: Mapping[str, str], rest: Sequence[str]) -> str:
    parts: list[str] = []
    for part in pattern:
        if part == STAR:
            parts += [quote_plus(segment) for segment in rest]
            break
        parts.append(quote_plus(names.get(part[1:], "undefined")) if part.startswith(":") else quote_plus(part))
    return "/".join(parts)


def _normal(path: str) -> str:
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    return "/" + "/".join(segments)
