"""Scenarios as TOML: read with messages that name the line and the key, and the ones that come with docstore.

Owns the keys of a scenario file (docs/lab.md lists them) and how each is read. What must hold between the parts is
checked by ``scenario.py``; here only the lines are added to its messages.
"""

import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import resources
from math import isfinite
from pathlib import Path
from typing import TypeVar, cast

from docstore.config.toml_lines import line_of
from docstore.core.json_text import JsonValue
from docstore.lab.durations import parse_duration
from docstore.lab.scenario import (
    DEFAULT_ATTACHMENTS,
    DEFAULT_DELETES,
    DEFAULT_DOCUMENTS,
    DEFAULT_EVERY,
    Attach,
    Degrade,
    Delete,
    Expect,
    Heal,
    Kill,
    Link,
    Partition,
    Quality,
    RandomEdits,
    Replicate,
    Resolve,
    Restart,
    Scenario,
    Step,
    Write,
)
from docstore.lab.scenario_rules import Place, ScenarioError, check_scenario

SUFFIX = ".toml"
SHIPPED = "docstore.lab.scenarios"

_Value = TypeVar("_Value")


def shipped_scenarios() -> list[str]:
    """The names of the scenarios that come with docstore."""
    files = resources.files(SHIPPED).iterdir()
    return sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX))


def load_scenario(name: str | Path) -> Scenario:
    """The scenario of a file, or a shipped one by its name, with dashes too (``split-brain``), unless it is a file's.

    Raises ScenarioError, with file and line, and OSError.
    """
    if isinstance(name, str) and name in shipped_scenarios():
        return _shipped_scenario(name)
    path = Path(name)
    try:
        text = path.read_bytes().decode()
    except (FileNotFoundError, IsADirectoryError):
        if (underscored := str(name).replace("-", "_")) in shipped_scenarios():
            return _shipped_scenario(underscored)
        shipped = ", ".join(shipped_scenarios())
        raise ScenarioError((), f"is neither a file nor a scenario of docstore ({shipped})", str(name)) from None
    except UnicodeDecodeError:
        raise ScenarioError((), "is no UTF-8 text", str(name)) from None
    return parse_scenario(text, str(name))


def _shipped_scenario(name: str) -> Scenario:
    return parse_scenario(resources.files(SHIPPED).joinpath(name + SUFFIX).read_text(encoding="utf-8"), name)


def parse_scenario(text: str, source: str = "scenario") -> Scenario:
    """The scenario of a TOML text. ``source`` is what messages call it. Raises ScenarioError."""
    try:
        scenario = _scenario(_Table(tomllib.loads(text), ()))
        check_scenario(scenario)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError((), str(error), source) from None
    except RecursionError:
        raise ScenarioError((), "is nested too deeply", source) from None
    except ScenarioError as error:
        line = line_of(text, error.place)
        raise ScenarioError(error.place, error.message, source if line is None else f"{source}:{line}") from None
    return scenario


class _Table:
    """A table that is being read; ``end`` complains about keys that nobody took."""

    def __init__(self, values: Mapping[str, object], place: Place) -> None:
        self._values = dict(values)
        self._place = place
        self._known: list[str] = []

    def required(self, key: str, read: Callable[[object], _Value]) -> _Value:
        """The value of a key that must be there."""
        if key not in self._values:
            raise ScenarioError(self._place, f"the key {key!r} is missing")
        return self._take(key, read)

    def optional(self, key: str, read: Callable[[object], _Value], default: _Value) -> _Value:
        """The value of a key, or the default."""
        return self._take(key, read) if key in self._values else self._named(key, default)

    def tables(self, key: str) -> "list[_Table]":
        """An array of tables, ``[[key]]``; none if the key is missing."""
        none: list[dict[str, object]] = []
        rows = self.optional(key, _tables, none)
        return [_Table(row, (*self._place, key, index)) for index, row in enumerate(rows)]

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def refuse(self, key: str, message: str) -> ScenarioError:
        """A complaint about a key."""
        return ScenarioError((*self._place, key), message)

    def end(self) -> None:
        """Raises ScenarioError for a key that means nothing here."""
        for key in self._values:
            close = get_close_matches(key, self._known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(self._known)}"
            raise ScenarioError((*self._place, key), f"this key means nothing here; {hint}")

    def _named(self, key: str, value: _Value) -> _Value:
        self._known.append(key)
        return value

    def _take(self, key: str, read: Callable[[object], _Value]) -> _Value:
        self._known.append(key)
        try:
            return read(self._values.pop(key))
        except ValueError as error:
            raise ScenarioError((*self._place, key), str(error)) from None


# --- values


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"this must be a text, not {value!r}")


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(map(_text, value))
    return (_text(value),)


