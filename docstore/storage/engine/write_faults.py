"""What becomes of a group that cannot be committed, and of those behind it.

Owns whether writes are stopped, and what was seen of a full disk before. What a single error means is the business of
``disk_errors.py``; groups and their commands are the writer's, on whose thread all of this is called.
"""

import logging

import lmdb

from docstore.errors import DocstoreError, StorageFailed, StorageFull, Unavailable
from docstore.storage.engine.disk_errors import disk_error, has_room, lacks_means
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.group_commit import GroupRefused
from docstore.storage.engine.transactions import GroupTransaction

log = logging.getLogger(__name__)


class WriteFaults:
    """The faults that the writer of an environment has met.

    ``stopped``  whether nothing is written any more, until the store is opened anew
    """

    def __init__(self, environment: Environment) -> None:
        self.stopped = False
        self._environment = environment
        self._breathed = 0
        self._full = False
        self._lacked_room = False

    def before_group(self) -> None:
        """To be called before a transaction begins. Raises GroupRefused if writes are stopped.

        While the disk is full it asks for room, since afterwards is too late: there may be some again.
        """
        if self.stopped:
            raise GroupRefused(StorageFailed())
        if self._full:
            self._lacked_room = not has_room(self._environment.data_file)

    def committed(self) -> None:
        """To be called after each commit."""
        self._full = self._lacked_room = False

    def refused(self, error: Exception, *, synced: bool = True) -> GroupRefused:
        """What the group is told that met this error; after StorageFailed nothing is written any more.

        ``synced``  whether it may be a sync that failed; while a transaction is filled LMDB writes, but syncs nothing
        """
        partial_write = self._lacked_room or not synced
        told = lacks_means(error) or disk_error(error, self._environment.data_file, partial_write=partial_write)
        if synced and not isinstance(told, StorageFailed) and self._environment.broken:
            told = StorageFailed()  # it was the meta page, and LMDB takes nothing any more
        if isinstance(told, StorageFailed):
            self._stop(error)
        else:
            self._full |= isinstance(told, StorageFull)
            log.error("writes are refused. %s (%s)", told.reason, error)
        return GroupRefused(told)

    def sync_behind(self, transaction: GroupTransaction) -> DocstoreError | None:
        """Do the sync that a group wants behind its commit; what those are told who waited for it, should it fail.

        What was committed is there to be read, so it is never written again. But a sync that fails may have lost what
        was acknowledged before, whatever it fails with; so nothing is written any more. One that was not tried, since
        there was no handle for it, has lost nothing.
        """
        try:
            self._environment.committed(transaction)
        except Unavailable as refused:
            log.error("a sync was not tried. %s", refused.reason)
            return refused
        except Exception as error:
            self._stop(error)
            return StorageFailed()
        return None

    def has_freed_pages(self, groups: int) -> bool:
        """Whether a full disk has room after all: pages that the last commit freed, which LMDB lends only to the next.

        So one that changes nothing is made between, once after each commit that did; ``groups`` is how many there were.
        """
        if self._breathed == groups or self.stopped:
            return False
        self._breathed = groups
        self.before_group()
        try:
            self._environment.commit_nothing()
        except (DocstoreError, lmdb.MapFullError):
            return False
        except (lmdb.Error, OSError) as error:
            self.refused(error)  # a failed sync stops writes, whatever it was to sync
            return False
        return True

    def _stop(self, error: Exception) -> None:
        log.critical("a write or a sync failed; writes are stopped until the store is opened anew", exc_info=error)
        self.stopped = True
        self._environment.writes_failed()
