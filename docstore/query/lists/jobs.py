"""The jobs of a worker process that runs a list function, step by step.

Owns the call that is at work in this process, which its caller has for itself (``workers/reserve.py``). Plain data in
and out: a step is ``[wants, start, text, log lines]``. It must not know databases or HTTP.
"""

from collections.abc import Sequence

from docstore.core.json_text import JsonValue, decode, encode
from docstore.query.javascript.calls import limits_of, source_of
from docstore.query.lists.javascript import JavaScriptList
from docstore.query.lists.server import ServerList
from docstore.query.lists.step import END, ListCall, Step
from docstore.query.servers.asking import Asked
from docstore.workers.messages import Plain

_at_work: list[ListCall] = []


def begin(
    command: Sequence[str] | None,
    design: list[str],
    path: list[str],
    head: str,
    request: bytes,
    rows: list[bytes],
    last: bool,
    limits: list[JsonValue],
) -> list[Plain]:
    """Begin a call with the first rows. ``design``: ``[digest, text]``, before them the database for a ``command``."""
    _at_work.clear()
    bounds = limits_of(limits)
    call: ListCall
    if command is None:
        text = design[-1]
        call = JavaScriptList(source_of(decode(text.encode()), path), text, bounds)
    else:
        call = ServerList(command, Asked(*design), path, bounds)
    _at_work.append(call)
    return _crossing(call, call.begin(head, request, rows, last=last))


def go_on(rows: list[bytes], last: bool) -> list[Plain]:
    """Go on with the call, with more rows."""
    call = _at_work[0]
    return _crossing(call, call.go_on(rows, last=last))


def _crossing(call: ListCall, step: Step) -> list[Plain]:
    if step.wants == END:
        _at_work.clear()
    start = None if step.start is None else encode(step.start)
    return [step.wants, start, step.text, list[Plain](call.take_log())]
