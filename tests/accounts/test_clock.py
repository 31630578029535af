"""The clock jumps forward and back: nobody is let in, or kept out, for longer than it says."""

import base64

import jwt
import pytest

from docstore.core.security.totp import one_time_password, read_totp

HOUR = 3_600
TOTP = {"key": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}
KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
async def jump(guarded):
    """Moves the clock by seconds, forward or back."""
    return lambda seconds: guarded.clock.set(guarded.clock.now() + seconds)


async def cookie_of(client, name):
    status, _ = await client("POST", "/_session", body={"name": name, "password": "pw"})
    assert status == 200
    return {"Cookie": client.headers["Set-Cookie"].partition(";")[0]}


async def who(client, headers):
    status, session = await client("GET", "/_session", headers=headers)
    return session["userCtx"]["name"] if status == 200 else status


async def test_sessions(client, jump):
    await client.add_user("sue")
    cookie = await cookie_of(client, "sue")
    assert await who(client, cookie) == "sue"
    jump(599)
    assert await who(client, cookie) == "sue"
    jump(2)
    assert await who(client, cookie) != "sue"
    jump(-HOUR)
    assert await who(client, cookie) == "sue"
    later = await cookie_of(client, "sue")
    jump(HOUR)
    assert await who(client, later) != "sue"


async def test_a_lock_out_is_over_after_a_jump_either_way(client, jump):
    await client.add_user("sue")
    for seconds in (HOUR, -HOUR):
        for _ in range(5):
            assert (await client("GET", "/_session", "sue", "wrong"))[0] == 401
        assert (await client("GET", "/_session", "sue"))[0] == 403
        jump(1)
        assert (await client("GET", "/_session", "sue"))[0] == 403
        jump(seconds)
        assert (await client("GET", "/_session", "sue"))[0] == 200


async def test_passwords_are_known_no_longer_than_they_may_be(client, jump, guarded):
    await client.add_user("sue")
    logins = guarded.node.accounts.logins

    async def is_hashed():
        before = logins.hashed
        assert (await client("GET", "/_session", "sue"))[0] == 200
        return logins.hashed > before

    assert [await is_hashed(), await is_hashed()] == [True, False]
    jump(HOUR)
    assert [await is_hashed(), await is_hashed()] == [True, False]
    jump(-HOUR)
    assert [await is_hashed(), await is_hashed()] == [True, False]


async def test_one_time_passwords_go_by_the_clock_as_it_is(client, jump, guarded):
    await client.add_user("sue", totp=TOTP)

    async def login(at):
        token = one_time_password(read_totp(TOTP), int(at))
        return (await client("POST", "/_session", body={"name": "sue", "password": "pw", "token": token}))[0]

    old = guarded.clock.now()
    assert await login(old) == 200
    jump(HOUR)
    assert await login(old) == 401
    assert await login(guarded.clock.now()) == 200
    jump(-HOUR)
    assert await login(old + HOUR) == 401
    assert await login(guarded.clock.now()) == 200


async def test_tokens(client, jump, guarded):
    for section, key, word in (
        ("jwt_keys", "hmac:k", base64.b64encode(KEY).decode()),
        ("chttpd", "authentication_handlers", "{chttpd_auth, jwt_authentication_handler}"),
    ):
        await guarded.node.config.set(section, key, word, persist=False)
    now = int(guarded.clock.now())
    claims = {"sub": "sue", "nbf": now - 10, "exp": now + 100}
    told = jwt.encode(claims, KEY, algorithm="HS256", headers={"kid": "k"})
    bearer = {"Authorization": f"Bearer {told}"}
    assert await who(client, bearer) == "sue"
    jump(HOUR)
    assert await who(client, bearer) != "sue"
    jump(-2 * HOUR)
    assert await who(client, bearer) != "sue"
    jump(HOUR)
    assert await who(client, bearer) == "sue"
