"""Administrators' passwords as they are kept in the section ``admins``.

Owns the form ``-pbkdf2:sha256-KEY,SALT,ITERATIONS`` (``couch_passwords:hash_admin_password``). Hashing takes a good
part of a second, so it belongs into a thread; randomness is handed in.
"""

import hashlib
from typing import Final

PRF: Final = "sha256"
ITERATIONS: Final = 600_000


def hashed_password(password: str, salt: str, iterations: int = ITERATIONS, prf: str = PRF) -> str:
    """The form in which a password is kept. ``salt`` is 32 hex digits, ``prf`` one of sha1 ... sha512.

    Raises ValueError for a hash function that is not known.
    """
    key = hashlib.pbkdf2_hmac("sha1" if prf == "sha" else prf, password.encode(), salt.encode(), iterations)
    return f"-pbkdf2:{prf}-{key.hex()},{salt},{iterations}"
