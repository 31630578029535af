"""What happened in an experiment, in the order of scenario time.

Owns the events and who is told of them. It must not know how they come about nor how they are shown.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from docstore.lab.durations import format_moment


class Kind(StrEnum):
    """What kind of event."""

    WRITE = "write"
    DELETE = "delete"
    ATTACH = "attach"
    RESOLVE = "resolve"
    REFUSED = "refused"
    REPLICATION = "replication"
    PARTITION = "partition"
    DEGRADE = "degrade"
    HEAL = "heal"
    LOST = "lost"
    CUT = "cut"
    DUPLICATE = "duplicate"
    KILL = "kill"
    RESTART = "restart"
    CONFLICT = "conflict"
    RESOLVED = "resolved"
    EXPECT = "expect"
    SETTLE = "settle"


EDITS = frozenset({Kind.WRITE, Kind.DELETE, Kind.ATTACH, Kind.RESOLVE})
FAULTS = frozenset({Kind.LOST, Kind.CUT, Kind.DUPLICATE})


@dataclass(frozen=True, slots=True)
class Event:
    """One of them. What does not apply is empty.

    ``text``    a sentence about it, without time and place
    ``node``    where; of a replication, its source, with the ``target`` beside it
    ``since``   when a replication began, which ended now; ``written`` how many revisions it brought
    ``failed``  a replication that did not get to its end, an expectation that was not met
    """

    at: float
    kind: Kind
    text: str
    node: str = ""
    target: str = ""
    link: str = ""
    doc: str = ""
    rev: str = ""
    since: float | None = None
    written: int = 0
    failed: bool = False

    @property
    def place(self) -> str:
        """Where it happened, in words."""
        if self.target:
            return f"{self.node} → {self.target}"
        return self.node or self.link

    @property
    def is_idle(self) -> bool:
        """A replication that had nothing to do: one of very many in a long scenario."""
        return self.kind is Kind.REPLICATION and not self.failed and not self.written

    def __str__(self) -> str:
        return f"{format_moment(self.at)}  {self.place}{': ' if self.place else ''}{self.text}"


@dataclass(slots=True)
class Timeline:
    """The events so far. ``on_event`` is called with each."""

    events: list[Event] = field(default_factory=list)
    on_event: Callable[[Event], None] | None = None

    def add(self, event: Event) -> None:
        """Something happened."""
        self.events.append(event)
        if self.on_event is not None:
            self.on_event(event)

    def of(self, *kinds: Kind) -> list[Event]:
        """The events of these kinds."""
        return [event for event in self.events if event.kind in kinds]
