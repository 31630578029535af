"""The rule language: what can be said, what it is in JSON, which requests it chooses, and that a seed replays it."""

import re
from typing import Any, cast

import msgspec
import pytest
from aiohttp.web import BaseRequest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from docstore.double.actions import Action, Answer, Delay, SpuriousConflict, Throttle
from docstore.double.facts import Facts
from docstore.double.faults import Faults
from docstore.double.matching import pattern
from docstore.double.request_body import SeenBody
from docstore.double.rules import InvalidRule, Match, Rule, plain, rule_of
from docstore.httpd.app import ROUTER


class Asked:
    """As much of a request as rules look at."""

    def __init__(self, method: str, target: str, headers: dict[str, str]) -> None:
        self.method = method
        self.raw_path = target
        self.headers = CIMultiDict(headers)


def facts(method: str = "GET", target: str = "/", **headers: str) -> Facts:
    return Facts(cast(BaseRequest, Asked(method, target, headers)), ROUTER, cast(SeenBody, None))


@pytest.mark.parametrize(("rule", "words"), [
    ({}, "required field `action`"),
    ([], "Expected `object`"),
    ({"action": {"type": "answer"}}, "required field `status`"),
    ({"action": {"type": "answer", "status": 200}}, ">= 400"),
    ({"action": {"type": "answer", "status": "503"}}, "Expected `int`"),
    ({"action": {"type": "answer", "status": 503, "code": 1}}, "unknown field `code`"),
    ({"action": {"type": "explode"}}, "explode"),
    ({"action": "delay"}, "required field `seconds`"),
    ({"action": {"type": "delay", "seconds": -1}}, ">= 0"),
    ({"action": {"type": "stall", "when": "later"}}, "later"),
    ({"action": "drop", "time": 1}, "unknown field `time`"),
    ({"action": "drop", "times": 0}, ">= 1"),
    ({"action": "drop", "match": {"methods": "GET"}}, "unknown field `methods`"),
    ({"action": "drop", "match": {"probability": 2}}, "<= 1"),
    ({"action": "drop", "match": {"nth": 0}}, ">= 1"),
    ({"action": "drop", "match": {"endpoint": "_chnages"}}, "no endpoint _chnages"),
    ({"action": "drop", "match": {"request_class": "reads"}}, "no request_class reads"),
    ({"action": "drop", "match": {"body": {"a": {"$gtt": 1}}}}, "gtt"),
    ({"action": {"type": "spurious_conflict", "rival": {"_nope": 1}}}, "_nope"),
    ({"action": {"type": "answer", "status": 503, "headers": {"X-A": "b\r\nX-B: c"}}}, "headers.X-A"),
    ({"action": {"type": "answer", "status": 503, "headers": {"Two Words": "b"}}}, "'Two Words' cannot be set"),
    ({"action": {"type": "answer", "status": 503, "headers": {"content-length": "1"}}}, "cannot be set"),
    ({"action": {"type": "answer", "status": 503, "headers": {"Transfer-Encoding": "x"}}}, "cannot be set"),
    ({"action": {"type": "answer", "status": 503, "content_type": "text/plain\n"}}, "$.action.content_type"),
    ({"action": {"type": "answer", "status": 503, "reason": "\ud800"}}, "$.action.reason"),
    ({"action": {"type": "answer", "status": 503, "body": "\ud800"}}, "$.action.body"),
    ({"action": {"type": "broken_json", "text": "\ud800"}}, "$.action.text"),
])  # fmt: skip
def test_what_cannot_be_said(rule: Any, words: str) -> None:
    faults = Faults()
    with pytest.raises(InvalidRule, match=re.escape(words)):
        faults.add_all([rule])
    assert len(faults) == 0


