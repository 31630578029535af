"""Languages of design documents, and who runs the functions in each.

Owns that choice. It must not know how either runs. A query server of the settings goes before the server's own engine,
so that JavaScript can be given to another one too; as in CouchDB a language is found whatever its case.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from docstore.query.design.document import ENGINES
from docstore.query.errors import FunctionFailed

UNKNOWN_LANGUAGE: Final = "unknown_query_language"


class Languages:
    """Which query servers there are: language -> command, in words."""

    def __init__(self, query_servers: Mapping[str, Sequence[str]]) -> None:
        self._commands = {language.lower(): tuple(command) for language, command in query_servers.items()}

    def command(self, language: str) -> tuple[str, ...] | None:
        """The command of the query server for a language; None for the server's own engine.

        Raises FunctionFailed where nobody speaks it.
        """
        found = self._commands.get(language.lower())
        if found is None and language not in ENGINES:
            raise FunctionFailed(language, error=UNKNOWN_LANGUAGE)
        return found

    def speaks(self, language: str) -> bool:
        """Whether anybody runs functions in a language."""
        return language in ENGINES or language.lower() in self._commands


OWN_ENGINE: Final = Languages({})
"""JavaScript alone."""
