"""A sequence for a partitioned database: the same steps with other ids, some of them asked of one partition.

Owns the ids that documents have there and the partitions that are asked. Some ids stay as they are, so that they are
refused. It knows nothing of what steps ask.
"""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from tests.differential.drawing import Draw
from tests.differential.drawing_find import NEXT
from tests.differential.knowledge import PARTED
from tests.differential.steps import Json, Related, Sequence, Step

PARTITIONS = ("p", "p", "p", "q", "p d", "ü", "none", "_p", "p:a", "")
CREATE = Step("database.create", "PUT", "/${db}", (("q", "1"), ("partitioned", "true")))
ASKED = {"listing", "view", "find", "explain"}
ODD = (
    "", "/p", "/q", "/none", "/_p", "/p:a", "/%FF", "/p/_changes", "/p/_bulk_get", "/p/ka", "/p/_design",
    "/p/_design/v", "/p/_design/v/_info", "/p/_design/v/_nope", "/p/_security", "/p/_all_docs/x",
)  # fmt: skip


def partitioned(draw: Draw, steps: Sequence) -> Sequence:
    """The sequence with other ids, in a database that it makes itself."""
    found = [CREATE]
    for step in steps:
        one = renamed(step)
        if NEXT in step.headers:  # of the same partition
            found.append(replace(one, path=found[-1].path, query=found[-1].query))
        else:
            found.append(asked(draw, one, 0.6))
    return tuple(found)


def partition(draw: Draw) -> Step:
    """What is asked of a partition as a whole, or cannot be."""
    method = draw.choices(("GET", "HEAD", "POST", "PUT", "DELETE"), (80, 8, 5, 4, 3))[0]
    return Step("partition", method, f"/${{db}}/_partition{draw.choice(ODD)}")


def asked(draw: Draw, step: Step, share: float) -> Step:
    """The step, or the same of one partition."""
    if step.kind not in ASKED or not step.path.startswith("/${db}/_") or not draw.chance(share):
        return step
    name = draw.choice(PARTITIONS)
    if draw.chance(0.85):
        return replace(step, path=f"/${{db}}/_partition/{quote(name, safe='')}{step.path.removeprefix('/${db}')}")
    return replace(step, query=(*step.query, ("partition", name)))


def renamed(step: Step) -> Step:
    """The step with the ids that its documents have in a partitioned database."""
    path = "/".join(_segment(segment) for segment in step.path.split("/"))
    query = tuple((name, value if value is None else _parameter(value)) for name, value in step.query)
    headers = tuple((name, _segment(value) if name == "Destination" else value) for name, value in step.headers)
    body = step.body
    if isinstance(body, Json | Related):
        body = replace(body, value=_value(body.value))
    return replace(step, path=path, query=query, headers=headers, body=body)


def _segment(text: str) -> str:
    path, mark, rest = text.partition("?")
    known = PARTED.get(unquote(path))
    return text if known is None else quote(known, safe="") + mark + rest


def _parameter(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    other = _value(value)
    return text if other == value else json.dumps(other, ensure_ascii=False)


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return PARTED.get(value, value)
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {PARTED.get(name, name): _value(item) for name, item in value.items()}
    return value