def test_members_are_looked_at_in_python_too() -> None:
    faults = Faults()
    for action, match in ((Answer(200), {}), (Delay(-1), {}), ("drop", {"methods": "GET"}), ("drop", {"nth": 0})):
        with pytest.raises(InvalidRule):
            faults.add(action, **match)
    with pytest.raises(InvalidRule, match="in itself"):
        faults.add(Rule(action=Answer(503)), method="GET")
    faults.add("drop", id="one")
    with pytest.raises(InvalidRule, match="a rule one already"):
        faults.add("drop", id="one")
    assert [fault.id for fault in faults] == ["one"]


SECONDS = st.floats(0, 1000)
MEMBERS = st.text(max_size=3).filter(lambda name: not name.startswith("_"))
ACTIONS = st.one_of(
    st.builds(Answer, st.integers(400, 599), reason=st.none() | st.text(), retry_after=st.none() | st.integers(0, 99)),
    st.builds(Delay, SECONDS, jitter=SECONDS),
    st.builds(Throttle, reads=st.none() | st.integers(1, 99), writes=st.integers(1, 99)),
    st.builds(SpuriousConflict, rival=st.none() | st.dictionaries(MEMBERS, st.integers(), max_size=2)),
    st.sampled_from([kind() for kind in Action.__args__ if kind not in (Answer, Delay)]),
)
TEXTS = st.none() | st.text(max_size=5) | st.lists(st.text(max_size=5), max_size=3).map(tuple)
MATCHES = st.builds(
    Match,
    method=TEXTS,
    path=TEXTS,
    document=TEXTS,
    header=st.dictionaries(st.text(max_size=3), st.booleans() | st.text(max_size=3), max_size=2),
    body=st.none() | st.just({"a": {"$gt": 1}}),
    nth=st.none() | st.integers(1, 9) | st.lists(st.integers(1, 9), max_size=3).map(tuple),
    after=st.integers(0, 9),
    every=st.integers(1, 9),
    probability=st.none() | st.floats(0, 1),
)


@given(
    st.builds(Rule, action=ACTIONS, match=MATCHES, times=st.none() | st.integers(1, 9), seed=st.none() | st.integers())
)
def test_json_says_all_of_a_rule(rule: Rule) -> None:
    assert rule_of(msgspec.json.decode(msgspec.json.encode(plain(rule)))) == rule


@given(
    nth=st.none() | st.sets(st.integers(1, 20), min_size=1).map(tuple),
    after=st.integers(0, 10),
    every=st.integers(1, 5),
    times=st.none() | st.integers(1, 5),
)
def test_which_of_the_requests(nth: tuple[int, ...] | None, after: int, every: int, times: int | None) -> None:
    fault = Faults().add("drop", nth=nth, after=after, every=every, times=times, method="GET")
    struck = [number for number in range(1, 21) if fault.strikes(facts())]
    expected = [
        number for number in range(1, 21)
        if (nth is None or number in nth) and number > after and (number - after) % every == 0
    ]  # fmt: skip
    assert struck == expected[:times]
    assert fault.hits == len(struck)
    assert not fault.strikes(facts("PUT"))


@given(st.integers(0, 2**32), st.floats(0.05, 0.95))
def test_a_seed_replays(seed: int, probability: float) -> None:
    def run(faults: Faults, **more: Any) -> list[bool]:
        fault = faults.add("drop", probability=probability, **more)
        return [fault.strikes(facts()) for _ in range(50)]

    assert run(Faults(), seed=seed) == run(Faults(), seed=seed)
    first, second = Faults(seed), Faults(seed)
    assert [run(first), run(first)] == [run(second), run(second)]
    drawn = Faults()
    assert run(drawn) == run(Faults(drawn.seed))


def test_probability_is_met() -> None:
    fault = Faults(7).add("drop", probability=0.25)
    assert 200 < sum(fault.strikes(facts()) for _ in range(1_000)) < 300


def test_for_a_while() -> None:
    now = [100.0]
    fault = Faults(clock=lambda: now[0]).add("drop", seconds=5)
    now[0] = 200.0
    assert fault.strikes(facts())
    now[0] = 205.0
    assert fault.strikes(facts())
    now[0] = 205.1
    assert not fault.strikes(facts())


