import pytest

from docstore.config.secrets import is_hashed, is_mask, shown
from docstore.core.security.passwords import Hashing, admin_text, hashed


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


@pytest.mark.parametrize("hashing", [Hashing(iterations=2), Hashing("simple"), Hashing(prf="sha", iterations=2)])
def test_what_is_kept_of_a_password_is_known_for_it(hashing):
    assert is_hashed(admin_text(hashed("password", "salt", hashing)))
