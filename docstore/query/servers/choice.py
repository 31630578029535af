"""Which engine runs the functions of a view group: the server's own, or a query server.

Owns that choice in a worker process, and the engines that are kept there. A definition that names a command
(``with_server``) is a query server's. It must not know indexes or databases.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from docstore.core.json_text import JsonValue, decode, encode
from docstore.query.javascript.engine import DEFAULT_LIMITS, Engine
from docstore.settings import FunctionSettings

if TYPE_CHECKING:
    from docstore.query.servers.engine import ServerEngine

MAX_ENGINES: Final = 16
SERVER: Final = "server"

ViewEngine: TypeAlias = "Engine | ServerEngine"


def with_server(definition: str, command: Sequence[str] | None) -> str:
    """A definition whose functions the query server of this command runs; None for the server's own engine."""
    if command is None:
        return definition
    members = cast("dict[str, JsonValue]", decode(definition.encode()))
    return encode({**members, SERVER: list(command)}).decode()


@lru_cache(maxsize=MAX_ENGINES)
def engine_for(signature: str, definition: str, limits: FunctionSettings = DEFAULT_LIMITS) -> ViewEngine:
    """The engine of a view group, kept by its signature."""
    members = cast("Mapping[str, JsonValue]", decode(definition.encode()))
    command = cast("list[str] | None", members.get(SERVER))
    if command is None:
        return Engine(definition, limits)
    # Late, since what starts processes takes a third of the start of a worker, and few have use for it.
    from docstore.query.servers.engine import ServerEngine

    return ServerEngine(command, signature, definition, limits)
