r"""The keys of JSON Web Tokens, and whether one of them has signed a token.

Owns the reading of ``jwt_keys`` (``hmac:KID`` in base64, ``rsa:``, ``ec:`` and ``ed:`` as public keys in PEM, line ends
as ``\n``). Signatures are PyJWT's matter. Follows ``jwtf_keystore`` of CouchDB, which has no ``ed``.
"""

import base64
from collections.abc import Mapping
from typing import Final

from jwt import InvalidKeyError
from jwt.algorithms import Algorithm, get_default_algorithms

from docstore.core.security.tokens import Token
from docstore.errors import BadRequest

UNKNOWN: Final = "Unknown kid"
NO_KEY: Final = "Not a valid key"
NOT_PUBLIC: Final = {"rsa": "not an RSA public key", "ec": "not an EC public key", "ed": "not an Ed25519 public key"}


class TokenKeys:
    """The keys of one configuration."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words
        self._algorithms: dict[str, Algorithm] = get_default_algorithms()
        self._ready: dict[tuple[str, str], object] = {}

    def verify(self, token: Token) -> None:
        """Raises BadRequest unless the key that a token names has signed it. The algorithm must be a known one."""
        name = token.key_name
        key = self._ready.get((token.algorithm, name))
        if key is None:
            key = self._ready[token.algorithm, name] = self._read(token.algorithm, name)
        try:
            signed = self._algorithms[token.algorithm].verify(token.signed, key, token.signature)
        except (ValueError, TypeError):
            signed = False
        if not signed:
            raise BadRequest("Bad HMAC" if name.startswith("hmac:") else "Bad signature")

    def _read(self, algorithm: str, name: str) -> object:
        word = self._words.get(name)
        if word is None:
            raise BadRequest(UNKNOWN)
        kind = name.partition(":")[0]
        try:
            if kind == "hmac":
                secret = base64.b64decode(word, validate=True)
                if not secret:
                    raise BadRequest(NO_KEY)
                return secret
            key = self._algorithms[algorithm].prepare_key(word.replace("\\n", "\n").encode())
        except (ValueError, TypeError, InvalidKeyError):
            raise BadRequest(NOT_PUBLIC.get(kind, NO_KEY)) from None
        if hasattr(key, "private_bytes"):  # a private key has no business in a server that verifies
            raise BadRequest(NOT_PUBLIC[kind])
        return key
