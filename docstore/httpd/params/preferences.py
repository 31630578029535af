"""What a client would rather have: problem details instead of CouchDB's errors, and how strictly it is judged.

Owns the reading of ``Accept: application/problem+json`` (RFC 9457) and of ``Prefer: handling=...`` (RFC 7240). It must
not know what is made of them.

Problem details are given to those who name their type. Ranges such as ``*/*`` are no word on it: nearly every client
sends one, and expects what CouchDB answers. How the types are ranked does not count, but a weight of zero refuses.
"""

import re
from collections.abc import Iterator
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDictProxy, istr

PROBLEM_JSON: Final = "application/problem+json"
IDEMPOTENCY_KEY: Final = istr("Idempotency-Key")
PREFER: Final = istr("Prefer")
LENIENT: Final = "handling=lenient"
STRICT: Final = "handling=strict"

_ENTRY = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
"""An entry of a list; commas within quotes are part of it."""


def wants_problems(headers: "CIMultiDictProxy[str]") -> bool:
    """Whether the client takes problem details, by their name."""
    fields = headers.getall(hdrs.ACCEPT, ())
    wanted = False
    for field in fields:
        if "problem+json" not in field.lower():
            continue
        for entry in _ENTRY.findall(field.lower()):
            name, *parameters = (part.strip() for part in entry.split(";"))
            if name == PROBLEM_JSON:
                if _refuses(parameters):
                    return False
                wanted = True
    return wanted


def handling(headers: "CIMultiDictProxy[str]") -> str | None:
    """The preference ``handling=strict`` or ``handling=lenient``, if there is one; of several the first counts."""
    for name, value in _preferences(headers):
        if name == "handling":
            preference = f"handling={value}"
            return preference if preference in (STRICT, LENIENT) else None
    return None


def is_lenient(headers: "CIMultiDictProxy[str]") -> bool:
    """Whether an edit that is applied already counts as done. A request with an idempotency key is judged by that."""
    return PREFER in headers and handling(headers) == LENIENT and IDEMPOTENCY_KEY not in headers


def wants_explanation(headers: "CIMultiDictProxy[str]") -> bool:
    """Whether it matters to the client if a refused edit is applied already; then all of it must be read."""
    return wants_problems(headers) or is_lenient(headers)


def _refuses(parameters: list[str]) -> bool:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return not float(value) > 0
            except ValueError:
                return True  # a weight that cannot be read is no yes
    return False


def _preferences(headers: "CIMultiDictProxy[str]") -> Iterator[tuple[str, str]]:
    """(name, value) of all preferences, in lower case and without quotes; their parameters are left out."""
    for field in headers.getall(PREFER, ()):
        for entry in _ENTRY.findall(field.lower()):
            name, _, value = entry.partition(";")[0].partition("=")
            yield name.strip(), value.strip().strip('"')
