"""Clients that log in, as their users have them do it: IBM's SDK by session, by Basic and by token, nano by cookie."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import Authenticator, BasicAuthenticator, BearerTokenAuthenticator
from ibmcloudant.cloudant_v1 import CloudantV1, Document
from ibmcloudant.couchdb_session_authenticator import CouchDbSessionAuthenticator

from docstore.settings import Admin
from docstore.testing import TestNode, run_node_in_thread
from tests.clients import test_node_clients

pytestmark = pytest.mark.clients

NAME, PASSWORD = "root", "secret: ünd"
KEY = b"0123456789abcdef0123456789abcdef"
HANDLERS = ", ".join(f"{{chttpd_auth, {name}_authentication_handler}}" for name in ("jwt", "cookie", "default"))


def client_of(server: TestNode, authenticator: Authenticator) -> CloudantV1:
    client = CloudantV1(authenticator=authenticator)
    client.set_service_url(server.url)
    return client


@pytest.fixture(scope="module")
def server() -> Iterator[TestNode]:
    """A server with an administrator, a user who is a member of ``shared``, and keys of tokens."""
    with run_node_in_thread(admin=Admin(NAME, PASSWORD)) as server:
        admin = client_of(server, BasicAuthenticator(NAME, PASSWORD))
        words = {"chttpd_auth/iterations": "10", "chttpd/authentication_handlers": HANDLERS}
        key = {"jwt_keys/hmac:tests": base64.b64encode(KEY).decode()}
        for name, word in (words | key).items():
            put(admin, name, word)
        if "_users" not in admin.get_all_dbs().get_result():
            admin.put_database(db="_users")
        user = {"name": "sue", "password": "pw", "roles": [], "type": "user"}
        admin.put_document(db="_users", doc_id="org.couchdb.user:sue", document=user)
        admin.put_database(db="shared")
        admin.put_security(db="shared", members={"names": ["sue", "token"], "roles": []})
        yield server


def put(client: CloudantV1, name: str, word: str) -> None:
    headers = {"Content-Type": "application/json"}
    asked = client.prepare_request("PUT", f"/_node/_local/_config/{name}", headers=headers, data=f'"{word}"')
    client.send(asked)


def token(**claims: Any) -> str:
    return jwt.encode({"exp": int(time.time()) + 600} | claims, KEY, algorithm="HS256", headers={"kid": "tests"})


def works(client: CloudantV1, name: str, how: str) -> None:
    """The client writes and reads, and the server knows who it is and by what."""
    session = client.get_session_information().get_result()
    assert (session["userCtx"]["name"], session["info"]["authenticated"]) == (name, how)
    written = client.post_document(db="shared", document=Document(by=name)).get_result()
    assert client.get_document(db="shared", doc_id=written["id"]).get_result()["by"] == name
    with pytest.raises(ApiException) as refused:
        client.put_database(db="mine")
    assert refused.value.status_code == 401


def test_by_session(server: TestNode) -> None:
    works(client_of(server, CouchDbSessionAuthenticator("sue", "pw")), "sue", "cookie")


def test_by_basic(server: TestNode) -> None:
    works(client_of(server, BasicAuthenticator("sue", "pw")), "sue", "default")


def test_by_token(server: TestNode) -> None:
    works(client_of(server, BearerTokenAuthenticator(token(sub="token"))), "token", "jwt")


def test_by_a_token_with_the_roles_of_an_administrator(server: TestNode) -> None:
    client = client_of(server, BearerTokenAuthenticator(token(sub="boss", **{"_couchdb.roles": ["_admin"]})))
    assert client.put_database(db="bosses").get_result() == {"ok": True}
    assert client.get_membership_information().get_result()["all_nodes"]


@pytest.mark.parametrize(
    "authenticator",
    [
        BasicAuthenticator("sue", "wrong"),
        BearerTokenAuthenticator("no.token.atall"),
    ],
)
def test_who_is_somebody_else_is_refused(server: TestNode, authenticator: Authenticator) -> None:
    with pytest.raises(ApiException) as refused:
        client_of(server, authenticator).get_document(db="shared", doc_id="x")
    assert refused.value.status_code in (400, 401)


def test_a_wrong_password_gets_no_session(server: TestNode) -> None:
    with pytest.raises(StopIteration):  # how the SDK says that a 401 came without a cookie
        client_of(server, CouchDbSessionAuthenticator("sue", "wrong")).get_document(db="shared", doc_id="x")


def test_a_token_that_has_run_out_is_refused(server: TestNode) -> None:
    expired = client_of(server, BearerTokenAuthenticator(token(sub="token", exp=int(time.time()) - 60)))
    with pytest.raises(ApiException) as refused:
        expired.get_document(db="shared", doc_id="x")
    assert refused.value.status_code == 401


def test_the_environment_names_the_way_in(server: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, word in (
        ("AUTH_TYPE", "COUCHDB_SESSION"),
        ("URL", server.url),
        ("USERNAME", "sue"),
        ("PASSWORD", "pw"),
    ):
        monkeypatch.setenv(f"DOCSTORE_TEST_{name}", word)
    works(CloudantV1.new_instance(service_name="DOCSTORE_TEST"), "sue", "cookie")


@pytest.mark.skipif(test_node_clients.NODE is None, reason="node is not installed")
async def test_nano_by_cookie(server: TestNode) -> None:
    result = await test_node_clients.run_script("nano_login.js", server.url, NAME, PASSWORD)
    assert result == {"name": NAME, "documents": 2}
