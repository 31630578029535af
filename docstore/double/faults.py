"""The rules of one server: which are there, how often each was met, and which of them hit a request.

    fault = server.faults.add(Answer(503, retry_after=1), method="PUT", database="films", times=2)
    ...
    assert fault.hits == 2
    fault.remove()

Owns the counting and the drawing. It must not know how an action is carried out. Rules are looked at in the order in
which they were added; one that ends a request leaves those after it uncounted, and what becomes of those before it is
``together.py``'s matter. Tests add rules from their own thread.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any, Final

import msgspec

from docstore.core.cloudant.throughput import RequestClass, Windows
from docstore.core.json_text import JsonValue
from docstore.double.actions import Action, Answer, Drop, Reset, SpuriousConflict, Throttle
from docstore.double.applying import applies, is_late
from docstore.double.facts import Facts
from docstore.double.matching import Matcher
from docstore.double.rules import InvalidRule, Rule, plain, rule_of

MAX_RULES: Final = 1_000
SEEDS: Final = 2**32
DELAYS: Final = 10_000


class Fault:
    """A rule of a server. ``seen`` counts the requests that it matches, ``hits`` those that it was carried out on."""

    def __init__(self, rule: Rule, id: str, seed: int, faults: "Faults", clock: Callable[[], float]) -> None:
        self.rule = rule
        self.id = id
        self.seed = seed
        self.seen = 0
        self.hits = 0
        self.random = Random(seed)
        self.removed = False
        self.windows: Windows | None = None
        self._matcher = Matcher(rule.match)
        self._faults = faults
        self._clock = clock
        self._begun: float | None = None
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        if isinstance(rule.action, Throttle):
            limits = {
                RequestClass.READ: rule.action.reads,
                RequestClass.WRITE: rule.action.writes,
                RequestClass.QUERY: rule.action.queries,
            }
            self.windows = Windows({each: limit for each, limit in limits.items() if limit is not None}, clock)

    def remove(self) -> None:
        """Take it away; requests that it stalls go on."""
        self._faults.remove(self.id)

    @property
    def is_over(self) -> bool:
        """Whether it was carried out as often, or for as long, as it says."""
        times, seconds = self.rule.times, self.rule.seconds
        if times is not None and self.hits >= times:
            return True
        return seconds is not None and self._begun is not None and self._clock() - self._begun > seconds

    def looks_into(self, facts: Facts) -> bool:
        """Whether it has to know the body of a request that it matches otherwise."""
        asks = self.rule.match.body is not None or isinstance(self.rule.action, Throttle | SpuriousConflict)
        return asks and applies(self.rule.action, facts) and not self.is_over and self._matcher.matches_head(facts)

    def strikes(self, facts: Facts) -> bool:
        """Whether it hits this request, which is counted."""
        if self.is_over or not applies(self.rule.action, facts):
            return False
        if not self._matcher.matches_head(facts) or not self._matcher.matches_body(facts):
            return False
        self.seen += 1
        if not self._chosen():
            return False
        if self.windows is not None and self.windows.take(facts.cost()):
            return False
        if self._begun is None:
            self._begun = self._clock()
        self.hits += 1
        return True

    def take_back(self) -> None:
        """It was not carried out on the request that it has just hit."""
        self.hits -= 1
        if not self.hits:
            self._begun = None

    def _chosen(self) -> bool:
        match = self.rule.match
        if match.nth is not None and self.seen not in ((match.nth,) if isinstance(match.nth, int) else match.nth):
            return False
        beyond = self.seen - match.after
        if beyond <= 0 or beyond % match.every:
            return False
        return match.probability is None or self.random.random() < match.probability

    def json(self) -> dict[str, JsonValue]:
        """As it is told over HTTP."""
        return plain(self.rule) | {
            "id": self.id,
            "seed": self.seed,
            "seen": self.seen,
            "hits": self.hits,
            "active": not self.is_over and not self.removed,
        }

    @contextmanager
    def stalls(self, event: asyncio.Event) -> Iterator[None]:
        """Have an event set when the rule is taken away."""
        waiting = (asyncio.get_running_loop(), event)
        self._waiting.add(waiting)
        try:
            if self.removed:
                event.set()
            yield
        finally:
            self._waiting.discard(waiting)

    def let_go(self) -> None:
        """The rule was taken away."""
        self.removed = True
        for loop, event in self._waiting.copy():
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule on a request. ``draw`` is a seed of its own, so that what runs at the same time does not share one."""

    fault: Fault
    action: Action
    draw: int


