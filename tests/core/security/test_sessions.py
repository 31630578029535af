"""The cookie of a session: as CouchDB signs it, and that nothing else is believed."""

import base64
import hashlib
import hmac
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.security import sessions
from docstore.core.security.sessions import CookieRules
from docstore.errors import BadRequest

NOW = 1_700_000_000
UNTIL = "Version=1; Expires=Tue, 14 Nov 2023 22:23:20 GMT"
SECRET, SALT = "s3cret", "5a17"


def test_a_cookie_is_made_as_couchdb_makes_it():
    signature = hmac.new(b"s3cret5a17", b"sue:6553F100", "sha256").digest()
    expected = base64.urlsafe_b64encode(b"sue:6553F100:" + signature).decode().rstrip("=")
    assert sessions.make_session("sue", NOW, SECRET, SALT, "sha256") == expected


@given(st.text(st.characters(exclude_characters=":", exclude_categories=("Cs",))), st.integers(0, 1 << 33))
def test_what_is_made_is_believed(name, now):
    session = sessions.read_session(sessions.make_session(name, now, SECRET, SALT, "sha"))
    assert session.name == name
    assert sessions.seconds_left(session, now, 600) == 600
    assert sessions.is_signed(session, SECRET, SALT, ("sha256", "sha"))
    assert not sessions.is_signed(session, SECRET, SALT, ("sha256",))
    assert not sessions.is_signed(session, SECRET, "other", ("sha256", "sha"))
    assert not sessions.is_signed(session._replace(name=name + "x"), SECRET, SALT, ("sha",))
    assert not sessions.is_signed(session._replace(begun="FFFFFFFFF"), SECRET, SALT, ("sha",))


def test_the_end_of_a_session():
    session = sessions.read_session(sessions.make_session("sue", NOW, SECRET, SALT, "sha256"))
    assert sessions.seconds_left(session, NOW + 599, 600) == 1
    assert sessions.seconds_left(session, NOW + 600, 600) <= 0
    assert sessions.seconds_left(session._replace(begun="no number"), NOW, 600) == 0


@pytest.mark.parametrize("cookie", ["garbage", "é", "AAA", "a" * 5, "", "=", "/////"])
def test_what_is_no_cookie(cookie):
    with pytest.raises(BadRequest, match="Malformed AuthSession cookie"):
        sessions.read_session(cookie)


@given(st.text())
def test_any_text_is_read_or_refused(cookie):
    with suppress(BadRequest):
        sessions.read_session(cookie)


def test_all_algorithms_are_there():
    for name in sessions.ALGORITHMS.values():
        assert hashlib.new(name).digest_size >= 20


@pytest.mark.parametrize(
    ("rules", "secure", "end"),
    [
        (CookieRules(), False, f"{UNTIL}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax"),
        (CookieRules(persistent=False, same_site=""), True, "Version=1; Path=/; Secure; HttpOnly"),
        (
            CookieRules(persistent=False, domain="a.example", same_site="Strict"),
            False,
            "Version=1; Path=/; HttpOnly; Domain=a.example; SameSite=Strict",
        ),
    ],
)  # fmt: skip
def test_attributes(rules, secure, end):
    assert sessions.set_cookie("x", NOW, rules, secure=secure) == f"AuthSession=x; {end}"


def test_the_cookie_that_takes_one_away():
    ended = sessions.set_cookie("", NOW, CookieRules(persistent=False), secure=False)
    assert ended.startswith("AuthSession=; Version=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (None, ""),
        ("", ""),
        ("a=b", ""),
        ("a=b; AuthSession=x; c=d", "x"),
        ('AuthSession="x"', "x"),
        ("AuthSession=", ""),
    ],
)
def test_the_value_in_a_header(header, value):
    assert sessions.cookie_value(header) == value
