"""The timeline as a picture: a lane for each node and each link, time from left to right.

Owns its geometry: what stands where. The template draws it. Marks of one kind that would fall on the same pixel of a
lane are one mark, so the picture's size is bounded whatever happened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from docstore.lab.durations import UNITS, format_duration, format_moment
from docstore.lab.timeline import FAULTS, Event, Kind

WIDTH: Final = 1_180
LEFT: Final = 130
RIGHT: Final = 24
TOP: Final = 30
NODE_LANE: Final = 46
LINK_LANE: Final = 24
MOST_TICKS: Final = 12

TICK_STEPS: Final = sorted(
    count * UNITS[unit]
    for unit, counts in {
        "ms": (10, 20, 50, 100, 200, 500),
        "s": (1, 2, 5, 10, 15, 30),
        "m": (1, 2, 5, 10, 15, 30),
        "h": (1, 2, 3, 6, 12),
        "d": (1, 2),
        "w": (1, 2, 4, 8, 16, 52),
    }.items()
    for count in counts
)

_ON_NODES = {
    Kind.WRITE: "edit",
    Kind.ATTACH: "edit",
    Kind.RESOLVE: "edit",
    Kind.DELETE: "delete",
    Kind.CONFLICT: "conflict",
    Kind.RESOLVED: "resolved",
    Kind.REFUSED: "refused",
}


@dataclass(frozen=True, slots=True)
class Lane:
    """A line with a name. ``y`` is its middle."""

    name: str
    y: int
    is_link: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A point on a lane: ``kind`` is its style, ``text`` what is shown when it is pointed at."""

    kind: str
    x: float
    y: int
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a lane: a node that is down, a link that is partitioned or bad."""

    kind: str
    x: float
    y: int
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """A replication that brought something, from the source's lane when it began to the target's when it ended."""

    x1: float
    y1: int
    x2: float
    y2: int
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it. ``ticks`` are (x, label)."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]
    spans: tuple[Span, ...]
    arrows: tuple[Arrow, ...]
    marks: tuple[Mark, ...]


def draw_lanes(nodes: Sequence[str], links: Sequence[str], events: Sequence[Event], end: float) -> Picture:
    """The picture of these events up to the moment ``end``."""
    lanes = [Lane(name, TOP + NODE_LANE * index + NODE_LANE // 2, False) for index, name in enumerate(nodes)]
    below = TOP + NODE_LANE * len(nodes) + 10
    lanes += [Lane(name, below + LINK_LANE * index + LINK_LANE // 2, True) for index, name in enumerate(links)]
    scale = _Scale(end)
    return Picture(
        width=WIDTH,
        height=below + LINK_LANE * len(links) + 10,
        lanes=tuple(lanes),
        ticks=tuple((scale.x(at), format_moment(at)) for at in scale.ticks()),
        spans=tuple(_spans(events, lanes, scale)),
        arrows=tuple(_arrows(events, lanes, scale)),
        marks=tuple(_marks(events, lanes, scale)),
    )


class _Scale:
    """From moments to pixels."""

    def __init__(self, end: float) -> None:
        self.end = max(end, 1.0)

    def x(self, at: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(at, self.end) / self.end, 1)

    def ticks(self) -> Iterator[float]:
        step = next((step for step in TICK_STEPS if self.end / step <= MOST_TICKS), self.end)
        for number in range(int(self.end / step) + 1):
            yield number * step


def _heights(lanes: Sequence[Lane], *, links: bool) -> dict[str, int]:
    return {lane.name: lane.y for lane in lanes if lane.is_link is links}


def _marks(events: Sequence[Event], lanes: Sequence[Lane], scale: _Scale) -> Iterator[Mark]:
    nodes, links = _heights(lanes, links=False), _heights(lanes, links=True)
    seen: set[tuple[str, int, int]] = set()
    for event in events:
        if event.kind in FAULTS or (event.kind is Kind.REPLICATION and event.failed):
            kind = "failed" if event.kind is Kind.REPLICATION else "fault"
            y = links.get(event.link)
        else:
            kind, y = _ON_NODES.get(event.kind, ""), nodes.get(event.node)
        x = scale.x(event.at)
        if kind and y is not None and (kind, int(x), y) not in seen:
            seen.add((kind, int(x), y))
            yield Mark(kind, x, y, str(event))


def _arrows(events: Sequence[Event], lanes: Sequence[Lane], scale: _Scale) -> Iterator[Arrow]:
    nodes = _heights(lanes, links=False)
    seen: set[tuple[int, int, int]] = set()
    for event in events:
        if event.kind is not Kind.REPLICATION or not event.written or event.since is None:
            continue
        x1, y1, x2, y2 = scale.x(event.since), nodes[event.node], scale.x(event.at), nodes[event.target]
        if (int(x2), y1, y2) not in seen:
            seen.add((int(x2), y1, y2))
            took = f", took {format_duration(event.at - event.since)}" if event.at > event.since else ""
            yield Arrow(x1, y1, x2, y2, f"{event}{took}")


def _spans(events: Sequence[Event], lanes: Sequence[Lane], scale: _Scale) -> Iterator[Span]:
    """Between what begins a state of a lane and what ends it."""
    begins = {Kind.KILL: "down", Kind.PARTITION: "partitioned", Kind.DEGRADE: "degraded"}
    ends = {Kind.RESTART, Kind.HEAL}
    nodes, links = _heights(lanes, links=False), _heights(lanes, links=True)
    for lane in lanes:
        y = (links if lane.is_link else nodes)[lane.name]
        since: Event | None = None
        for event in events:
            if (event.link if lane.is_link else event.node) != lane.name and event.kind is not Kind.SETTLE:
                continue
            if event.kind in begins or event.kind in ends or event.kind is Kind.SETTLE:
                if since is not None:
                    yield _span(since, event.at, begins[since.kind], y, scale)
                since = event if event.kind in begins else None


def _span(since: Event, end: float, kind: str, y: int, scale: _Scale) -> Span:
    x, width = scale.x(since.at), max(scale.x(end) - scale.x(since.at), 1.0)
    return Span(kind, x, y, round(width, 1), f"{since} until {format_moment(end)}")
