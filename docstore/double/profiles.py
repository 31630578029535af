"""What a server under test stands for: the services that it can look like, by name.

Owns the table. A profile is a setting of every server, ``docstore/profile``; what it means is decided where a server is
put together (``httpd/serving.py``). CouchDB is what a server looks like by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from docstore import settings
from docstore.config.profiles import PROFILE
from docstore.config.table import Name

COUCHDB: Final = settings.Profile.COUCHDB.value


@dataclass(frozen=True, slots=True)
class Profile:
    """A service. ``words``: settings that differ, as words of the configuration."""

    name: str
    words: Mapping[Name, str] = field(default_factory=dict)


PROFILES: Final[Mapping[str, Profile]] = {
    one.value: Profile(one.value, {} if one.value == COUCHDB else {PROFILE: one.value}) for one in settings.Profile
}
