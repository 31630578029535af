r"""What a new password has to look like: the setting ``password_regexp``.

Owns its reading: a list in Erlang's spelling, ``[{".{10,}", "At least 10 characters."}, "\\d+"]``, of expressions
that have to be found, some with a reason. Follows ``couch_users_db:validate_password`` of CouchDB.
"""

import re
from typing import Final, NamedTuple

from docstore.errors import BadRequest, Forbidden

UNMET: Final = "Password does not conform to requirements."
UNREADABLE: Final = "Server cannot hash passwords at this time."

_TEXT = r'"((?:[^"\\]|\\.)*)"'
_RULE = re.compile(rf"\s*(?:{_TEXT}|\{{\s*{_TEXT}\s*(?:,\s*{_TEXT}\s*)?\}})\s*", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


class PasswordRule(NamedTuple):
    """An expression that has to be found in a password, and why."""

    pattern: re.Pattern[str]
    reason: str


def read_rules(text: str) -> tuple[PasswordRule, ...]:
    """The rules of a setting. Raises Forbidden if it cannot be read: then no password can be set."""
    inner = text.strip()
    if not inner:
        return ()
    if not (inner.startswith("[") and inner.endswith("]")):
        raise Forbidden(UNREADABLE)
    inner = inner[1:-1]
    rules: list[PasswordRule] = []
    place = 0
    while inner[place:].strip():
        found = _RULE.match(inner, place)
        if found is None or (rules and inner[place - 1] != ","):
            raise Forbidden(UNREADABLE)
        reason = _unescaped(found[3] or "")
        rules.append(_rule(_unescaped(found[1] if found[1] is not None else found[2]), reason))
        place = found.end()
        if place < len(inner):
            if inner[place] != ",":
                raise Forbidden(UNREADABLE)
            place += 1
    return tuple(rules)


def check_password(password: str, rules: tuple[PasswordRule, ...]) -> None:
    """Raises BadRequest for a password that a rule does not find what it looks for in."""
    for rule in rules:
        if rule.pattern.search(password) is None:
            raise BadRequest(rule.reason)


def _rule(expression: str, reason: str) -> PasswordRule:
    try:
        return PasswordRule(re.compile(expression), f"{UNMET} {reason}" if reason else UNMET)
    except re.error:
        raise Forbidden(UNREADABLE) from None


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)
