"""What stands before the handlers of a server that has another service's surface than CouchDB's.

Owns the seam between such a surface and the way of a request (``dispatch.py``): who asks, whether they may, and what is
added to the reply. Without one it is done as CouchDB does it. It must not know which services there are. What a request
and a route are is left open here, since a request holds the service that holds the front.
"""

from typing import Protocol, TypeVar

from docstore.httpd.auth import Authenticated
from docstore.httpd.replies import Head, Reply

Asked_contra = TypeVar("Asked_contra", contravariant=True)
Row_contra = TypeVar("Row_contra", contravariant=True)


class Front(Protocol[Asked_contra, Row_contra]):
    """The surface of a service."""

    async def authenticate(self, request: Asked_contra) -> Authenticated:
        """Who asks. Raises as ``Authenticator.authenticate``."""

    async def admit(self, request: Asked_contra, route: Row_contra) -> Reply | None:
        """The reply to a request that does not get through to its handler, else None. Raises as ``authorize``."""

    def finish(self, request: Asked_contra, reply: Head) -> None:
        """Put into a reply what the service says in every one."""

    def close(self) -> None:
        """The server stops."""
