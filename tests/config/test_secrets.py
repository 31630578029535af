import pytest

from docstore.config.passwords import hashed_password
from docstore.config.secrets import is_hashed, is_mask, shown


@pytest.mark.parametrize(
    ("section", "key", "value", "seen"),
    [
        ("admins", "sue", "plain", "****"),
        ("admins", "sue", "-pbkdf2:sha256-ab,cd,10", "-pbkdf2:sha256-****"),
        ("admins", "sue", "-pbkdf2-ab,cd,10", "-pbkdf2-****"),
        ("admins", "sue", "-hashed-ab,cd", "-hashed-****"),
        ("chttpd_auth", "secret", "hush", "****"),
        ("chttpd_auth", "secret", "", ""),
        ("replicator", "password", "hush", "****"),
        ("jwt_keys", "hmac:_default", "aGVsbG8=", "****"),
        ("jwt_keys", "rsa:a", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----"),
        ("chttpd_auth", "timeout", "600", "600"),
        ("chttpd_auth", "password_scheme", "pbkdf2", "pbkdf2"),
    ],
)
def test_what_is_shown(section, key, value, seen):
    assert shown(section, key, value) == seen
    assert is_mask(seen) == (seen != value)


def test_a_password_is_kept_as_couchdb_keeps_it():
    key = "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"
    kept = hashed_password("password", "salt", iterations=2)
    assert kept == f"-pbkdf2:sha256-{key},salt,2"
    assert is_hashed(kept)
    assert hashed_password("password", "salt", 2, "sha").startswith("-pbkdf2:sha-ea6c014dc72d")
