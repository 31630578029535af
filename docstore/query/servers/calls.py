"""The jobs of the worker processes that ask query servers.

Owns these jobs: as ``javascript/calls.py``, with the command of the query server before the arguments there. Must not
know databases or HTTP. What is answered has the shape that it has there.
"""

from collections.abc import Sequence
from typing import TypeAlias, cast

from docstore.core.json_text import JsonValue, encode
from docstore.errors import DocstoreError
from docstore.query.design.document import is_built_in
from docstore.query.errors import compiling
from docstore.query.javascript.calls import Verdict, limits_of
from docstore.query.servers.asking import (
    Asked,
    call_line,
    expect_true,
    passes,
    ready_for,
    reset_line,
    rule_line,
    verdict_of,
)
from docstore.query.servers.kept import Kept, kept_server
from docstore.query.servers.process import members_of
from docstore.settings import FunctionSettings
from docstore.workers.messages import Plain

Command: TypeAlias = Sequence[str]
Crossed: TypeAlias = Sequence[str]
"""An ``Asked`` as it crosses."""


def validate(
    command: Command, rules: list[Crossed], items: list[bytes], user: str, security: str, limits: list[JsonValue]
) -> list[Plain]:
    """As ``javascript.calls.validate``; a rule is ``[database, digest, design document]``."""
    bounds = limits_of(limits)
    verdicts: list[Verdict] = [None] * len(items)
    lines: list[Plain] = []
    for rule in rules:
        for place, item in enumerate(items):
            if verdicts[place] is None:
                verdicts[place] = _judge(command, Asked(*rule), item, user, security, bounds, lines)
    return [cast("Plain", verdicts), lines]


def _judge(
    command: Command,
    rule: Asked,
    item: bytes,
    user: str,
    security: str,
    limits: FunctionSettings,
    lines: list[Plain],
) -> Verdict:
    kept: Kept | None = None
    try:
        kept, doc_id = ready_for(command, rule, limits)
        return verdict_of(kept, rule_line(doc_id, item, user, security))
    except DocstoreError as error:
        return ["failed", error.error, error.reason]
    finally:
        if kept is not None:
            lines += kept.server.take_log()


def select(
    command: Command, asked: Crossed, path: list[str], documents: list[bytes], request: bytes, limits: list[JsonValue]
) -> list[Plain]:
    """As ``javascript.calls.select``."""
    kept, doc_id = ready_for(command, Asked(*asked), limits_of(limits))
    shown = b"[%b]" % b",".join(documents)
    arguments = b"[%b]" % shown if path[0] == "views" else b"[%b,%b]" % (shown, request)
    found = passes(kept, call_line(doc_id, path, arguments), len(documents))
    return [list[Plain](found), list[Plain](kept.server.take_log())]


def render(
    command: Command,
    asked: Crossed,
    path: list[str],
    call: str,
    document: bytes | None,
    request: bytes,
    limits: list[JsonValue],
) -> list[Plain]:
    """As ``javascript.calls.render``: one call of a show, an update or a rewrite function."""
    kept, doc_id = ready_for(command, Asked(*asked), limits_of(limits))
    arguments = b"[%b]" % request if document is None else b"[%b,%b]" % (document, request)
    answer = kept.server.ask(call_line(doc_id, path, arguments))
    if not _fits(call, answer):
        raise kept.server.odd(answer)
    return [encode(answer), list[Plain](kept.server.take_log())]


def _fits(call: str, answer: JsonValue) -> bool:
    if call == "show":
        return members_of(answer, "resp", 2) is not None
    if call == "update":
        return members_of(answer, "up", 3) is not None
    return answer == ["no_dispatch_rule"] or members_of(answer, "ok", 2) is not None


def check_views(command: Command, views: list[list[str | None]], lib: str, limits: list[JsonValue]) -> None:
    """As ``javascript.calls.check_views``: add each function. Raises CompilationFailed, NotFound."""
    bounds = limits_of(limits)
    kept = kept_server(command, "", bounds)
    kept.loaded = None
    expect_true(kept, reset_line(bounds))
    if lib != "{}":
        expect_true(kept, b'["add_lib",%b]' % lib.encode())
    for name, source, reduce in views:
        _check(kept, "map", name, source)
        if reduce is not None and not is_built_in(reduce):
            _check(kept, "reduce", name, reduce)


def _check(kept: Kept, kind: str, name: str | None, source: str | None) -> None:
    with compiling(kind, name):
        expect_true(kept, encode(["add_fun", source]))
