import asyncio
from html.parser import HTMLParser

import pytest

from docstore.lab import report
from docstore.lab.report import render_report, summary, table_rows
from docstore.lab.runner import run_scenario
from docstore.lab.scenario import Expect, Kill, Link, Partition, RandomEdits, Replicate, Scenario, Write
from docstore.lab.timeline import Event, Kind

HOSTILE = '<script>alert("x")</script>'


class Page(HTMLParser):
    """What is in a page: tags, attributes, and that each tag that is opened is closed."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def outcome():
    steps = (
        Write(1, "a", HOSTILE, {"n": 1}),
        Write(1, "b", HOSTILE, {"n": 2}),
        Replicate(5, ("all",)),
        Partition(10, ("a-b",)),
        Kill(20, "b"),
        Expect(30, True),
    )
    edits = (RandomEdits(("a", "b"), until=60, every=10, documents=2),)
    links = (Link(("a", "b"), every=15),)
    return asyncio.run(
        run_scenario(Scenario(f"Test & {HOSTILE}", ("a", "b"), links, steps, edits, about="<b>", seed=9))
    )


def test_a_report_is_one_page_that_needs_nothing_else(outcome):
    text = render_report(outcome)
    page = Page(text)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & set(page.tags)
    assert not any(name in {"src", "href", "xlink:href"} or name.startswith("on") for name, _ in page.attributes)
    assert "url(" not in text
    assert "@import" not in text


def test_nothing_from_documents_becomes_markup(outcome):
    text = render_report(outcome)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_it_shows_verdict_timeline_and_trees(outcome):
    text = render_report(outcome)
    assert "the same on all 2 nodes" in text
    assert "seed 9" in text
    assert text.count('class="partitioned"') == 1
    assert text.count('class="down"') == 1
    frames = outcome.growth.frames(HOSTILE)
    assert text.count('<figure class="tree">') >= len(frames["a"]) + len(frames["b"]) >= 3
    for rev in frames["a"][-1].tree.leaves():
        assert f"{rev.generation}-{rev.id_text[:6]}" in text
    assert text.count("<style>") == 1


def test_much_of_everything_is_cut(outcome, monkeypatch):
    whole = render_report(outcome)
    for name in ("MOST_ROWS", "MOST_FRAMES"):
        monkeypatch.setattr(report, name, 2)
    monkeypatch.setattr(report, "MOST_DOCUMENTS", 0)
    less = render_report(outcome)
    assert len(less) < len(whole)
    assert "... and" in less
    assert "more documents" in less


def test_the_figures(outcome):
    figures = dict(summary(outcome))
    assert figures["nodes"] == "2"
    assert int(figures["edits"]) >= 2
    assert figures["with a conflict at some time"] == str(len(outcome.growth.conflicted()))


def replication(at, text="", **more):
    return Event(at, Kind.REPLICATION, text, node="a", target="b", link="a-b", **more)


def test_rows_without_idle_replications_and_repeated_failures():
    rows = table_rows(
        [
            replication(1),
            replication(2, "cut", failed=True),
            Event(3, Kind.WRITE, "edit", node="a"),
            replication(4, "cut", failed=True),
            replication(5, "cut", failed=True),
            replication(6, "2 revisions", written=2),
            replication(7, "cut", failed=True),
            replication(8),
            replication(9, "cut", failed=True),
            replication(10, "lost", failed=True),
        ]
    )
    assert [(row.event.at, row.count, row.last_at) for row in rows] == [
        (2, 3, 5),
        (3, 1, 0),
        (6, 1, 0),
        (7, 1, 0),
        (9, 1, 0),
        (10, 1, 0),
    ]
    assert rows[0].times == "3 times, last 00:00:05"
    assert rows[1].times == ""
