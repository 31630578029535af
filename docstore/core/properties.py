"""What users may set of a database: its security object and its limits.

Owns the checks of these values and CouchDB's default of the security object. What a security object allows is not
decided here. Follows ``couch_db:validate_security_object``.
"""

from typing import Final

from docstore.core.json_text import JsonValue, encode
from docstore.errors import BadRequest, DocstoreError

MAX_LIMIT: Final = (1 << 62) - 1

DEFAULT_SECURITY: Final = b'{"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}}'


def check_security(value: JsonValue) -> bytes:
    """The text to store of a security object. Raises CouchDB's odd answer to one that it does not take."""
    if not isinstance(value, dict):
        raise _refused_security()
    # "readers" is the old name of "members", which counts where the new one is missing.
    for role in (value.get("admins", {}), value.get("members", value.get("readers", {}))):
        if not isinstance(role, dict):
            raise _refused_security()
        for names in (role.get("names", []), role.get("roles", [])):
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise _refused_security()
    return encode(value)


def check_limit(value: JsonValue, name: str) -> int:
    """A limit that a user sets. Raises BadRequest unless it is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_LIMIT:
        raise BadRequest(f"`{name}` must be positive integer")
    return value


def _refused_security() -> DocstoreError:
    return DocstoreError("no_majority", error="error")
