"""Passwords: RFC 6070's vectors, both written forms, and that no scheme takes another password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.security import passwords
from docstore.core.security.passwords import DEFAULT_HASHING, Hashing, PasswordRecord
from docstore.errors import Forbidden

FAST = DEFAULT_HASHING._replace(iterations=2)
SIMPLE = Hashing(scheme="simple")
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)


@pytest.mark.parametrize(
    ("password", "salt", "iterations", "key"),
    [
        ("password", "salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
        ("password", "salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
        ("password", "salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
    ],
)
def test_the_vectors_of_rfc_6070(password, salt, iterations, key):
    made = passwords.hashed(password, salt, Hashing(prf="sha", iterations=iterations))
    assert made == PasswordRecord("pbkdf2", key, salt, "sha", iterations)


def test_the_simple_scheme():
    assert passwords.hashed("password", "salt", SIMPLE).key == "c88e9c67041a74e0357befdff93f87dde0904214"


@given(TEXT, TEXT, st.sampled_from([FAST, SIMPLE, FAST._replace(prf="sha512")]))
def test_a_password_is_itself_and_no_other(password, other, hashing):
    record = passwords.hashed(password, "salt", hashing)
    assert passwords.is_password(record, password)
    assert passwords.is_password(record, other) == (password == other)


def test_simple_and_pbkdf2_together():
    legacy = passwords.hashed("secret", "salt", SIMPLE)
    upgraded = passwords.hashed(legacy.key, "salt", FAST)._replace(scheme="simple+pbkdf2")
    assert passwords.is_password(upgraded, "secret")
    assert not passwords.is_password(upgraded, legacy.key)


@given(TEXT, st.sampled_from([FAST, SIMPLE]))
def test_what_is_written_is_read_again(password, hashing):
    record = passwords.hashed(password, "0123", hashing)
    assert passwords.record_of(passwords.record_members(record)) == record
    assert passwords.admin_record(passwords.admin_text(record)) == record


def test_the_written_forms_are_those_of_couchdb():
    made = passwords.hashed("secret", "aa", FAST)
    assert passwords.admin_text(made) == f"-pbkdf2:sha256-{made.key},aa,2"
    assert list(passwords.record_members(made)) == [
        "password_scheme", "pbkdf2_prf", "salt", "iterations", "derived_key",
    ]  # fmt: skip
    assert passwords.admin_record("-pbkdf2-00ff,salt,10") == PasswordRecord("pbkdf2", "00ff", "salt", "sha", 10)
    assert passwords.admin_record("-hashed-00ff,salt") == PasswordRecord("simple", "00ff", "salt")


@pytest.mark.parametrize("text", ["secret", "", "-pbkdf2:md5-a,b,1", "-pbkdf2-a,b", "-hashed-a", "-pbkdf2-a,b,x"])
def test_what_is_no_hashed_password(text):
    assert passwords.admin_record(text) is None


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"password_scheme": "pbkdf2", "salt": "a"},
        {"password_scheme": "bcrypt", "salt": "a", "derived_key": "x"},
        {"password_scheme": "pbkdf2", "salt": 1, "derived_key": "x"},
        {"password_scheme": "pbkdf2", "salt": "a", "derived_key": None},
        {"password_scheme": "pbkdf2", "salt": "a", "derived_key": "x", "iterations": True},
        {"password_scheme": "pbkdf2", "salt": "a", "derived_key": "x", "iterations": 0},
        {"password_scheme": ["pbkdf2"], "salt": "a", "derived_key": "x"},
    ],
)
def test_documents_that_nobody_can_log_in_with(members):
    assert passwords.record_of(members) is None


def test_bounds():
    record = passwords.hashed("secret", "aa", FAST)
    passwords.check_bounds(record, FAST)
    for hashing, words in [
        (FAST._replace(min_iterations=3), "Iteration count is too low for this server"),
        (FAST._replace(max_iterations=1), "Iteration count is too high for this server"),
    ]:
        with pytest.raises(Forbidden, match=words):
            passwords.check_bounds(record, hashing)
    with pytest.raises(Forbidden, match="PRF is invalid"):
        passwords.check_bounds(record._replace(prf="md5"), FAST)
    passwords.check_bounds(passwords.hashed("x", "y", SIMPLE), FAST._replace(min_iterations=3))


@pytest.mark.parametrize("hashing", [Hashing(scheme="none"), Hashing(prf="md5")])
def test_settings_that_no_password_can_be_kept_by(hashing):
    with pytest.raises(Forbidden, match="Server cannot hash passwords at this time"):
        passwords.hashed("secret", "salt", hashing)


def test_upgrades():
    old = passwords.hashed("secret", "aa", FAST._replace(prf="sha"))
    assert passwords.needs_upgrade(old, FAST)
    assert passwords.needs_upgrade(passwords.hashed("secret", "aa", SIMPLE), FAST)
    assert not passwords.needs_upgrade(passwords.hashed("secret", "aa", FAST), FAST)
    assert passwords.needs_upgrade(old, SIMPLE)
    assert not passwords.needs_upgrade(passwords.hashed("secret", "aa", SIMPLE), SIMPLE)
