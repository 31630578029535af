"""An answer from a process of its own: what is done there, and how an answer comes back.

Owns that form. It must not know the server: the files are opened beside it, read, and closed. A question comes from the
server and is taken as it is; an answer comes as plain data, since nobody believes a worker in every word.
"""

import pickle
from pathlib import Path
from typing import Any, Final, cast

from docstore.core.json_text import JsonValue, decode, encode
from docstore.query.search.analyzers import analyzers_of
from docstore.query.search.answering import Answer, Group, Row, answer
from docstore.query.search.asked import Question
from docstore.query.search.folder import open_folder
from docstore.settings import SearchSettings

JOB: Final = "docstore.query.search.apart:answer_here"


def question_told(question: Question, limits: SearchSettings) -> bytes:
    """What ``answer_here`` is told of a question."""
    return pickle.dumps((question, limits))


def answer_here(path: str, epoch: int, definition: str, told: bytes) -> list[Any] | None:
    """The answer for ``read_answer``; None if the files are gone. Raises as ``answer``."""
    question, limits = cast("tuple[Question, SearchSettings]", pickle.loads(told))
    analyzers = analyzers_of(cast("dict[str, JsonValue]", decode(definition.encode()))["analyzer"])
    folder = open_folder(Path(path), epoch)
    return None if folder is None else _crossing(answer(folder, analyzers, question, limits))


def _crossing(found: Answer) -> list[Any]:
    """Values go as JSON, where numbers have any size."""
    groups = None
    if found.groups is not None:
        groups = [[group.by, group.total, list(map(_row, group.rows))] for group in found.groups]
    told = encode([cast("JsonValue", found.counts), cast("JsonValue", found.ranges)])
    return [found.total, list(map(_row, found.rows)), found.bookmark, told, groups]


def _row(row: Row) -> list[Any]:
    return [row.id, encode(row.order), row.fields, None if row.highlights is None else encode(row.highlights)]


def read_answer(crossed: list[Any]) -> Answer:
    """The answer that came back. It takes its time, and is called in a thread."""
    total, rows, bookmark, told, crossed_groups = crossed
    counts, ranges = cast("list[Any]", decode(told))
    groups = None
    if crossed_groups is not None:
        groups = [Group(by, matching, list(map(_read_row, some))) for by, matching, some in crossed_groups]
    return Answer(total, list(map(_read_row, rows)), bookmark, counts, ranges, groups)


def _read_row(crossed: list[Any]) -> Row:
    doc_id, order, fields, highlights = crossed
    shown = None if highlights is None else cast("dict[str, JsonValue]", decode(highlights))
    return Row(doc_id, cast("list[JsonValue]", decode(order)), fields, shown)
