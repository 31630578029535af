"""The list of the differences that are there on purpose. ``known.py`` says what an entry means."""

from tests.differential.known import Known

KNOWN: tuple[Known, ...] = ()
