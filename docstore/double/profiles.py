"""What a server under test stands for: the services that it can look like, by name.

Owns the table. A profile says how the settings differ and what else stands around the server; it must not know how any
of it is done. CouchDB is what a server looks like by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from docstore.config.table import Name
from docstore.double.around import Around
from docstore.httpd.app import ROUTER
from docstore.httpd.routing import Router

COUCHDB: Final = "couchdb"


@dataclass(frozen=True, slots=True)
class Profile:
    """A service.

    ``around``  what stands between the server and its faults, the outermost last
    ``words``   settings that differ, as words of the configuration
    ``router``  its route table
    """

    name: str
    around: tuple[Around, ...] = ()
    words: Mapping[Name, str] = field(default_factory=dict)
    router: Router = ROUTER


PROFILES: Final[Mapping[str, Profile]] = {COUCHDB: Profile(COUCHDB)}
