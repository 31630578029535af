r"""Mango selectors: a JSON condition on a document, compiled once into a function.

    {"year": {"$gt": 1990}, "$or": [{"name": "Sue"}, {"tags": {"$in": ["a", "b"]}}]}

``compile_selector`` makes a function of the normal form (``normal_form.py``). ``operators.py`` has what can stand at
the end of a field path.

A field path is split at its points (``\.`` is a point in a name), and a number in it may be the index into an array. A
condition on a field that is missing fails, also a negated one; only ``{"$exists": false}`` holds, where everything
above the field is there. Values compare as in views (``collation``), those of ``_id`` bytewise.

Matching takes steps of a budget (``steps.py``), one for a condition, for an element looked at, and for each part of an
argument that is compared: a selector of a few hundred kilobytes can ask for hours of work on one document.

This module owns selectors. It must not know indexes, nor documents beyond their JSON. It follows
``mango_selector.erl``.
"""

import re
from dataclasses import replace
from typing import Final

from docstore.core import collation
from docstore.core.json_text import JsonValue
from docstore.core.selector.normal_form import TEXT, normalize, parse_field
from docstore.core.selector.operators import OPERATORS, How, Operator, Test, compare_raw
from docstore.core.steps import Steps
from docstore.errors import BadRequest
from docstore.settings import Limits

REGEX_TIME: Final = Limits().max_regex_time

_INDEX = re.compile(r"[+-]?[0-9]{1,18}")


class Selector:
    """A compiled selector.

    ``normalised``  its normal form
    ``matches``     whether a document (JSON with ``_id`` and ``_rev``) matches, within a budget. Raises OutOfSteps.
    ``timed``       whether a clock may decide that (``regexes.py``): such a selector is not for what nodes must decide
                    alike
    """

    __slots__ = ("matches", "normalised", "timed")

    def __init__(self, normalised: dict[str, JsonValue], matches: Test, timed: bool) -> None:
        self.normalised = normalised
        self.matches = matches
        self.timed = timed

    def __call__(self, document: JsonValue, steps: Steps | None = None) -> bool:
        """As ``matches``, by default within no budget."""
        return self.matches(document, Steps() if steps is None else steps)


def compile_selector(selector: JsonValue, regex_time: float = REGEX_TIME, *, with_text: bool = False) -> Selector:
    """What a selector stands for. ``max_regex_time``: see ``How``; ``with_text``: ``$text`` holds, since somebody else
    has looked for it.

    Raises as ``normalize``; BadRequest (``not_supported``) for ``$text`` otherwise.
    """
    normalised = normalize(selector)
    how = How(collation.compare, regex_time, with_text=with_text)
    matches = _compile(normalised, how)
    return Selector(normalised, matches, any(each.timed for each in how.regexes))


def _compile(normal: JsonValue, how: How) -> Test:
    """The test of a normal selector. Only an empty one has no member, all others have one."""
    if not isinstance(normal, dict) or not normal:
        return lambda value, steps: True
    ((name, argument),) = normal.items()
    if isinstance(argument, list):
        tests = [_compile(part, how) for part in argument]
        return {"$and": _all_of, "$or": _any_of, "$nor": _none_of}[name](tests)
    if name == "$not":
        return _negated(_compile(argument, how))
    if name == TEXT and how.with_text:
        return lambda value, steps: True
    if name == TEXT:
        raise BadRequest("Unsupported operator: $text", error="not_supported")
    if name == "_id":
        how = replace(how, compare=compare_raw)
    test = _compile_condition(argument, how)
    return _at(parse_field(name), test, argument == {"$exists": False}) if name else test


def _compile_condition(condition: JsonValue, how: How) -> Test:
    assert isinstance(condition, dict)
    ((name, argument),) = condition.items()
    if name == "$not":
        return _negated(_compile_condition(argument, how))
    return _build(OPERATORS[name], argument, how)


def _build(operator: Operator, argument: JsonValue, how: How) -> Test:
    if operator.over_parts is not None:
        return operator.over_parts(_compile(argument, how))
    if operator.build is None:
        raise TypeError("an operator without a meaning")
    return operator.build(argument, how)


def _negated(test: Test) -> Test:
    return lambda value, steps: not test(value, steps)


def _all_of(tests: list[Test]) -> Test:
    def matches(value: JsonValue, steps: Steps) -> bool:
        for test in tests:
            steps.take()
            if not test(value, steps):
                return False
        return True

    return matches


def _any_of(tests: list[Test]) -> Test:
    """An empty ``$or`` holds, like an empty ``$and``."""

    def matches(value: JsonValue, steps: Steps) -> bool:
        for test in tests:
            steps.take()
            if test(value, steps):
                return True
        return not tests

    return matches


def _none_of(tests: list[Test]) -> Test:
    """An empty ``$nor`` holds, too."""
    return _negated(_any_of(tests)) if tests else _all_of(tests)


def _at(names: tuple[str, ...], test: Test, if_missing: bool) -> Test:
    """The test of what stands at a field path."""
    path = [(name, int(name) if _INDEX.fullmatch(name) else -1) for name in names]
    length = len(path)
    if length == 1 and path[0][1] < 0:
        return _member(names[0], test, if_missing)

    def matches(value: JsonValue, steps: Steps) -> bool:
        steps.take(length)
        for name, index in path:
            if isinstance(value, dict):
                if name not in value:
                    return if_missing
                value = value[name]
            elif isinstance(value, list) and 0 <= index < len(value):
                value = value[index]
            else:
                return False
        return test(value, steps)

    return matches


def _member(name: str, test: Test, if_missing: bool) -> Test:
    """The test of a member of the document, which is what most paths are."""

    def matches(value: JsonValue, steps: Steps) -> bool:
        steps.take()
        if not isinstance(value, dict):
            return False
        return test(value[name], steps) if name in value else if_missing

    return matches
