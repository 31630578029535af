"""What an experiment is: nodes, links between them, random edits, and steps at moments of scenario time.

Owns the shapes. It must not know what must hold between their parts (``scenario_rules.py``), how a scenario is written
down (``scenario_file.py``), nor how it is carried out (``runner.py``). All times are seconds of scenario time.

::

    Scenario(
        "two desks",
        nodes=("left", "right"),
        links=(Link(("left", "right"), every=10),),
        steps=(Write(0, "left", "a", {"n": 1}), Partition(5, ("left-right",)), Heal(60, ("left-right",))),
        duration=120,
    )
"""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from docstore.core.json_text import JsonValue

if TYPE_CHECKING:
    from docstore.lab.runner import Lab

EVERY_LINK: Final = "all"
DEFAULT_EVERY: Final = 60.0
DEFAULT_DOCUMENTS: Final = 10
DEFAULT_DELETES: Final = 0.1
DEFAULT_ATTACHMENTS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Quality:
    """How a link treats what goes over it.

    ``delay``      seconds that each message takes, there and back again
    ``bandwidth``  bytes per second, None for any number
    ``lose``       the share of requests that never arrive; the connection breaks
    ``cut``        the share of replies that break off somewhere; what was asked for has happened
    ``duplicate``  the share of requests that arrive twice, one right after the other
    """

    delay: float = 0.0
    bandwidth: float | None = None
    lose: float = 0.0
    cut: float = 0.0
    duplicate: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """Two nodes that replicate, ``every`` so many seconds: both ways, or ``one_way`` from the first to the second.

    ``driver`` is the one at which the replicator runs, the first if none is named; it pushes, then it pulls. ``name``
    is ``first-second`` if none is given.
    """

    ends: tuple[str, str]
    every: float = DEFAULT_EVERY
    one_way: bool = False
    driver: str = ""
    name: str = ""
    quality: Quality = Quality()

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", "-".join(self.ends))
        if not self.driver:
            object.__setattr__(self, "driver", self.ends[0])

    def directions(self) -> Iterator[tuple[str, str]]:
        """(source, target) of each replication, what the driver pushes before what it pulls."""
        here, there = self.ends if self.driver == self.ends[0] else self.ends[::-1]
        pairs = ((here, there), (there, here))
        return iter(pair for pair in pairs if not self.one_way or pair == self.ends)


@dataclass(frozen=True, slots=True)
class RandomEdits:
    """Edits at random moments, ``every`` so many seconds on the average, each at a random one of the nodes.

    ``documents``  how many documents they are about: ``doc-1``, ``doc-2`` ...
    ``deletes``, ``attachments``, ``resolves``  the shares of edits that delete, attach, and resolve a conflict
    """

    nodes: tuple[str, ...]
    until: float
    every: float
    start: float = 0.0
    documents: int = DEFAULT_DOCUMENTS
    deletes: float = DEFAULT_DELETES
    attachments: float = DEFAULT_ATTACHMENTS
    resolves: float = 0.0


@dataclass(frozen=True, slots=True)
class Write:
    """A new body for a document, on the winner that the node has; a new document if it has none."""

    verb: ClassVar = "write"
    at: float
    node: str
    doc: str
    body: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Delete:
    """The winner is deleted, if there is one."""

    verb: ClassVar = "delete"
    at: float
    node: str
    doc: str


@dataclass(frozen=True, slots=True)
class Attach:
    """An attachment for the winner, or for a new document."""

    verb: ClassVar = "attach"
    at: float
    node: str
    doc: str
    name: str
    content: bytes = field(repr=False)
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Resolve:
    """The winner stays, all conflicts that the node knows of are deleted."""

    verb: ClassVar = "resolve"
    at: float
    node: str
    doc: str


@dataclass(frozen=True, slots=True)
class Partition:
    """Nothing goes over these links any more; connections break at once."""

    verb: ClassVar = "partition"
    at: float
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Degrade:
    """These links get worse (or better); what is None stays as it is."""

    verb: ClassVar = "degrade"
    at: float
    links: tuple[str, ...]
    delay: float | None = None
    bandwidth: float | None = None
    lose: float | None = None
    cut: float | None = None
    duplicate: float | None = None

    def applied_to(self, quality: Quality) -> Quality:
        """The quality from now on."""
        return replace(quality, **self.changes())

    def changes(self) -> dict[str, float]:
        """What is not None, by name."""
        named = {name: getattr(self, name) for name in ("delay", "bandwidth", "lose", "cut", "duplicate")}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Heal:
    """These links are as they were declared."""

    verb: ClassVar = "heal"
    at: float
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kill:
    """The node is gone from one moment to the next, as if its process had been killed; what it had committed stays."""

    verb: ClassVar = "kill"
    at: float
    node: str


@dataclass(frozen=True, slots=True)
class Restart:
    """A killed node is back, with what its store holds."""

    verb: ClassVar = "restart"
    at: float
    node: str


@dataclass(frozen=True, slots=True)
class Replicate:
    """These links replicate now, besides their own turns."""

    verb: ClassVar = "replicate"
    at: float
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expect:
    """At this moment the nodes that run must have the same leaves and winners; or, with ``same`` false, must not."""

    verb: ClassVar = "expect"
    at: float
    same: bool


@dataclass(frozen=True, slots=True)
class Call:
    """Anything else, in Python alone: ``action`` gets the running ``Lab``."""

    verb: ClassVar = "call"
    at: float
    action: "Callable[[Lab], Awaitable[None]]"


Step: TypeAlias = (
    Write | Delete | Attach | Resolve | Partition | Degrade | Heal | Kill | Restart | Replicate | Expect | Call
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One experiment.

    ``duration``  when the links' turns end; by default the last step and the last random edit are the end
    ``converges`` whether, once all is healed and everybody has replicated enough, all nodes must be the same
    ``seed``      for what is random, unless the run names another one
    """

    title: str
    nodes: tuple[str, ...]
    links: tuple[Link, ...]
    steps: tuple[Step, ...] = ()
    edits: tuple[RandomEdits, ...] = ()
    duration: float = 0.0
    about: str = ""
    seed: int = 1
    converges: bool = True

    @property
    def end(self) -> float:
        """The moment at which the links' turns end."""
        return max(self.duration, *(step.at for step in self.steps), *(edits.until for edits in self.edits), 0.0)

    def link_names(self, named: Collection[str]) -> list[str]:
        """The links that a step names."""
        return [link.name for link in self.links if EVERY_LINK in named or link.name in named]
