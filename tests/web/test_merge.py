"""Merges by hand: laws over random documents, and the same outcome as the server's own merge."""

import json
import random
from typing import Any

from docstore.core.merging import Version, merge_versions, same_json
from tests.web.running import needs_node, run_module

SCALARS = ["a", "b", "", "1", 1, 1.0, -0.0, 0, True, None, 9007199254740993, 1e300]
NAMES = ["a", "b", "c", "x/y", "m~n", "~1"]
CASES = 400


@needs_node
def test_laws_of_a_merge_by_hand() -> None:
    assert run_module("merge_laws.mjs", "7", "300").strip() == "300"


@needs_node
def test_the_page_merges_as_the_server_does() -> None:
    rng = random.Random(11)
    cases = []
    for _ in range(CASES):
        base = _members(rng, 0)
        cases.append((base, _edited(rng, base), _edited(rng, base)))
    lines = "".join(json.dumps([json.dumps(one) for one in case]) + "\n" for case in cases)
    answers = [json.loads(line) for line in run_module("merge_cases.mjs", given=lines).splitlines()]
    assert len(answers) == CASES
    clashed = 0
    for (base, ours, theirs), (text, clashes) in zip(cases, answers, strict=True):
        merged = merge_versions(Version(base, {}), [Version(ours, {}), Version(theirs, {})])
        told = f"{base}\n{ours}\n{theirs}\n{text}"
        assert same_json(json.loads(text), merged.body), told
        assert list(json.loads(text)) == list(merged.body), told
        assert clashes == list(merged.clashes), told
        clashed += bool(clashes)
    assert CASES // 10 < clashed < CASES


def _members(rng: random.Random, depth: int) -> dict[str, Any]:
    return {rng.choice(NAMES): _value(rng, depth + 1) for _ in range(rng.randrange(5))}


def _value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(4 if depth < 4 else 2)
    if kind == 3:
        return _members(rng, depth)
    return _unique(rng.sample(SCALARS, rng.randrange(4))) if kind == 2 else rng.choice(SCALARS)


def _unique(items: list[Any]) -> list[Any]:
    """In an order of their own, so that no side puts them into another one."""
    return sorted(items, key=lambda item: (type(item).__name__, repr(item)))


def _edited(rng: random.Random, members: dict[str, Any]) -> dict[str, Any]:
    after: dict[str, Any] = {}
    for name, value in members.items():
        chance = rng.randrange(8)
        if chance == 0:
            continue
        if isinstance(value, dict) and chance < 5:
            after[name] = _edited(rng, value)
        elif isinstance(value, list) and chance < 5:
            kept = [item for item in value if rng.randrange(3)]
            new = [item for item in rng.sample(SCALARS, 2) if not any(same_json(item, one) for one in value)]
            after[name] = kept + new
        else:
            after[name] = _value(rng, 1) if chance < 3 else value
    if rng.randrange(2):
        after[rng.choice(NAMES)] = _value(rng, 1)
    return after
