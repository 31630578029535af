"""Documents that a text index finds, for a query of Mango.

Owns the way from hits to documents. It must not know selectors. Pieces are read in threads.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from docstore.database.database import Database
from docstore.database.reading.winners import find_winners
from docstore.errors import BadRequest
from docstore.query.mango.sources import FoundRow, TextHit
from docstore.query.mango.words import refused
from docstore.query.search.analyzers import Analyzers
from docstore.query.search.answering import found_ids
from docstore.query.search.asked import Question
from docstore.query.search.bounds import weight_of
from docstore.query.search.folder import Folder
from docstore.query.search.selected import FIELD_NAMES
from docstore.settings import SearchSettings

TOO_MUCH: Final = "The selector asks for more words, beginnings of texts and ranges of texts than one query may."

WAYS: Final = 2
"""In how many fields a value of ``$in`` is looked for: its own, and that of the items of an array."""


class TextSource:
    """The hits of a question, as documents: those that are gone meanwhile are left out."""

    def __init__(
        self, database: Database, folder: Folder, analyzers: Analyzers, question: Question, limits: SearchSettings
    ) -> None:
        """Raises BadRequest for a question of too many words and patterns."""
        weight = weight_of(question.query, FIELD_NAMES)
        if (
            weight.words + weight.patterns > WAYS * limits.max_query_clauses
            or weight.patterns > limits.max_find_patterns
        ):
            raise refused("text_search_error", TOO_MUCH)
        self.done = False
        self.seq = 0
        self._database = database
        self._folder = folder
        self._analyzers = analyzers
        self._question = question
        self._limits = limits

    def next_rows(self, count: int) -> Sequence[FoundRow]:
        """See ``Source``. Raises BadRequest for what cannot be searched for, SearchTimedOut."""
        try:
            hits = found_ids(self._folder, self._analyzers, replace(self._question, limit=count), self._limits)
        except BadRequest as error:
            raise refused("text_search_error", error.reason) from None
        self.done = len(hits) < count
        if hits:
            self._question = replace(self._question, after=hits[-1][1])
        with self._database.environment.snapshot() as txn:
            winners = find_winners(txn, self._database.number, [doc_id.encode() for doc_id, _ in hits])
        return [
            TextHit(winner, order)
            for winner, (_, order) in zip(winners, hits, strict=True)
            if winner is not None and not winner.is_design
        ]
