"""Who asks: a name and roles.

Owns the value that stands for a user everywhere. It must not know how somebody was recognised. Follows ``#user_ctx{}``
of CouchDB.
"""

from dataclasses import dataclass
from typing import Final

from docstore.core.json_text import JsonValue

ADMIN_ROLE: Final = "_admin"
METRICS_ROLE: Final = "_metrics"
ADMIN_ROLES: Final = (ADMIN_ROLE,)


@dataclass(frozen=True, slots=True)
class UserContext:
    """Who asks: ``name`` None is nobody in particular. ``handler`` says how they were recognised; None: not at all.

    ``service_roles`` are those of IAM, of whoever came by it; then they alone say what they may.
    """

    name: str | None
    roles: tuple[str, ...] = ()
    handler: str | None = None
    service_roles: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Whether this user may administer the server."""
        return ADMIN_ROLE in self.roles

    @property
    def reads_metrics(self) -> bool:
        """Whether this user may see what the server counts."""
        return ADMIN_ROLE in self.roles or METRICS_ROLE in self.roles

    def members(self, database: str) -> dict[str, JsonValue]:
        """``userCtx`` as functions of design documents see it."""
        return {"db": database, "name": self.name, "roles": list(self.roles)}


NOBODY: Final = UserContext(None)
EVERYONE_IS_ADMIN: Final = UserContext(None, ADMIN_ROLES, "default")
"""The user of every request to a server without administrators."""

SERVER: Final = UserContext(None, ADMIN_ROLES)
"""The server itself."""
