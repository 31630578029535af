"""Endpoints: which credentials count, what is shown, and what counts for an id."""

from base64 import b64encode

import pytest

from docstore.core.replication_id import Place
from docstore.replication.endpoint import Endpoint

BASE = "http://127.0.0.1:5984"
URL = "http://host/db/"
WITH_USER = "http://uwe:secret1@host/db/"


def basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


HEADER = (("Authorization", basic("hans", "secret2")),)
AUTH = {"basic": {"username": "anna", "password": "secret3"}}


def test_a_name_is_a_database_of_this_server() -> None:
    endpoint = Endpoint("a/b")
    assert endpoint.is_name
    assert endpoint.public == "a/b"
    assert endpoint.credentials is None
    assert endpoint.place(BASE) == Place("http://127.0.0.1:5984/a%2Fb/")


def test_no_secret_is_shown() -> None:
    endpoint = Endpoint(WITH_USER, HEADER, AUTH, "http://p:secret4@proxy/")
    assert endpoint.public == "http://host/db/"
    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize(
    ("endpoint", "credentials"),
    [
        (Endpoint(URL), None),
        (Endpoint(WITH_USER), ("uwe", "secret1")),
        (Endpoint(URL, HEADER), ("hans", "secret2")),
        (Endpoint(WITH_USER, HEADER), ("uwe", "secret1")),
        (Endpoint(WITH_USER, HEADER, AUTH), ("anna", "secret3")),
        (Endpoint(URL, (("authorization", "bAsIc " + basic("a", "b:c")[6:]),)), ("a", "b:c")),
        (Endpoint(URL, (("Authorization", "Basic bad"),)), None),
        (Endpoint(URL, (("Authorization", "Bearer token"),)), None),
        (Endpoint(URL, auth={"basic": {"username": "anna"}}), None),
        (Endpoint(URL, auth={"iam": {"api_key": "x"}}), None),
    ],
)
def test_auth_counts_before_the_url_before_a_header(endpoint: Endpoint, credentials: tuple[str, str] | None) -> None:
    assert endpoint.credentials == credentials


def test_only_the_user_counts_for_an_id_and_not_where_it_stands() -> None:
    anna = Place(URL, "anna")
    assert Endpoint("http://anna:x@host/db/").place(BASE) == anna
    assert Endpoint(URL, (("Authorization", basic("anna", "y")),)).place(BASE) == anna
    assert Endpoint(URL, auth=AUTH).place(BASE) == anna


def test_headers_count_for_an_id_save_those_that_every_request_has() -> None:
    headers = (("Accept", "application/json"), ("X-A", "1"), ("a", "2"))
    assert Endpoint(URL, headers).place(BASE).headers == (("X-A", "1"), ("a", "2"))
    assert Endpoint(URL, (("Accept", "text/plain"),)).place(BASE).headers == (("Accept", "text/plain"),)


def test_beside_an_authorization_headers_are_sorted_regardless_of_case() -> None:
    headers = (("Authorization", "Bearer t"), ("Z", "1"), ("a", "2"))
    assert Endpoint(URL, headers).other_headers == (("a", "2"), ("Authorization", "Bearer t"), ("Z", "1"))
    headers = (("Authorization", basic("u", "p")), ("Z", "1"), ("a", "2"))
    assert Endpoint(URL, headers).other_headers == (("a", "2"), ("Z", "1"))
