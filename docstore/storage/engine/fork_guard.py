"""What a fork does to open stores: nothing of LMDB survives it, so the child's copies must refuse all use.

Owns the list of objects to tell. It must not know what they are.
"""

import logging
import os
from typing import Protocol
from weakref import WeakSet

log = logging.getLogger(__name__)


class ForkAware(Protocol):
    """Something that must not be used in the child of a fork."""

    def after_fork_in_child(self) -> None:
        """Refuse all use from now on, without touching files or locks of the parent."""


_guarded: "WeakSet[ForkAware]" = WeakSet()


def guard(target: ForkAware) -> None:
    """Tell ``target`` when it finds itself in the child of a fork."""
    _guarded.add(target)


def unguard(target: ForkAware) -> None:
    """``target`` was closed, and refuses all use already."""
    _guarded.discard(target)


def _tell_all() -> None:
    for target in list(_guarded):
        try:
            target.after_fork_in_child()
        except Exception:
            log.exception("a fork could not be told to %s", type(target).__name__)


os.register_at_fork(after_in_child=_tell_all)
