"""The ways to be recognised, over HTTP: Basic, sessions, one-time passwords, tokens, proxies, and what is needed."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from docstore.core.security.passwords import Hashing, hashed, record_members
from docstore.core.security.totp import one_time_password, read_totp
from docstore.errors import BadRequest
from docstore.httpd.auth import Authenticator
from tests.accounts.waiting import eventually

WRONG = (401, {"error": "unauthorized", "reason": "Name or password is incorrect."})
LOCKED = (
    403,
    {"error": "forbidden", "reason": "Account is temporarily locked due to multiple authentication failures"},
)
NAME = "X-Auth-CouchDB-UserName"
NAMES = "{chttpd_auth, jwt_authentication_handler}, {chttpd_auth, cookie_authentication_handler}"


async def user(client, headers):
    status, answer = await client("GET", "/_session", headers=headers)
    return answer["userCtx"] if status == 200 else (status, answer)


@pytest.fixture
def config(guarded):
    async def change(section, key, word):
        await guarded.node.config.set(section, key, word, persist=False)

    return change


# --- Basic and lock-out


async def test_five_wrong_passwords_lock_an_account_for_its_address(client, guarded):
    await client.add_user("sue")
    for _ in range(5):
        assert await client("GET", "/_session", "sue", "no") == WRONG
    assert await client("GET", "/_session", "sue", "no") == LOCKED
    assert await client("GET", "/_session", "sue") == LOCKED
    assert (await client("POST", "/_session", body={"name": "sue", "password": "pw"})) == LOCKED
    assert "Set-Cookie" not in client.headers  # whoever is logged in here goes on
    assert (await client("GET", "/_session", "root"))[0] == 200
    stored = (await client("GET", "/_users/org.couchdb.user:sue", "root"))[1]
    await client("PUT", "/_users/org.couchdb.user:sue", "root", body=stored | {"password": "new"})
    assert (await client("GET", "/_session", "sue", "new"))[0] == 200


async def test_a_name_that_there_is_not_is_locked_too(client):
    for _ in range(5):
        assert await client("GET", "/_session", "ghost") == WRONG
    assert await client("GET", "/_session", "ghost") == LOCKED


@pytest.mark.parametrize("mode", ["off", "warn"])
async def test_lock_out_can_be_less(client, config, mode):
    await config("chttpd_auth_lockout", "mode", mode)
    await client.add_user("sue")
    for _ in range(7):
        assert await client("GET", "/_session", "sue", "no") == WRONG
    assert (await client("GET", "/_session", "sue"))[0] == 200


async def test_a_password_that_was_right_is_not_hashed_again(client, guarded, monkeypatch):
    await client.add_user("sue")
    assert (await client("GET", "/_session", "sue"))[0] == 200
    monkeypatch.setattr(guarded.node.accounts.hasher, "run", None)
    assert (await client("GET", "/_session", "sue"))[0] == 200
    assert b"pw" not in b"".join(guarded.node.accounts.logins._right)


async def test_what_is_remembered_ends_with_what_is_stored(client, config, guarded):
    await client.add_user("sue")
    assert (await client("GET", "/_session", "sue"))[0] == 200
    await guarded.node.registry.delete("_users")
    assert await client("GET", "/_session", "sue") == WRONG
    await guarded.node.registry.create("_users")
    await client.add_user("sue", "other")
    assert await client("GET", "/_session", "sue") == WRONG
    assert (await client("GET", "/_session", "sue", "other"))[0] == 200


async def test_conflicting_documents_of_a_user_let_nobody_in(client):
    await client.add_user("sue")
    other = {"name": "sue", "type": "user", "roles": ["x"], "_id": "org.couchdb.user:sue", "_rev": "1-ff"}
    body = {"docs": [other], "new_edits": False}
    assert (await client("POST", "/_users/_bulk_docs", "root", body=body))[0] == 201
    status, answer = await client("GET", "/_session", "sue")
    assert status == 401
    assert answer["reason"].startswith("User document conflicts must be resolved")


async def test_iterations_have_bounds(client, config):
    await client.add_user("sue")
    await config("chttpd_auth", "min_iterations", "4")
    assert await client("GET", "/_session", "sue") == (
        403,
        {"error": "forbidden", "reason": "Iteration count is too low for this server"},
    )


# --- better hashes


@pytest.mark.parametrize("scheme", ["simple", "pbkdf2"])
async def test_an_old_hash_is_replaced_when_its_owner_logs_in(client, guarded, scheme):
    old = hashed("pw", "5a17", Hashing(scheme=scheme, prf="sha", iterations=2))
    members = {"name": "sue", "type": "user", "roles": ["dev"], **record_members(old)}
    assert (await client("PUT", "/_users/org.couchdb.user:sue", "root", body=members))[0] == 201
    assert (await client("POST", "/_session", body={"name": "sue", "password": "pw"}))[0] == 200
    cookie = {"Cookie": client.headers["Set-Cookie"].split(";")[0]}

    async def upgraded():
        stored = (await client("GET", "/_users/org.couchdb.user:sue", "root"))[1]
        return stored.get("pbkdf2_prf") == "sha256" and stored

    stored = await eventually(upgraded)
    assert (stored["iterations"], stored["salt"], stored["roles"]) == (3, "5a17", ["dev"])
    assert "password_sha" not in stored
    assert (await user(client, cookie))["name"] == "sue"  # the salt is the old one, so the session goes on
    assert (await client("GET", "/_session", "sue"))[0] == 200


# --- one-time passwords

KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


async def test_one_time_passwords(client):
    await client.add_user("sue", totp={"key": KEY})
    assert await client("GET", "/_session", "sue") == WRONG  # Basic has none
    login = {"name": "sue", "password": "pw"}
    assert await client("POST", "/_session", body=login) == WRONG
    token = one_time_password(read_totp({"key": KEY}), int(time.time()))
    assert await client("POST", "/_session", body=login | {"token": token, "password": "no"}) == WRONG
    assert (await client("POST", "/_session", body=login | {"token": token}))[0] == 200
    cookie = {"Cookie": client.headers["Set-Cookie"].split(";")[0]}
    assert (await user(client, cookie))["name"] == "sue"


async def test_one_time_passwords_that_cannot_be_made_let_nobody_in(client):
    token = one_time_password(read_totp({"key": KEY}), int(time.time()))
    for number, totp in enumerate((None, {}, "x", {"key": "!"})):
        name = f"sue{number}"
        await client.add_user(name, totp=totp)
        assert await client("GET", "/_session", name) == WRONG
        assert await client("POST", "/_session", body={"name": name, "password": "pw", "token": token}) == WRONG


# --- tokens


def pem(key):
    public = key.public_key()
    text = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return text.decode().replace("\n", "\\n")


SECRET = b"a secret of more than thirty-two bytes"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
async def with_tokens(config):
    await config("chttpd", "authentication_handlers", NAMES)
    await config("jwt_keys", "hmac:_default", base64.b64encode(SECRET).decode())
    await config("jwt_keys", "rsa:r", pem(RSA))
    await config("jwt_keys", "ec:e", pem(EC))
    await config("jwt_keys", "ed:d", pem(ED))


def bearer(claims, key=SECRET, algorithm="HS256", **header):
    claims = {"sub": "sue", "exp": int(time.time()) + 60} | claims
    return {"Authorization": "Bearer " + jwt.encode(claims, key, algorithm, headers=header or None)}


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(SECRET, "HS256", None), (RSA, "RS256", "r"), (RSA, "RS512", "r"), (EC, "ES256", "e"), (ED, "EdDSA", "d")],
)
async def test_tokens(client, with_tokens, key, algorithm, kid):
    header = {} if kid is None else {"kid": kid}
    headers = bearer({"_couchdb.roles": ["dev"]}, key, algorithm, **header)
    assert await user(client, headers) == {"name": "sue", "roles": ["dev"]}
    forged = headers["Authorization"][:-6] + ("AAAAAA" if headers["Authorization"][-6:] != "AAAAAA" else "BBBBBB")
    status, answer = await user(client, {"Authorization": forged})
    assert (status, answer["reason"]) == (400, "Bad HMAC" if kid is None else "Bad signature")


async def test_a_public_key_is_no_secret(client, with_tokens, config):
    """The oldest of all attacks: a token signed with the text of a public key, said to be a HMAC."""
    head = {"alg": "HS256", "typ": "JWT", "kid": "r"}
    claims = {"sub": "root", "exp": 1 << 40, "_couchdb.roles": ["_admin"]}
    parts = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims))
    made = hmac.digest(pem(RSA).replace("\\n", "\n").encode(), parts, hashlib.sha256)
    token = (parts + b"." + base64.urlsafe_b64encode(made).rstrip(b"=")).decode()
    assert await user(client, {"Authorization": f"Bearer {token}"}) == (
        400,
        {"error": "bad_request", "reason": "Unknown kid"},
    )
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    status, answer = await user(client, {"Authorization": f"Bearer {none}.{token.split('.')[1]}."})
    assert (status, answer["reason"]) == (400, "Invalid alg header parameter")


async def test_what_a_token_has_to_say(client, with_tokens, config):
    assert await user(client, bearer({"exp": 5})) == (401, {"error": "unauthorized", "reason": "exp not in future"})
    assert (await user(client, {"Authorization": "Bearer x"}))[1]["reason"] == "Malformed token"
    assert (await user(client, bearer({}, kid="x")))[1]["reason"] == "Unknown kid"
    await config("jwt_auth", "required_claims", 'exp, {iss, "me"}')
    assert (await user(client, bearer({})))[1]["reason"] == "Missing iss claim"
    assert (await user(client, bearer({"iss": "me"})))["name"] == "sue"
    await config("jwt_auth", "required_claims", "!")
    assert await user(client, bearer({})) == (
        500,
        {"error": "misconfigured_server", "reason": "JWT is not configured correctly"},
    )


async def test_keys_that_are_none(client, with_tokens, config):
    for name, word, kid, key, algorithm, words in [
        ("hmac:a", "!", "a", SECRET, "HS256", "Not a valid key"),
        ("hmac:a", "", "a", SECRET, "HS256", "Not a valid key"),
        ("rsa:b", "x", "b", RSA, "RS256", "not an RSA public key"),
        ("rsa:b", pem(EC), "b", RSA, "RS256", "not an RSA public key"),
        ("ec:c", pem(RSA), "c", EC, "ES256", "not an EC public key"),
    ]:
        await config("jwt_keys", name, word)
        assert await user(client, bearer({}, key, algorithm, kid=kid)) == (
            400,
            {"error": "bad_request", "reason": words},
        )


async def test_names_that_are_too_long_are_not_remembered(client, guarded):
    for number in range(9):
        assert await client("GET", "/_session", f"{number}" * 600) == WRONG
    assert len(guarded.node.accounts.logins._lockout) == 0
    assert not guarded.node.accounts.directory._known


async def test_without_its_handler_a_token_says_nothing(client):
    assert await user(client, bearer({})) == {"name": None, "roles": []}


# --- proxies


async def test_a_proxy(client, config, guarded):
    told = {NAME: "sue", "X-Auth-CouchDB-Roles": "dev, ops"}
    assert await user(client, told) == {"name": None, "roles": []}
    await config("chttpd", "authentication_handlers", "{chttpd_auth, proxy_authentication_handler}")
    assert await user(client, told) == {"name": "sue", "roles": ["dev", "ops"]}
    await config("chttpd_auth", "proxy_use_secret", "true")
    await config("chttpd_auth", "secret", "s3cret")
    assert await user(client, told) == {"name": None, "roles": []}
    token = hmac.new(b"s3cret", b"sue", "sha256").hexdigest()
    assert (await user(client, told | {"X-Auth-CouchDB-Token": token}))["name"] == "sue"
    assert (await user(client, told | {"X-Auth-CouchDB-Token": token[:-1] + "x"}))["name"] is None
    assert (await client("GET", "/_session", headers=told))[1]["info"]["authentication_handlers"] == ["proxy"]
    await config("chttpd_auth", "proxy_use_secret", "false")
    for headers in ({NAME: "s\udcffe"}, {NAME: "sue", "X-Auth-CouchDB-Roles": "\udcff"}):
        with pytest.raises(BadRequest, match="cannot be"):
            await Authenticator(guarded.node.accounts, time.time).authenticate(headers, None, "GET", ["db"])


# --- nobody


async def test_a_login_can_be_needed_for_everything(client, config):
    needed = (401, {"error": "unauthorized", "reason": "Authentication required."})
    await config("chttpd", "require_valid_user", "true")
    for path in ("/", "/_up", "/_session", "/db"):
        assert await client("GET", path) == needed
    assert (await client("GET", "/_up", "root"))[0] == 200
    assert (await client("POST", "/_session", body={"name": "root", "password": "secret"}))[0] == 200
    await config("chttpd", "require_valid_user_except_for_up", "true")
    assert (await client("GET", "/_up"))[0] == 200
    assert await client("GET", "/") == needed


async def test_the_name_and_password_of_logging_out(client):
    assert (await client("GET", "/_session", "_", "_"))[1]["userCtx"]["name"] is None


# --- sessions


async def test_a_cookie_is_kept_over_a_restart(client, guarded):
    await client("POST", "/_session", body={"name": "root", "password": "secret"})
    assert guarded.node.config.get("chttpd_auth", "secret") == guarded.node.accounts.secret


async def test_attributes_of_a_cookie(client, config):
    async def cookie(**headers):
        await client("POST", "/_session", body={"name": "root", "password": "secret"}, headers=headers)
        return client.headers["Set-Cookie"].partition("; ")[2].split("; ")

    assert "HttpOnly" in await cookie()
    assert "Secure" not in await cookie()
    await config("chttpd_auth", "allow_persistent_cookies", "false")
    await config("chttpd_auth", "same_site", "strict")
    await config("chttpd_auth", "cookie_domain", "example.com")
    assert await cookie() == ["Version=1", "Path=/", "HttpOnly", "Domain=example.com", "SameSite=Strict"]


async def test_two_different_names(client):
    assert await client("POST", "/_session", body={"name": "a", "username": "b", "password": "x"}) == (
        400,
        {"error": "bad_request", "reason": "request body contains different usernames"},
    )
