"""What a profile says of settings: the limits of the service whose surface a server has.

Owns these words. Whoever sets one of them otherwise means it, so they count before nothing but defaults. It must not
know what else a profile is. Follows IBM's page on Cloudant's limits.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from docstore.config.sources import Words
from docstore.config.table import TABLE, Name
from docstore.settings import MIB, Profile

PROFILE: Final[Name] = ("docstore", "profile")

_LIMITS: Final[Words] = {
    ("couchdb", "max_document_size"): str(MIB),
    ("couchdb", "max_attachment_size"): str(10 * MIB),
    ("chttpd", "max_http_request_size"): str(64 * MIB),
    ("limits", "max_databases"): "200",
    ("query_server_config", "partition_query_limit"): "2000",
}
WORDS: Final[Mapping[str, Words]] = {Profile.CLOUDANT: _LIMITS, Profile.CLOUDANT_GEN2: _LIMITS}


def words_of_profile(layers: Iterable[Words]) -> Words:
    """The words of the profile that the layers say, of which the later ones count. None of one that there is not."""
    default = TABLE[PROFILE].default
    said = [words[PROFILE] for words in layers if PROFILE in words]
    return dict(WORDS.get(said[-1] if said else default or "", {}))
