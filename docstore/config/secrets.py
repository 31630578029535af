"""Which settings are secrets, and what is shown instead of them.

Owns both. An administrator's password is shown by how it is kept: ``-pbkdf2:sha256-****``; of any other secret nothing
is. CouchDB shows all of them to administrators.
"""

import re
from typing import Final

MASK: Final = "****"
_SECRET_KEYS: Final = ("secret", "password", "passphrase", "token", "apikey", "api_key")
_HASHED: Final = re.compile(r"-(hashed|pbkdf2(:[a-z0-9]+)?)-")


def is_secret(section: str, key: str) -> bool:
    """Whether the value of a setting is nobody's to see."""
    if section in ("admins", "iam_api_keys"):
        return True
    if section == "jwt_keys":
        return key.startswith("hmac:")
    return key.lower().endswith(_SECRET_KEYS)


def is_hashed(password: str) -> bool:
    """Whether an administrator's password is one of the forms in which CouchDB keeps them (``couch_passwords``)."""
    return _HASHED.match(password) is not None


def shown(section: str, key: str, value: str) -> str:
    """The value of a setting as it may be seen; an empty one is no secret."""
    if not value or not is_secret(section, key):
        return value
    hashed = _HASHED.match(value) if section == "admins" else None
    return f"{hashed[0]}{MASK}" if hashed is not None else MASK


def is_mask(value: str) -> bool:
    """Whether a value is what is shown instead of a secret, so that it cannot be meant."""
    return value == MASK or (value.endswith(MASK) and is_hashed(value))
