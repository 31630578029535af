"""What must hold between the parts of a scenario: names that exist, links that connect, shares that are shares.

Owns the rules and their messages. It must not know how a scenario is written down; a message names the place at fault,
of which a reader of files can find the line.
"""

import re
from collections.abc import Sequence
from math import inf
from typing import Final, TypeAlias

from docstore.errors import DocstoreError
from docstore.lab.scenario import (
    EVERY_LINK,
    Attach,
    Call,
    Degrade,
    Delete,
    Expect,
    Heal,
    Kill,
    Link,
    Partition,
    Quality,
    RandomEdits,
    Replicate,
    Resolve,
    Restart,
    Scenario,
    Step,
    Write,
)

MOST_NODES: Final = 50
MOST_EDITS: Final = 100_000
MOST_TURNS: Final = 100_000
LONGEST_NAME: Final = 40

_NODE_NAME = re.compile(rf"[^\W_][\w.-]{{0,{LONGEST_NAME - 1}}}")

Place: TypeAlias = tuple[str | int, ...]
"""Where in a scenario: ``("step", 2, "node")`` is the node of the third step."""


class ScenarioError(DocstoreError):
    """A scenario that cannot be carried out. ``place`` is the part at fault; ``message`` says what is wrong with it."""

    error = "bad_scenario"

    def __init__(self, place: Place, message: str, source: str = "") -> None:
        self.place = place
        self.message = message
        super().__init__(": ".join(part for part in (source, describe(place), message) if part))


def describe(place: Place) -> str:
    """A place in words: ``step 3, node``."""
    words: list[str] = []
    for part in place:
        if isinstance(part, int) and words:
            words[-1] = f"{words[-1]} {part + 1}"
        else:
            words.append(str(part))
    return ", ".join(words)


def check_scenario(scenario: Scenario) -> None:
    """Raises ScenarioError for the first part that does not fit the others."""
    _check_nodes(scenario.nodes)
    names: list[str] = []
    for index, link in enumerate(scenario.links):
        _check_link(link, ("link", index), scenario.nodes, names)
        names.append(link.name)
    turns = sum(scenario.end / link.every for link in scenario.links)
    if turns > MOST_TURNS:
        raise ScenarioError(("link",), f"the links have {turns:.0f} turns, more than {MOST_TURNS}; make 'every' longer")
    if scenario.converges:
        _check_connected(scenario.nodes, scenario.links)
    for index, edits in enumerate(scenario.edits):
        _check_edits(edits, ("edits", index), scenario.nodes)
    for index, step in enumerate(scenario.steps):
        _check_step(step, ("step", index), scenario.nodes, names)


def _check_nodes(nodes: Sequence[str]) -> None:
    if not nodes:
        raise ScenarioError(("nodes",), "there must be a node")
    if len(nodes) > MOST_NODES:
        raise ScenarioError(("nodes",), f"there are {len(nodes)} nodes, more than {MOST_NODES}")
    if len(set(nodes)) < len(nodes):
        raise ScenarioError(("nodes",), "two nodes have the same name")
    for name in nodes:
        if _NODE_NAME.fullmatch(name) is None:
            message = f"{name!r} is no name for a node: up to {LONGEST_NAME} letters, digits, '.', '-' and '_'"
            raise ScenarioError(("nodes",), message)


def _check_known(name: str, known: Sequence[str], what: str, place: Place) -> None:
    if name not in known:
        raise ScenarioError(place, f"there is no {what} {name!r} (there are: {', '.join(known)})")


def _check_share(value: float | None, place: Place) -> None:
    if value is not None and not 0 <= value <= 1:
        raise ScenarioError(place, f"a share is between 0 and 1, not {value}")


def _check_quality(quality: "Quality | Degrade", place: Place) -> None:
    for name in ("lose", "cut", "duplicate"):
        _check_share(getattr(quality, name), (*place, name))
    if quality.bandwidth is not None and quality.bandwidth <= 0:
        raise ScenarioError((*place, "bandwidth"), "the bandwidth must be more than 0 bytes per second")


def _check_link(link: Link, place: Place, nodes: Sequence[str], names: Sequence[str]) -> None:
    ends: tuple[str, str] = ("from", "to") if link.one_way else ("between", "between")
    for key, end in zip(ends, link.ends, strict=True):
        _check_known(end, nodes, "node", (*place, key))
    if link.ends[0] == link.ends[1]:
        raise ScenarioError((*place, ends[1]), "a link needs two nodes")
    if link.driver not in link.ends:
        raise ScenarioError((*place, "driver"), f"{link.driver!r} is not an end of this link")
    if link.name in names:
        raise ScenarioError((*place, "name"), f"there is a link {link.name!r} already; give one of them a name")
    if link.name == EVERY_LINK:
        raise ScenarioError((*place, "name"), f"{EVERY_LINK!r} stands for all links")
    if link.every <= 0:
        raise ScenarioError((*place, "every"), "the time between two turns must be more than 0")
    _check_quality(link.quality, place)


def _check_connected(nodes: Sequence[str], links: Sequence[Link]) -> None:
    """Whether what is written anywhere can get everywhere."""
    edges = {pair for link in links for pair in link.directions()}
    for start in nodes:
        reached, waiting = {start}, [start]
        while waiting:
            here = waiting.pop()
            found = {target for source, target in edges if source == here} - reached
            reached |= found
            waiting += found
        lost = [node for node in nodes if node not in reached]
        if lost:
            message = f"nothing gets from {start!r} to {lost[0]!r}; add a link, or say converges = false"
            raise ScenarioError(("link",), message)


def _check_edits(edits: RandomEdits, place: Place, nodes: Sequence[str]) -> None:
    for node in edits.nodes:
        _check_known(node, nodes, "node", (*place, "nodes"))
    if not edits.nodes:
        raise ScenarioError((*place, "nodes"), "there must be a node")
    if edits.every <= 0:
        raise ScenarioError((*place, "every"), "the mean time between two edits must be more than 0")
    if edits.until < edits.start:
        raise ScenarioError((*place, "until"), "the end is before the start")
    if (edits.until - edits.start) / edits.every > MOST_EDITS:
        raise ScenarioError((*place, "every"), f"these are more than {MOST_EDITS} edits")
    if edits.documents < 1:
        raise ScenarioError((*place, "documents"), "there must be a document")
    for name in ("deletes", "attachments", "resolves"):
        _check_share(getattr(edits, name), (*place, name))
    if edits.deletes + edits.attachments + edits.resolves > 1:
        raise ScenarioError((*place, "deletes"), "deletes, attachments and resolves are more than all edits together")


def _check_step(step: Step, place: Place, nodes: Sequence[str], links: Sequence[str]) -> None:
    if not 0 <= step.at < inf:
        raise ScenarioError((*place, "at"), f"{step.at} is no moment of the scenario")
    match step:
        case Write() | Delete() | Attach() | Resolve():
            _check_known(step.node, nodes, "node", (*place, "node"))
            if not step.doc or (step.doc.startswith("_") and not step.doc.startswith("_design/")):
                raise ScenarioError((*place, "doc"), f"no document can have the id {step.doc!r}")
        case Kill() | Restart():
            _check_known(step.node, nodes, "node", (*place, "node"))
        case Partition() | Degrade() | Heal() | Replicate():
            for name in step.links:
                _check_known(name, [*links, EVERY_LINK], "link", (*place, "links"))
        case Expect() | Call():
            pass
    if isinstance(step, Write) and any(name.startswith("_") for name in step.body):
        raise ScenarioError((*place, "body"), "a body has no members that begin with an underscore")
    if isinstance(step, Degrade):
        _check_quality(step, place)
