"""The editor's texts: in another form, but spelt as they were."""

import json
import random
import re
from typing import Any

from tests.web.running import needs_node, run_module

NUMBERS = ["9007199254740993", "1.0", "-0.0", "1e400", "0.10", "123456789012345678901234567890", "1E+2"]
STRINGS = ['"a"', r'"\u00e9"', '"}"', r'"\\\""', '"😀"', '"__proto__"', '""']
CASES = 200


@needs_node
def test_nothing_but_spaces_changes() -> None:
    rng = random.Random(3)
    texts = [_object(rng, 0) for _ in range(CASES)]
    given = "".join(json.dumps(text) + "\n" for text in texts)
    answers = [json.loads(line) for line in run_module("lossless_cases.mjs", given=given).splitlines()]
    assert len(answers) == CASES
    for text, told in zip(texts, answers, strict=True):
        assert _without_spaces(told["form"]) == _without_spaces(text)
        assert told["again"] == told["form"]
        assert told["painted"]
        assert told["closes"]
        assert told["right"] is None
        assert told["wrong"]["line"] == text.count("\n") + 1
        changed = json.loads(told["member"], parse_int=str, parse_float=str)
        assert changed.pop("_rev") == "9-z"
        assert changed == json.loads(text, parse_int=str, parse_float=str)
        rest = told["member"].replace('"_rev":"9-z",', "", 1).replace('"_rev":"9-z"', "", 1)
        assert rest == text


def _without_spaces(text: str) -> str:
    return "".join(re.findall(r'"(?:[^"\\]|\\.)*"|[^\s"]+', text))


def _object(rng: random.Random, depth: int) -> str:
    names = rng.sample(['"a"', '"b"', r'"\u0061b"', '"__proto__"', '"x y"', '"é"'], rng.randrange(5))
    space = rng.choice(["", " ", "\n"])
    return "{" + f",{space}".join(f"{name}:{space}{_value(rng, depth + 1)}" for name in names) + "}"


def _value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(6 if depth < 4 else 3)
    if kind == 5:
        return _object(rng, depth)
    if kind >= 3:
        return "[" + ", ".join(_value(rng, depth + 1) for _ in range(rng.randrange(4))) + "]"
    return rng.choice([NUMBERS, STRINGS, ["true", "false", "null"]][kind])
