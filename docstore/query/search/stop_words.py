"""Words that are no terms, for analyzers whose words tantivy does not bring.

Owns the lists. Those of ``ENGLISH`` are what Lucene's standard, classic and English analyzers leave out, which are
fewer than tantivy's.
"""

from typing import Final

_ENGLISH: Final = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this"
    " to was will with"
)

ENGLISH: Final = frozenset(_ENGLISH.split())
