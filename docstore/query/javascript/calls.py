"""The jobs of the worker processes that run functions of design documents.

Owns these jobs: plain data in and out, and engines that are kept. Must not know databases or HTTP. A function is
named by its design document (the text, and a digest of it that stands for it) and its path there, such as
``["filters", "mine"]``. What the functions log goes back with the answer.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, TypeAlias, cast

from docstore.core.json_text import JsonValue, decode
from docstore.errors import DocstoreError, NotFound
from docstore.query.design.document import VALIDATE, is_built_in
from docstore.query.errors import compiling
from docstore.query.javascript.sandbox import Sandbox, repaired
from docstore.settings import FunctionSettings
from docstore.workers.messages import Plain

MAX_SANDBOXES: Final = 64
DESIGN: Final = "design.js"

Path: TypeAlias = Sequence[str]
Verdict: TypeAlias = list[JsonValue] | None
"""None where nothing is against a document; otherwise ``["thrown", value]`` or ``["failed", word, reason]``."""

_kept: OrderedDict[tuple[str, tuple[str, ...]], Sandbox] = OrderedDict()


def limits_of(plain: Sequence[JsonValue]) -> FunctionSettings:
    """The limits as they crossed."""
    return FunctionSettings(*cast("tuple[Any, ...]", plain))


def sandbox_of(digest: str, design: str, path: Path, limits: FunctionSettings) -> Sandbox:
    """The engine of a function. Raises NotFound where there is none, FunctionFailed where it does not compile."""
    key = (digest, tuple(path))
    sandbox = _kept.get(key)
    if sandbox is None:
        source = source_of(decode(design.encode()), path)
        sandbox = Sandbox(DESIGN, (path[0], source, design), limits)
        _kept[key] = sandbox
        if len(_kept) > MAX_SANDBOXES:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return sandbox


def source_of(design: JsonValue, path: Path) -> str:
    """The source of a function. Raises NotFound where there is none."""
    value = design
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
        if value is None:
            raise NotFound(f"missing json key: {name}")
    if not isinstance(value, str):
        raise NotFound("missing function")
    return value


def validate(
    rules: list[list[str]], items: list[bytes], user: str, security: str, limits: list[JsonValue]
) -> list[JsonValue]:
    """Ask all rules about documents; the first that is against one is told. ``[verdicts, log lines]``.

    ``rules``  ``[digest, design document]`` in order
    ``items``  ``[document, document before]`` as JSON arrays
    """
    verdicts: list[Verdict] = [None] * len(items)
    lines: list[JsonValue] = []
    for digest, design in rules:
        open_ = [place for place, verdict in enumerate(verdicts) if verdict is None]
        if not open_:
            break
        try:
            sandbox = sandbox_of(digest, design, (VALIDATE,), limits_of(limits))
        except DocstoreError as error:
            for place in open_:
                verdicts[place] = ["failed", error.error, error.reason]
            break
        for place, answer in zip(
            open_, sandbox.over([items[place] for place in open_], "validate", user, security), strict=True
        ):
            verdicts[place] = _verdict(answer)
        lines += sandbox.take_log()
    return [cast("JsonValue", verdicts), lines]


def _verdict(answer: str | DocstoreError) -> Verdict:
    if isinstance(answer, DocstoreError):
        return ["failed", answer.error, answer.reason]
    if answer == "1":
        return None
    told = cast("dict[str, JsonValue]", decode(repaired(answer)))
    if "thrown" in told:
        return ["thrown", told["thrown"]]
    return ["failed", *cast("list[JsonValue]", told["failed"])]


def select(
    design: list[str], path: list[str], documents: list[bytes], request: bytes, limits: list[JsonValue]
) -> list[JsonValue]:
    """Which documents a filter lets through, or a map function emits something for. ``[booleans, log lines]``.

    ``design``  ``[digest, design document]``
    """
    sandbox = sandbox_of(design[0], design[1], path, limits_of(limits))
    passes: list[JsonValue] = []
    for answer in sandbox.over(documents, "filter", request.decode()):
        if isinstance(answer, DocstoreError):
            raise answer
        passes.append(answer == "1")
    return [passes, cast("JsonValue", sandbox.take_log())]


def render(
    design: list[str], path: list[str], call: str, document: bytes | None, request: bytes, limits: list[JsonValue]
) -> list[Plain]:
    """One call of a show, an update or a rewrite function. ``[answer, log lines]``; the answer is JSON text."""
    sandbox = sandbox_of(design[0], design[1], path, limits_of(limits))
    try:
        return [
            repaired(sandbox.ask(call, *[one.decode() for one in (document, request) if one is not None])),
            list[Plain](sandbox.take_log()),
        ]
    except DocstoreError:
        sandbox.take_log()
        raise


def check_views(views: list[list[str | None]], lib: str, limits: list[JsonValue]) -> None:
    """Compile what views are made of: name, map, reduce of each. Raises CompilationFailed, NotFound."""
    for name, source, reduce in views:
        _check("map", name, source, lib, limits)
        if reduce is not None and not is_built_in(reduce):
            _check("reduce", name, reduce, None, limits)


def _check(kind: str, name: str | None, source: str | None, lib: str | None, limits: list[JsonValue]) -> None:
    with compiling(kind, name):
        Sandbox("views.js", (source, lib, False), limits_of(limits))
