"""A budget of work, in steps: how a pure rule is kept from taking any time it likes.

Owns the count. Whoever asks a rule hands in a budget; the rule takes a step for each piece of its work, and what is to
become of a rule that runs out is the asker's business: go on elsewhere with a larger budget, or refuse. It must not
know clocks: equal work takes equal steps everywhere.
"""

from typing import Final

NO_LIMIT: Final = 1 << 62


class OutOfSteps(Exception):
    """The budget is used up; what was asked is not answered."""


class Steps:
    """So many steps are ``left``."""

    __slots__ = ("left",)

    def __init__(self, limit: int = NO_LIMIT) -> None:
        self.left = limit

    def take(self, count: int = 1) -> None:
        """Work for ``count`` steps is about to be done. Raises OutOfSteps."""
        self.left -= count
        if self.left < 0:
            raise OutOfSteps
