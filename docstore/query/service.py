"""Design documents at work: one place to ask for what they define.

Owns the parts of ``query/`` of one node, and which of them knows which. It must not know HTTP.
"""

from collections.abc import Mapping
from typing import Final

from docstore.core.json_text import JsonValue, decode, encode
from docstore.database.active_tasks import ActiveTasks
from docstore.database.database import Database
from docstore.database.reading.selected_changes import Select
from docstore.database.registry import Registry
from docstore.database.write_gate import Gate
from docstore.query.design.functions import filter_by, find_function
from docstore.query.design.gate import DesignGate, user_context
from docstore.query.design.languages import Languages
from docstore.query.design.rules import RuleBook
from docstore.query.javascript.calling import Function, Functions
from docstore.query.lists.running import Lists
from docstore.query.mango.mango import Mango
from docstore.query.search.searches import Searches
from docstore.query.views.views import Views
from docstore.settings import Settings
from docstore.storage.engine.environment import Environment
from docstore.storage.rows import DatabaseRow
from docstore.workers.pool import Pool

VIEW_FILTER: Final = "_view"


class Query:
    """What design documents do, for one node.

    ``functions``  calls the functions in them
    ``lists``      runs list functions
    ``views``      answers views
    ``searches``   answers full-text searches
    ``mango``      answers declarative queries
    """

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        pool: Pool,
        tasks: ActiveTasks,
        environment: Environment,
    ) -> None:
        self.registry = registry
        self.settings = settings
        languages = Languages(settings.query_servers)
        self.functions = Functions(pool, settings.functions, languages)
        self.lists = Lists(pool.reserve, settings.functions, languages)
        self.views = Views(pool, tasks, settings, languages, ahead=pool.processes + 2)
        self.searches = Searches(pool, tasks, settings, ahead=pool.processes + 2)
        self.mango = Mango(self.views, self.searches, settings)
        self._environment = environment
        self._rule_book = RuleBook()

    def gate(self, name: str, row: DatabaseRow) -> Gate:
        """What edits of a database go through."""
        return DesignGate(name, row, self._environment, self.functions, self._rule_book)

    def function(self, database: Database, design: str, *path: str) -> Function:
        """A function of a design document. Raises NotFound, DocumentDeleted."""
        return find_function(database, design, path)

    def filter(self, function: Function, request: bytes) -> Select:
        """A filter of changes; ``request`` is what it is shown, as JSON."""
        return filter_by(self.functions, function, request)

    def named_filter(self, database: Database, name: str, params: Mapping[str, JsonValue]) -> Select:
        """The filter ``ddoc/name``, or ``_view``, for a replication, which has parameters and no request.

        Raises NotFound.
        """
        shown: dict[str, JsonValue] = {
            "method": "GET",
            "query": dict(params),
            "headers": {},
            "userCtx": user_context(database.name, None),
            "secObj": decode(database.security_text()),
        }
        if name == VIEW_FILTER:
            design, _, view = str(params.get("view")).partition("/")
            function = self.function(database, design, "views", view, "map")
        else:
            design, _, named = name.partition("/")
            function = self.function(database, design, "filters", named)
        return self.filter(function, encode(shown))

    def start(self) -> None:
        """Go on with what the last stop cut short."""
        self.views.start(self.registry.numbers)
        self.searches.start(self.registry.numbers)

    def committed(self, changed: Mapping[int, int]) -> None:
        """After each group commit, on the event loop: database number -> its update sequence, or that it is gone."""
        self.views.committed(changed)
        self.searches.committed(changed)

    async def stop(self) -> None:
        """Stop what goes on unasked, and close the files of indexes."""
        await self.searches.stop()
        await self.views.stop()
