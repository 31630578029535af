"""Sessions and tokens that are over, whatever they say themselves.

Owns which. It must not know why.
"""

from collections import OrderedDict
from typing import Final

MOST: Final = 10_000


class Expired:
    """Those of one server; of very many the first are forgotten."""

    def __init__(self) -> None:
        self._all: OrderedDict[str, None] = OrderedDict()

    def add(self, credential: str) -> None:
        """It is over."""
        self._all[credential] = None
        if len(self._all) > MOST:
            self._all.popitem(last=False)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, credential: str) -> bool:
        return credential in self._all
