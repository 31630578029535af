"""How many examples a law is tried with: few in ``make test``, many in ``make test-long``, whose profile is "long"."""

from typing import Final

from hypothesis import settings

FEW: Final = 40
MANY: Final = 250
"""Of laws that say nothing else."""

LONG: Final = "long"


def examples(few: int, many: int) -> int:
    """The number for the run that this is, of a law whose examples cost more than others'."""
    return many if settings.get_current_profile_name() == LONG else few
