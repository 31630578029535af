"""The report of an experiment: one HTML file that needs nothing else, no network and no script.

Owns what the report shows and how much of it: the verdict, the timeline as picture and table, and, for documents that
had a conflict, how their trees grew on each node. The page itself is ``templates/report.html``; trees are drawn by
``core/drawing/tree_svg.py``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import jinja2

from docstore import __version__
from docstore.core.drawing.tree_svg import STYLE, draw_svg
from docstore.core.drawing.tree_view import TreeView
from docstore.lab.durations import format_duration, format_moment
from docstore.lab.growth import Frame
from docstore.lab.lanes import draw_lanes
from docstore.lab.runner import Outcome
from docstore.lab.timeline import EDITS, FAULTS, Event, Kind

TEMPLATE: Final = "report.html"
MOST_ROWS: Final = 2_000
MOST_DOCUMENTS: Final = 40
MOST_FRAMES: Final = 16


@dataclass(slots=True)
class Row:
    """A row of the table: an event, or ``count`` of the same kind up to ``last_at``."""

    event: Event
    count: int = 1
    last_at: float = 0.0

    @property
    def moment(self) -> str:
        """When it happened."""
        return format_moment(self.event.at)

    @property
    def times(self) -> str:
        """How often it happened, if more than once."""
        return f"{self.count} times, last {format_moment(self.last_at)}" if self.count > 1 else ""


@dataclass(frozen=True, slots=True)
class DrawnFrame:
    """A tree as a picture, and what made it so."""

    moment: str
    cause: str
    svg: str


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """How a document's tree grew on one node; ``left_out`` frames between the first and the next are not shown."""

    name: str
    frames: tuple[DrawnFrame, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class DrawnDocument:
    """How a document's tree grew on each node."""

    id: str
    nodes: tuple[DrawnNode, ...]


def render_report(outcome: Outcome) -> str:
    """The report as HTML."""
    scenario, events = outcome.scenario, outcome.timeline.events
    rows = table_rows(events)
    conflicted = outcome.growth.conflicted()
    return _template().render(
        outcome=outcome,
        scenario=scenario,
        convergence=outcome.convergence,
        summary=summary(outcome),
        picture=draw_lanes(scenario.nodes, [link.name for link in scenario.links], events, outcome.ended),
        rows=rows[:MOST_ROWS],
        rows_left_out=max(len(rows) - MOST_ROWS, 0),
        idle=sum(event.is_idle for event in events),
        documents=[_drawn(outcome, doc) for doc in conflicted[:MOST_DOCUMENTS]],
        documents_left_out=max(len(conflicted) - MOST_DOCUMENTS, 0),
        tree_style=STYLE,
        duration=format_duration,
        version=__version__,
    )


def summary(outcome: Outcome) -> list[tuple[str, str]]:
    """The figures of a run: (what, how many)."""
    events = outcome.timeline.events
    runs = [event for event in events if event.kind is Kind.REPLICATION]
    faults = sum(event.kind in FAULTS for event in events)
    return [
        ("nodes", str(len(outcome.scenario.nodes))),
        ("links", str(len(outcome.scenario.links))),
        ("edits", str(sum(event.kind in EDITS for event in events))),
        ("replications", f"{len(runs)}, {sum(event.failed for event in runs)} of them failed"),
        ("revisions moved", str(sum(event.written for event in runs))),
        ("faults of links", str(faults)),
        ("documents", str(outcome.convergence.documents)),
        ("with a conflict at some time", str(len(outcome.growth.conflicted()))),
        ("with a conflict in the end", str(len(outcome.convergence.conflicted))),
        ("scenario time", format_duration(outcome.ended)),
        ("real time", f"{outcome.took:.1f} s"),
    ]


def table_rows(events: Sequence[Event]) -> list[Row]:
    """The events without replications that had nothing to do; the same failure again and again is one row."""
    rows: list[Row] = []
    failing: dict[tuple[str, str], Row] = {}
    for event in events:
        if event.is_idle:
            failing.pop((event.place, event.link), None)
            continue
        if event.kind is Kind.REPLICATION:
            key = (event.place, event.link)
            row = failing.get(key)
            if event.failed and row is not None and row.event.text == event.text:
                row.count += 1
                row.last_at = event.at
                continue
            failing.pop(key, None)
            if event.failed:
                failing[key] = Row(event)
                rows.append(failing[key])
                continue
        rows.append(Row(event))
    return rows


def _drawn(outcome: Outcome, doc: str) -> DrawnDocument:
    growth, names = outcome.growth, outcome.scenario.nodes
    frames = growth.frames(doc)
    nodes = [_drawn_node(name, frames[name], growth.dropped(doc, name)) for name in names if name in frames]
    return DrawnDocument(doc, tuple(nodes))


def _drawn_node(name: str, frames: Sequence[Frame], dropped: int) -> DrawnNode:
    left_out = max(len(frames) - MOST_FRAMES, 0)
    return DrawnNode(name, tuple(_drawn_frames([*frames[:1], *frames[1 + left_out :]])), left_out + dropped)


def _drawn_frames(frames: Sequence[Frame]) -> Iterator[DrawnFrame]:
    for frame in frames:
        moment = format_moment(frame.at)
        yield DrawnFrame(moment, frame.cause, draw_svg(TreeView(moment, frame.tree, None)).replace(_STYLE_ELEMENT, ""))


_STYLE_ELEMENT: Final = f"<style>{STYLE}</style>"
"""The page has the style of the trees once."""


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("docstore.lab"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE)
