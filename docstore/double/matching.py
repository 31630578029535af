"""Whether a request is one that a rule is for.

Owns the patterns and the order of the questions, the cheap ones first. It must not know how often a rule was met.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, Protocol

from docstore.core.cloudant.throughput import Cost
from docstore.core.json_text import JsonValue
from docstore.core.selector.selector import Selector, compile_selector
from docstore.double.rules import Asked, Match, Texts


class Known(Protocol):
    """What is known of a request: while it is answered (``facts.py``), or later from the journal (``entries.py``)."""

    @property
    def method(self) -> str:
        """In capitals."""

    @property
    def path(self) -> str:
        """Decoded."""

    @property
    def database(self) -> str:
        """Or ``""``."""

    @property
    def document(self) -> str:
        """Or ``""``."""

    @property
    def endpoint(self) -> str:
        """Or ``""``."""

    @property
    def operation(self) -> str:
        """Or ``""``."""

    @property
    def user(self) -> str:
        """Or ``""``."""

    @property
    def query(self) -> Mapping[str, str]:
        """Decoded."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in any case."""

    @property
    def json(self) -> JsonValue:
        """The body, or None."""

    def cost(self) -> Cost:
        """What it takes of the throughput."""


Test = Callable[[Known], str | None]
"""In what a request does not match, None if it does."""

NAMES: Final[dict[str, Callable[[Known], str]]] = {
    "method": lambda known: known.method,
    "path": lambda known: known.path,
    "database": lambda known: known.database,
    "document": lambda known: known.document,
    "endpoint": lambda known: known.endpoint,
    "operation": lambda known: known.operation,
    "user": lambda known: known.user,
    "request_class": lambda known: str(known.cost().request_class),
}
MAPPINGS: Final[dict[str, Callable[[Known], Mapping[str, str]]]] = {
    "query": lambda known: known.query,
    "header": lambda known: known.headers,
}


class Matcher:
    """A match that is put together once."""

    def __init__(self, match: Match) -> None:
        self._tests: list[Test] = []
        for name, fact in NAMES.items():
            texts = getattr(match, name)
            if texts is not None:
                self._tests.append(_named(name, texts, fact))
        for name, values in MAPPINGS.items():
            asked = getattr(match, name)
            if asked:
                self._tests.append(_asked(name, asked, values))
        self._selector: Selector | None = None if match.body is None else compile_selector(match.body)

    def matches_head(self, known: Known) -> bool:
        """Whether all that can be known without the body holds."""
        return all(test(known) is None for test in self._tests)

    def matches_body(self, known: Known) -> bool:
        """Whether the body, which was read, matches the selector, if there is one."""
        return self._selector is None or (isinstance(known.json, dict) and self._selector(known.json))

    def misses(self, known: Known) -> list[str]:
        """In what a request does not match, in words."""
        misses = [miss for test in self._tests if (miss := test(known)) is not None]
        if not self.matches_body(known):
            misses.append("the body does not match")
        return misses


def _named(name: str, texts: Texts, fact: Callable[[Known], str]) -> Test:
    several = (texts,) if isinstance(texts, str) else texts
    in_path = name == "path"
    patterns = [pattern(each.upper() if name == "method" else each, in_path=in_path) for each in several]

    def test(known: Known) -> str | None:
        value = fact(known)
        if any(each.fullmatch(value) for each in patterns):
            return None
        return f"{name} is {value or 'none'}, not {' or '.join(several)}"

    return test


def _asked(name: str, asked: Asked, values: Callable[[Known], Mapping[str, str]]) -> Test:
    def test(known: Known) -> str | None:
        found = values(known)
        for key, want in asked.items():
            value = found.get(key)
            if isinstance(want, bool):
                if (value is not None) is not want:
                    return f"{name} {key} is {'not there' if want else 'there'}"
            elif value is None or pattern(want).fullmatch(value) is None:
                return f"{name} {key} is {'not there' if value is None else value}, not {want}"
        return None

    return test


@lru_cache(1024)
def pattern(text: str, *, in_path: bool = False) -> re.Pattern[str]:
    """A pattern with ``*`` and ``?``; in a path they do not match a slash, and ``**`` does."""
    one = "[^/]" if in_path else "."
    made = ""
    for part in re.split(r"(\*\*|\*|\?)", text):
        if part == "**":
            made += ".*"
        elif part == "*":
            made += f"{one}*"
        elif part == "?":
            made += one
        else:
            made += re.escape(part)
    return re.compile(made, re.DOTALL)
