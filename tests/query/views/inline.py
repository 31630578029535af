"""Views without processes: workers that compute here, and an engine whose functions are Python."""

import json
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import Any, cast

from docstore.core.json_text import JsonValue, encode
from docstore.settings import FunctionSettings

Emit = Callable[[JsonValue, JsonValue], None]
MapFunction = Callable[[dict[str, JsonValue], Emit], None]

MAPS: dict[str, MapFunction] = {
    "k": lambda doc, emit: emit(doc.get("k"), doc.get("v")) if "k" in doc else None,
    "pair": lambda doc, emit: emit([doc.get("g"), doc.get("k")], doc.get("v", 1)) if "k" in doc else None,
    "many": lambda doc, emit: emit_all(cast("list[JsonValue]", doc.get("many", [])), emit),
}


def source_of(name: str) -> str:
    """JavaScript that compiles and names the function in Python."""
    return f"function(doc) {{ /* {name} */ }}"


def emit_all(keys: list[JsonValue], emit: Emit) -> None:
    for place, key in enumerate(keys):
        emit(key, place)


class InlineWorkers:
    """A pool that calls at once. ``calls`` are the names of what was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def run(self, function: str, *arguments: Any, **_: Any) -> Awaitable[Any]:
        self.calls.append(function)
        module, name = function.split(":")

        async def call() -> Any:
            return getattr(import_module(module), name)(*arguments)

        return call()


class PythonEngine:
    """Map functions by name, and one reduce function: the sum."""

    def __init__(self, definition: str) -> None:
        self._maps = [MAPS[source.split()[3]] for source in json.loads(definition)["maps"]]

    def map(self, documents: Sequence[bytes]) -> list[list[list[tuple[bytes, bytes]]]]:
        return [[_emitted(function, json.loads(document)) for function in self._maps] for document in documents]

    def take_log(self) -> list[str]:
        return []

    def reduce(self, index: int, keys_and_ids: Sequence[bytes], values: Sequence[bytes]) -> bytes:
        assert len(keys_and_ids) == len(values)
        return encode(sum(json.loads(value) for value in values))

    def rereduce(self, index: int, values: Sequence[bytes]) -> bytes:
        return encode(sum(json.loads(value) for value in values))


def _emitted(function: MapFunction, document: dict[str, JsonValue]) -> list[tuple[bytes, bytes]]:
    rows: list[tuple[bytes, bytes]] = []
    function(document, lambda key, value: rows.append((encode(key), encode(value))))
    return rows


def engine_for(signature: str, definition: str, limits: FunctionSettings) -> PythonEngine:
    return PythonEngine(definition)