ANALYTICS = {"X-IBMCloud-SDK-Analytics": "service_name=cloudant;service_version=V1;operation_id=post_find"}


@pytest.mark.parametrize(("match", "asked", "holds"), [
    ({"method": "put"}, facts("PUT"), True),
    ({"method": ("GET", "PUT")}, facts("POST"), False),
    ({"method": "PUT"}, facts("POST", **{"X-HTTP-Method-Override": "PUT"}), True),
    ({"path": "/films/*"}, facts(target="/films/a?rev=1"), True),
    ({"path": "/films/*"}, facts(target="/films/a/b"), False),
    ({"path": "/films/**"}, facts(target="/films/a/b"), True),
    ({"path": "/films/a b"}, facts(target="//films/a%20b/"), True),
    ({"database": "film?"}, facts(target="/films/_find"), True),
    ({"database": "*"}, facts(target="/_session"), True),
    ({"database": "_users"}, facts(target="/_users/_changes"), True),
    ({"document": "_design/a"}, facts(target="/films/_design/a"), True),
    ({"document": "_design/a"}, facts(target="/films/_design%2Fa"), True),
    ({"document": "?*"}, facts(target="/films/_all_docs"), False),
    ({"endpoint": "_view"}, facts(target="/films/_design/a/_view/b"), True),
    ({"endpoint": "attachment"}, facts(target="/films/a/b.txt"), True),
    ({"endpoint": "document"}, facts(target="/films/a%2Fb"), True),
    ({"endpoint": "database"}, facts(target="/films"), True),
    ({"endpoint": "server"}, facts(target="/"), True),
    ({"endpoint": "_find"}, facts(target="/films/_partition/a/_find"), True),
    ({"request_class": "lookup"}, facts(target="/films/_partition/a/_find"), True),
    ({"request_class": "query"}, facts("POST", "/films/_find"), True),
    ({"operation": "post_*"}, facts(**ANALYTICS), True),
    ({"operation": "post_*"}, facts(), False),
    ({"user": "sue"}, facts(Authorization="Basic c3VlOnNlY3JldA=="), True),
    ({"user": "sue"}, facts(Authorization="Bearer e30.eyJzdWIiOiJzdWUifQ.x"), True),
    ({"user": "sue"}, facts(Cookie="AuthSession=c3VlOjY5Nzk6aGFzaA; other=1"), True),
    ({"user": "sue"}, facts(), False),
    ({"header": {"x-a": "1*"}}, facts(**{"X-A": "12"}), True),
    ({"header": {"x-a": True}}, facts(), False),
    ({"header": {"x-a": False}}, facts(), True),
    ({"query": {"feed": "long*"}}, facts(target="/films/_changes?feed=longpoll"), True),
    ({"query": {"feed": "long*"}}, facts(target="/films/_changes"), False),
])  # fmt: skip
def test_what_matches(match: dict[str, Any], asked: Facts, holds: bool) -> None:
    assert Faults().add("drop", **match).strikes(asked) is holds


@pytest.mark.parametrize("target", ["/%", "/%ff", "/a/%ff", "*", "http://h/films/a", "/" * 5000, "/_node"])
def test_targets_that_lead_nowhere_match_what_they_can(target: str) -> None:
    assert Faults().add("drop").strikes(facts(target=target))


@given(st.text(alphabet="ab/.*?", max_size=8), st.text(alphabet="ab/.", max_size=8))
def test_patterns(text: str, value: str) -> None:
    import fnmatch

    assert bool(pattern(text).fullmatch(value)) == fnmatch.fnmatchcase(value, text)


def test_an_earlier_rule_that_ends_a_request_leaves_the_later_ones_alone() -> None:
    faults = Faults()
    delay = faults.add(Delay(1))
    first = faults.add(Answer(503), times=1)
    second = faults.add(Answer(404), times=1)
    told = [[hit.fault for hit in faults._strike(facts())] for _ in range(3)]
    assert told == [[delay, first], [delay, second], [delay]]
    assert (second.seen, delay.hits) == (1, 3)