def _pair(value: object) -> tuple[str, str]:
    names = _texts(value)
    if len(names) != 2:
        raise ValueError("this must be a list of two nodes")
    return names[0], names[1]


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"this must be a whole number, not {value!r}")


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    raise ValueError(f"this must be a number, not {value!r}")


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"this must be true or false, not {value!r}")


def _tables(value: object) -> list[dict[str, object]]:
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return value
    raise ValueError("this must be written as tables, [[...]]")


def _body(value: object) -> dict[str, JsonValue]:
    if isinstance(value, dict) and _is_json(value):
        return cast("dict[str, JsonValue]", value)
    raise ValueError("a body is a table of JSON values, such as { n = 1 }; dates are none")


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))


# --- tables


def _scenario(table: _Table) -> Scenario:
    scenario = Scenario(
        title=table.required("title", _text),
        about=table.optional("about", _text, ""),
        seed=table.optional("seed", _whole, 1),
        duration=table.optional("duration", parse_duration, 0.0),
        converges=table.optional("converges", _truth, True),
        nodes=table.required("nodes", _texts),
        links=tuple(_link(row) for row in table.tables("link")),
        edits=tuple(_edits(row) for row in table.tables("edits")),
        steps=tuple(_step(row) for row in table.tables("step")),
    )
    table.end()
    return scenario


def _link(table: _Table) -> Link:
    one_way = table.has("from") or table.has("to")
    link = Link(
        (table.required("from", _text), table.required("to", _text)) if one_way else table.required("between", _pair),
        one_way=one_way,
        every=table.optional("every", parse_duration, DEFAULT_EVERY),
        driver=table.optional("driver", _text, ""),
        name=table.optional("name", _text, ""),
        quality=Quality(
            delay=table.optional("delay", parse_duration, 0.0),
            bandwidth=table.optional("bandwidth", _number, None),
            lose=table.optional("lose", _number, 0.0),
            cut=table.optional("cut", _number, 0.0),
            duplicate=table.optional("duplicate", _number, 0.0),
        ),
    )
    table.end()
    return link


def _edits(table: _Table) -> RandomEdits:
    edits = RandomEdits(
        nodes=table.required("nodes", _texts),
        start=table.optional("from", parse_duration, 0.0),
        until=table.required("until", parse_duration),
        every=table.required("every", parse_duration),
        documents=table.optional("documents", _whole, DEFAULT_DOCUMENTS),
        deletes=table.optional("deletes", _number, DEFAULT_DELETES),
        attachments=table.optional("attachments", _number, DEFAULT_ATTACHMENTS),
        resolves=table.optional("resolves", _number, 0.0),
    )
    table.end()
    return edits


def _step(table: _Table) -> Step:
    at = table.required("at", parse_duration)
    verb = table.required("do", _text)
    read = STEPS.get(verb)
    if read is None:
        raise table.refuse("do", f"there is no step {verb!r} (there are: {', '.join(STEPS)})")
    step = read(at, table)
    table.end()
    return step


def _attach(at: float, table: _Table) -> Attach:
    if table.has("size"):
        content = b"0123456789abcde\n" * (table.required("size", _whole) // 16 + 1)
    else:
        content = table.required("text", _text).encode()
    return Attach(
        at,
        table.required("node", _text),
        table.required("doc", _text),
        table.required("name", _text),
        content,
        table.optional("type", _text, "text/plain"),
    )


def _degrade(at: float, table: _Table) -> Degrade:
    return Degrade(
        at,
        table.required("links", _texts),
        delay=table.optional("delay", parse_duration, None),
        bandwidth=table.optional("bandwidth", _number, None),
        lose=table.optional("lose", _number, None),
        cut=table.optional("cut", _number, None),
        duplicate=table.optional("duplicate", _number, None),
    )


STEPS: dict[str, Callable[[float, _Table], Step]] = {
    Write.verb: lambda at, table: Write(
        at, table.required("node", _text), table.required("doc", _text), table.required("body", _body)
    ),
    Delete.verb: lambda at, table: Delete(at, table.required("node", _text), table.required("doc", _text)),
    Attach.verb: _attach,
    Resolve.verb: lambda at, table: Resolve(at, table.required("node", _text), table.required("doc", _text)),
    Partition.verb: lambda at, table: Partition(at, table.required("links", _texts)),
    Degrade.verb: _degrade,
    Heal.verb: lambda at, table: Heal(at, table.required("links", _texts)),
    Kill.verb: lambda at, table: Kill(at, table.required("node", _text)),
    Restart.verb: lambda at, table: Restart(at, table.required("node", _text)),
    Replicate.verb: lambda at, table: Replicate(at, table.required("links", _texts)),
    Expect.verb: lambda at, table: Expect(at, table.required("same", _truth)),
}
