"""Who has tried wrong passwords too often.

Owns the table of failures, by address, name and salt; a new password has another salt, so it begins anew. It must not
know clocks: times are handed in, in seconds. Each entry ends a while after its first failure, and the oldest goes where
there are too many. Follows ``couch_auth_lockout`` of CouchDB.
"""

from typing import Final, NamedTuple

LOCKED: Final = "Account is temporarily locked due to multiple authentication failures"


class LockoutRules(NamedTuple):
    """``chttpd_auth_lockout`` of the configuration. ``mode``: ``off``, ``warn`` or ``enforce``; lifetime in seconds."""

    mode: str = "enforce"
    threshold: int = 5
    max_objects: int = 10_000
    max_lifetime: float = 300.0


class Attempt(NamedTuple):
    """Whose failures are counted together."""

    address: str
    name: str
    salt: str


class Lockout:
    """The failures of one server."""

    def __init__(self) -> None:
        self._failures: dict[Attempt, tuple[float, int]] = {}

    def count(self, attempt: Attempt, now: float, rules: LockoutRules) -> int:
        """How many failures count now."""
        first, failures = self._failures.get(attempt, (now, 0))
        # by distance: a clock that was put back by hours locks nobody for hours
        return failures if abs(now - first) < rules.max_lifetime else 0

    def is_locked(self, attempt: Attempt, now: float, rules: LockoutRules) -> bool:
        """Whether no more attempts are taken."""
        return rules.mode == "enforce" and self.count(attempt, now, rules) >= rules.threshold

    def failed(self, attempt: Attempt, now: float, rules: LockoutRules) -> int:
        """One more failure; how many there are."""
        if rules.mode not in ("enforce", "warn"):
            return 0
        count = self.count(attempt, now, rules)
        first, _ = self._failures.pop(attempt, (now, 0)) if count else (now, 0)
        while len(self._failures) >= max(1, rules.max_objects):
            del self._failures[next(iter(self._failures))]
        self._failures[attempt] = (first, count + 1)
        return count + 1

    def __len__(self) -> int:
        return len(self._failures)