class Faults:
    """The rules of one server. ``seed`` decides the seeds of rules that have none; drawn, and shown, if it is None."""

    def __init__(self, seed: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.seed = SystemRandom().randrange(SEEDS) if seed is None else seed
        self.clock = clock
        self._seeds = Random(self.seed)
        self._faults: dict[str, Fault] = {}
        self._made = 0
        self._lock = threading.RLock()

    def add(
        self,
        action: Action | Rule | dict[str, Any] | str,
        *,
        times: int | None = None,
        seconds: float | None = None,
        seed: int | None = None,
        id: str | None = None,
        **match: Any,
    ) -> Fault:
        """Add a rule: an action with the members of a ``Match``; or a ``Rule``, or its JSON, as it is.

        An action may be its name alone. Raises InvalidRule, a ValueError, and changes nothing.
        """
        more = {"times": times, "seconds": seconds, "seed": seed, "id": id}
        if isinstance(action, Rule) or (isinstance(action, dict) and "action" in action):
            if match or any(value is not None for value in more.values()):
                raise InvalidRule("a whole rule has its match, times, seconds, seed and id in itself")
            return self.add_all([action])[0]
        told = msgspec.to_builtins(action) if isinstance(action, msgspec.Struct) else action
        return self.add_all([{"action": told, "match": match} | more])[0]

    def add_all(self, rules: Iterable[object]) -> list[Fault]:
        """Add several whole rules, or none of them: InvalidRule leaves what was there."""
        read = [rule_of(rule) for rule in rules]
        with self._lock:
            if len(self._faults) + len(read) > MAX_RULES:
                raise InvalidRule(f"there may be {MAX_RULES} rules")
            named = [rule.id for rule in read if rule.id is not None]
            for name in named:
                if name in self._faults or named.count(name) > 1:
                    raise InvalidRule(f"there is a rule {name} already")
            return [self._add(rule, named) for rule in read]

    def _add(self, rule: Rule, taken: Sequence[str]) -> Fault:
        name = rule.id
        while name is None or (rule.id is None and (name in self._faults or name in taken)):
            self._made += 1
            name = f"fault-{self._made}"
        drawn = self._seeds.randrange(SEEDS)
        fault = Fault(rule, name, drawn if rule.seed is None else rule.seed, self, self.clock)
        self._faults[name] = fault
        return fault

    def remove(self, id: str) -> bool:
        """Take a rule away; whether there was one. Requests that it stalls go on."""
        with self._lock:
            fault = self._faults.pop(id, None)
        if fault is None:
            return False
        fault.let_go()
        return True

    def clear(self) -> None:
        """Take all away."""
        for fault in self:
            self.remove(fault.id)

    def get(self, id: str) -> Fault | None:
        """The rule of an id."""
        return self._faults.get(id)

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter(list(self._faults.values()))

    def __len__(self) -> int:
        return len(self._faults)

    async def struck(self, facts: Facts) -> Sequence[Hit]:
        """What hits a request, in order."""
        if not self._faults:
            return ()
        if any(fault.looks_into(facts) for fault in self):
            await facts.read_body()
        with self._lock:
            return list(self._strike(facts))

    def struck_late(self, facts: Facts, means_something: Callable[[Action], bool]) -> Sequence[Hit]:
        """What hits a request now that its answer is known."""
        with self._lock:
            return list(self._strike(facts, means_something))

    def _strike(self, facts: Facts, late: Callable[[Action], bool] | None = None) -> Iterator[Hit]:
        for fault in list(self._faults.values()):
            action = fault.rule.action
            if is_late(action) if late is None else not (is_late(action) and late(action)):
                continue
            if fault.strikes(facts):
                yield Hit(fault, action, fault.random.randrange(SEEDS))
                if ends(action):
                    return


def ends(action: Action) -> bool:
    """Whether a request that an action hits is not processed."""
    if isinstance(action, Reset):
        return action.when == "before"
    return isinstance(action, Answer | Drop | Throttle)
