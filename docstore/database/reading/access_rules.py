"""What the security object of a database allows, read once.

Owns the memory of it; what a security object means is ``core/security/database_security.py``'s. The text is looked up
each time, so that a change counts with the next request, and read again only if it is another one.
"""

from docstore.core.security.database_security import DatabaseSecurity, read_security
from docstore.storage.databases import security_text
from docstore.storage.engine.environment import Environment


class AccessRules:
    """The rules of one database."""

    def __init__(self, environment: Environment, number: int) -> None:
        self._snapshot = environment.snapshot
        self._number = number
        self._text = b"{}"
        self._rules = read_security(self._text)

    def read(self) -> DatabaseSecurity:
        """The rules as they stand."""
        with self._snapshot() as snapshot:
            text = security_text(snapshot, self._number)
        if text != self._text:
            self._text, self._rules = text, read_security(text)
        return self._rules
