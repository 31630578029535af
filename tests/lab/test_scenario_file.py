import re

import pytest

from docstore.lab.runner import run_scenario
from docstore.lab.scenario import Attach, Degrade, Expect, Link, Quality, RandomEdits, Replicate, Write
from docstore.lab.scenario_file import load_scenario, parse_scenario, shipped_scenarios
from docstore.lab.scenario_rules import ScenarioError

HEAD = 'title = "x"\nnodes = ["a", "b"]\n[[link]]\nbetween = ["a", "b"]\n'


def test_everything_that_can_be_written():
    scenario = parse_scenario("""
        title = "All of it"
        about = "text"
        seed = 7
        duration = "1h"
        converges = false
        nodes = ["a", "b"]
        [[link]]
        between = ["a", "b"]
        every = "5m"
        driver = "b"
        name = "line"
        delay = "20ms"
        bandwidth = 1000
        lose = 0.1
        cut = 0.2
        duplicate = 0.3
        [[link]]
        from = "b"
        to = "a"
        [[edits]]
        nodes = "a"
        from = "1m"
        until = "2m"
        every = 5
        documents = 3
        deletes = 0.2
        attachments = 0.3
        resolves = 0.4
        [[step]]
        at = "1m"
        do = "write"
        node = "a"
        doc = "d"
        body = { n = 1, list = [1.5, true, { a = "b" }] }
        [[step]]
        at = 70
        do = "attach"
        node = "a"
        doc = "d"
        name = "f"
        size = 100
        [[step]]
        at = "3m"
        do = "degrade"
        links = ["line", "b-a"]
        delay = "1s"
        [[step]]
        at = "3m"
        do = "replicate"
        links = "all"
        [[step]]
        at = "4m"
        do = "expect"
        same = false
    """)
    assert (scenario.title, scenario.about, scenario.seed, scenario.duration) == ("All of it", "text", 7, 3600)
    assert (scenario.nodes, scenario.converges) == (("a", "b"), False)
    quality = Quality(delay=0.02, bandwidth=1000, lose=0.1, cut=0.2, duplicate=0.3)
    assert scenario.links == (
        Link(("a", "b"), every=300, driver="b", name="line", quality=quality),
        Link(("b", "a"), one_way=True),
    )
    edits = RandomEdits(("a",), start=60, until=120, every=5, documents=3, deletes=0.2, attachments=0.3, resolves=0.4)
    assert scenario.edits == (edits,)
    write, attach, *others = scenario.steps
    assert write == Write(60, "a", "d", {"n": 1, "list": [1.5, True, {"a": "b"}]})
    assert isinstance(attach, Attach)
    assert len(attach.content) >= 100
    assert others == [Degrade(180, ("line", "b-a"), delay=1), Replicate(180, ("all",)), Expect(240, False)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('nodes = ["a"]', "s.toml: the key 'title' is missing"),
        ("title = 5", "s.toml:1: title: this must be a text, not 5"),
        ('title = "x', "s.toml: "),
        (HEAD + "evry = 5", "s.toml:5: link 1, evry: this key means nothing here; did you mean 'every'?"),
        (HEAD + 'every = "5 minutes"', "s.toml:5: link 1, every: '5 minutes' is no length of time"),
        (HEAD + "cut = 2", "s.toml:5: link 1, cut: a share is between 0 and 1, not 2.0"),
        (HEAD + "cut = nan", "s.toml:5: link 1, cut: this must be a number"),
        (HEAD + '[[step]]\ndo = "kill"', "s.toml:5: step 1: the key 'at' is missing"),
        (
            HEAD + '[[step]]\nat = 1\ndo = "kil"\nnode = "a"',
            "s.toml:7: step 1, do: there is no step 'kil' (there are: write",
        ),
        (HEAD + '[[step]]\nat = 1\ndo = "kill"\nnode = "c"', "s.toml:8: step 1, node: there is no node 'c'"),
        (HEAD + '[[step]]\nat = 1\ndo = "kill"\nnodes = "a"', "s.toml:5: step 1: the key 'node' is missing"),
        (
            HEAD + '[[step]]\nat = 1\ndo = "write"\nnode = "a"\ndoc = "d"\nbody = { n = 2025-01-01 }',
            "s.toml:10: step 1, body",
        ),
        (
            HEAD + '[[step]]\nat = 1\ndo = "expect"\nsame = 1',
            "s.toml:8: step 1, same: this must be true or false, not 1",
        ),
        (HEAD + "[step]\nat = 1", "s.toml:5: step: this must be written as tables"),
        (HEAD + "seeds = 5", "s.toml:5: link 1, seeds: this key means nothing here; known here: "),
        (HEAD.replace('["a", "b"]\n[[', '["a", "b", "c"]\n[['), "s.toml:3: link: nothing gets from 'a' to 'c'"),
        ("x = " + "[" * 5000, "s.toml: "),
    ],
)
def test_mistakes_are_told_with_line_and_key(text, message):
    with pytest.raises(ScenarioError, match="^" + re.escape(message)):
        parse_scenario(text, "s.toml")


def test_a_file_is_read(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD)
    assert load_scenario(path) == load_scenario(str(path)) == parse_scenario(HEAD)


def test_what_is_not_there_is_told_with_what_is(tmp_path):
    with pytest.raises(ScenarioError, match=r"nothing.toml: is neither a file nor .*\(phone_offline.*, ring.*, split"):
        load_scenario(tmp_path / "nothing.toml")


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioError, match="no UTF-8"):
        load_scenario(tmp_path / "bad.toml")


def test_three_scenarios_come_with_docstore():
    assert shipped_scenarios() == ["phone_offline_for_a_week", "ring_of_five", "split_brain"]


def test_a_shipped_scenario_may_be_spelled_with_dashes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_scenario("split-brain") == load_scenario("split_brain")
    (tmp_path / "split-brain").write_text('title = "mine"')
    with pytest.raises(ScenarioError):
        load_scenario("split-brain")  # a file of this name is meant


@pytest.mark.parametrize("name", shipped_scenarios())
async def test_shipped_scenarios_do_as_they_say(name):
    outcome = await run_scenario(load_scenario(name))
    assert outcome.ok, (outcome.failed_expectations, str(outcome.convergence))
    assert outcome.convergence.documents > 5
    assert outcome.growth.conflicted(), "a scenario without a conflict shows nothing"
