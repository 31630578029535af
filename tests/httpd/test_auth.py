"""Headers that say who asks, of a server with one administrator and no users' database."""

import base64
from pathlib import Path

import pytest
from multidict import CIMultiDict

from docstore.accounts.accounts import Accounts
from docstore.config.configuration import Configuration
from docstore.core.security.user import ADMIN_ROLES, NOBODY, UserContext
from docstore.errors import BadRequest, Unauthorized
from docstore.httpd.auth import Authenticator
from docstore.settings import Admin, Settings
from tests.httpd.serving import NoDatabases

NOW = 1_700_000_000.0


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


class Recognising(Authenticator):
    async def of(self, headers):
        return await self.authenticate(headers, "10.0.0.1", "GET", ["db"])


async def made(clock, *, secret="s" * 32):
    settings = Settings(data=Path("nowhere"), admin=Admin("admin", "s:é"))
    words = {("chttpd_auth", "iterations"): "1", ("chttpd_auth", "secret"): secret}
    config = Configuration(settings, command_line=words)
    return Recognising(Accounts(NoDatabases(), config, settings, clock), clock)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def authenticator(clock):
    return await made(clock)


def basic(text):
    return CIMultiDict({"Authorization": "Basic " + base64.b64encode(text.encode()).decode()})


def cookie(set_cookie):
    return CIMultiDict({"Cookie": "other=1; " + set_cookie.split(";")[0] + "; more=2"})


async def test_basic(authenticator):
    found = await authenticator.of(basic("admin:s:é"))
    assert found.user == UserContext("admin", ADMIN_ROLES, "default")
    assert found.renewal is None


async def test_basic_in_another_spelling(authenticator):
    header = basic("admin:s:é")["Authorization"].replace("Basic ", "Basic   ")
    assert (await authenticator.of(CIMultiDict({"Authorization": header}))).user.is_admin


@pytest.mark.parametrize("text", ["admin:wrong", "other:s:é", "admin:", ":s:é", ":"])
async def test_wrong_basic(authenticator, text):
    with pytest.raises(Unauthorized, match="Name or password is incorrect"):
        await authenticator.of(basic(text))


@pytest.mark.parametrize("value", ["Basic !!!", "Basic /w==", "Basic a"])
async def test_basic_that_cannot_be_read(authenticator, value):
    with pytest.raises(BadRequest, match="Authorization header has invalid base64 value"):
        await authenticator.of(CIMultiDict({"Authorization": value}))


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer x"}, {"Cookie": "AuthSession="}, {"Cookie": "Other=x"}, {"Cookie": ""}]
)
async def test_nobody(authenticator, headers):
    assert (await authenticator.of(CIMultiDict(headers))).user is NOBODY


async def test_a_name_without_a_password_is_nobody(authenticator):
    assert (await authenticator.of(basic("admin"))).user is NOBODY


async def test_a_cookie(authenticator):
    made = await authenticator.session_cookie("admin", secure=False)
    assert made.endswith("Max-Age=600; Path=/; HttpOnly; SameSite=Lax")
    assert "; Version=1; Expires=Tue, 14 Nov 2023 22:23:20 GMT; " in made
    assert (await authenticator.of(cookie(made))).user == UserContext("admin", ADMIN_ROLES, "cookie")


async def test_a_cookie_is_renewed_after_a_tenth_of_its_life(authenticator, clock):
    made = await authenticator.session_cookie("admin", secure=False)
    clock.now = NOW + 60
    assert (await authenticator.of(cookie(made))).renewal is None
    clock.now = NOW + 61
    renewal = (await authenticator.of(cookie(made))).renewal
    assert renewal is not None
    clock.now = NOW + 660
    assert (await authenticator.of(cookie(made))).user is NOBODY
    assert (await authenticator.of(cookie(renewal))).user.is_admin


async def test_a_cookie_of_another_key_is_nobodys(authenticator):
    other = await made(Clock(), secret="o" * 32)
    cookie_of_other = await other.session_cookie("admin", secure=False)
    assert (await other.of(cookie(cookie_of_other))).user.is_admin
    assert (await authenticator.of(cookie(cookie_of_other))).user is NOBODY


async def test_a_cookie_outlives_a_restart(authenticator):
    again = await made(Clock())
    assert (await again.of(cookie(await authenticator.session_cookie("admin", secure=False)))).user.is_admin


async def test_a_cookie_with_a_changed_name_is_nobodys(authenticator):
    value = (await authenticator.session_cookie("admim", secure=False)).split(";")[0].partition("=")[2]
    raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).replace(b"admim", b"admin", 1)
    forged = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert (await authenticator.of(CIMultiDict({"Cookie": f"AuthSession={forged}"}))).user is NOBODY


@pytest.mark.parametrize("value", ["garbage", "é", "AAA", "a" * 5])
async def test_a_malformed_cookie(authenticator, value):
    with pytest.raises(BadRequest, match="Malformed AuthSession cookie"):
        await authenticator.of(CIMultiDict({"Cookie": f"AuthSession={value}"}))


async def test_login(authenticator):
    assert await authenticator.login("admin", "s:é", None, None) == UserContext("admin", ADMIN_ROLES)
    for name, password in [("admin", "x"), ("x", "s:é"), ("admin", "s:\udcff")]:
        with pytest.raises(Unauthorized):
            await authenticator.login(name, password, None, None)


async def test_a_renewed_cookie_is_secure_where_the_request_is(authenticator, clock):
    old = cookie(await authenticator.session_cookie("admin", secure=True))
    clock.now = NOW + 61
    for secure in (True, False):
        renewed = await authenticator.authenticate(old, "10.0.0.1", "GET", ["db"], lambda secure=secure: secure)
        assert ("; Secure" in renewed.renewal) == secure
