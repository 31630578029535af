import base64
from pathlib import Path

import pytest
from multidict import CIMultiDict

from docstore.errors import BadRequest, Unauthorized
from docstore.httpd.auth import ADMIN_ROLES, EVERYONE_IS_ADMIN, NOBODY, Authenticator, UserContext
from docstore.settings import Admin, Settings

KEY = b"k" * 32
NOW = 1_700_000_000.0


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def authenticator(clock):
    return Authenticator(Settings(data=Path("nowhere"), admin=Admin("ad:min".replace(":", ""), "s:é")), KEY, clock)


def basic(text):
    return CIMultiDict({"Authorization": "Basic " + base64.b64encode(text.encode()).decode()})


def cookie(set_cookie):
    return CIMultiDict({"Cookie": "other=1; " + set_cookie.split(";")[0] + "; more=2"})


def test_without_an_administrator_everyone_is_one():
    anyone = Authenticator(Settings(data=Path("nowhere")), KEY)
    assert anyone.open
    assert anyone.authenticate(basic("wrong:credentials")).user is EVERYONE_IS_ADMIN
    assert anyone.authenticate(CIMultiDict({"Cookie": "AuthSession=garbage"})).user.is_admin
    assert anyone.login("me", "anything") == UserContext("me", ADMIN_ROLES)


def test_basic(authenticator):
    found = authenticator.authenticate(basic("admin:s:é"))
    assert found.user == UserContext("admin", ADMIN_ROLES, "default")
    assert found.renewal is None


def test_basic_in_another_spelling(authenticator):
    header = basic("admin:s:é")["Authorization"].replace("Basic ", "Basic   ")
    assert authenticator.authenticate(CIMultiDict({"Authorization": header})).user.is_admin


@pytest.mark.parametrize("text", ["admin:wrong", "other:s:é", "admin:", ":s:é", ":"])
def test_wrong_basic(authenticator, text):
    with pytest.raises(Unauthorized, match="Name or password is incorrect"):
        authenticator.authenticate(basic(text))


@pytest.mark.parametrize("value", ["Basic !!!", "Basic /w==", "Basic a"])
def test_basic_that_cannot_be_read(authenticator, value):
    with pytest.raises(BadRequest, match="Authorization header has invalid base64 value"):
        authenticator.authenticate(CIMultiDict({"Authorization": value}))


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer x"}, {"Cookie": "AuthSession="}, {"Cookie": "Other=x"}, {"Cookie": ""}]
)
def test_nobody(authenticator, headers):
    assert authenticator.authenticate(CIMultiDict(headers)).user is NOBODY


def test_a_name_without_a_password_is_nobody(authenticator):
    assert authenticator.authenticate(basic("admin")).user is NOBODY


def test_a_cookie(authenticator):
    made = authenticator.session_cookie("admin")
    assert made.endswith("Max-Age=600; Path=/; HttpOnly; SameSite=Lax")
    assert "; Version=1; Expires=Tue, 14 Nov 2023 22:23:20 GMT; " in made
    assert authenticator.authenticate(cookie(made)).user == UserContext("admin", ADMIN_ROLES, "cookie")


def test_a_cookie_is_renewed_after_a_tenth_of_its_life(authenticator, clock):
    made = authenticator.session_cookie("admin")
    clock.now = NOW + 60
    assert authenticator.authenticate(cookie(made)).renewal is None
    clock.now = NOW + 61
    renewal = authenticator.authenticate(cookie(made)).renewal
    assert renewal is not None
    clock.now = NOW + 660
    assert authenticator.authenticate(cookie(made)).user is NOBODY
    assert authenticator.authenticate(cookie(renewal)).user.is_admin


def test_a_cookie_of_another_key_is_nobodys(authenticator):
    other = Authenticator(Settings(data=Path("nowhere"), admin=Admin("admin", "x")), b"other", Clock())
    assert authenticator.authenticate(cookie(other.session_cookie("admin"))).user is NOBODY


def test_a_cookie_with_a_changed_name_is_nobodys(authenticator):
    value = authenticator.session_cookie("admim").split(";")[0].partition("=")[2]
    raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).replace(b"admim", b"admin", 1)
    forged = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert authenticator.authenticate(CIMultiDict({"Cookie": f"AuthSession={forged}"})).user is NOBODY


@pytest.mark.parametrize("value", ["garbage", "é", "AAA", "a" * 5])
def test_a_malformed_cookie(authenticator, value):
    with pytest.raises(BadRequest, match="Malformed AuthSession cookie"):
        authenticator.authenticate(CIMultiDict({"Cookie": f"AuthSession={value}"}))


def test_login(authenticator):
    assert authenticator.login("admin", "s:é") == UserContext("admin", ADMIN_ROLES)
    for name, password in [("admin", "x"), ("x", "s:é"), ("admin", "s:\udcff")]:
        with pytest.raises(Unauthorized):
            authenticator.login(name, password)
