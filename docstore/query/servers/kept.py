"""The query servers that a worker process keeps.

Owns which there are: for each command one for views, and one for each database whose design documents are asked, since
what functions keep to themselves is no business of another database's (``couch_proc_manager`` goes by the database
too). It must not know what they are asked.
"""

from collections import OrderedDict
from collections.abc import Sequence

from docstore.query.servers.process import QueryServer
from docstore.settings import FunctionSettings


class Kept:
    """A query server, and what it was told.

    ``designs``  design document -> the digest of the text that it was taught
    ``loaded``   the views whose functions it has
    """

    def __init__(self, server: QueryServer) -> None:
        self.server = server
        self.designs: dict[str, str] = {}
        self.loaded: str | None = None


_kept: OrderedDict[tuple[tuple[str, ...], str], Kept] = OrderedDict()


def kept_server(command: Sequence[str], database: str, limits: FunctionSettings) -> Kept:
    """The query server for design documents of a database, ``""`` for views. Raises FunctionFailed."""
    key = (tuple(command), database)
    kept = _kept.get(key)
    if kept is None or not kept.server.usable():
        while len(_kept) >= max(1, limits.servers) and key not in _kept:
            _kept.popitem(last=False)[1].server.end()
        kept = _kept[key] = Kept(QueryServer(command, limits))
    _kept.move_to_end(key)
    return kept
