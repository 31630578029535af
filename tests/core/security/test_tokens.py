"""JSON Web Tokens: parts, claims and roles, in CouchDB's words."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.security import tokens
from docstore.errors import BadRequest, DocstoreError, Unauthorized

NOW = 1_700_000_000


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(claims=None, **header):
    return tokens.read_token(f"{part({'alg': 'HS256'} | header)}.{part({'sub': 'sue'} | (claims or {}))}.AAAA")


def test_parts():
    read = token({"a": 1}, kid="k")
    assert (read.claims, read.signature, read.key_name) == ({"sub": "sue", "a": 1}, b"\0\0\0", "hmac:k")
    assert read.signed == f"{part({'alg': 'HS256', 'kid': 'k'})}.{part({'sub': 'sue', 'a': 1})}".encode()
    assert token(alg="ES384").key_name == "ec:_default"
    assert tokens.name_of(read) == "sue"


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c.d", "é.é.é", f"{part({})}.{part([])}", f"{part({})}.x.y"])
def test_what_is_no_token(text):
    with pytest.raises(BadRequest):
        tokens.read_token(text)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with suppress(BadRequest):
        tokens.read_token(text)


def test_no_object():
    with pytest.raises(BadRequest, match="Not an object"):
        tokens.read_token(f"{part([])}.{part({})}.AAAA")


@pytest.mark.parametrize(
    ("claims", "header", "required", "error", "words"),
    [
        ({}, {"typ": "x"}, "", BadRequest, "Invalid typ header parameter"),
        ({}, {}, "typ", BadRequest, "Missing typ header parameter"),
        ({}, {"alg": None}, "", BadRequest, "Missing alg header parameter"),
        ({}, {"alg": "none"}, "", BadRequest, "Invalid alg header parameter"),
        ({}, {"alg": "PS256"}, "", BadRequest, "Invalid alg header parameter"),
        ({}, {}, "exp", BadRequest, "Missing exp claim"),
        ({"exp": NOW}, {}, "exp", Unauthorized, "exp not in future"),
        ({"exp": NOW - 1}, {}, "", Unauthorized, "exp not in future"),
        ({"exp": "never"}, {}, "", BadRequest, "Invalid exp claim"),
        ({"nbf": NOW}, {}, "nbf", Unauthorized, "nbf not in past"),
        ({}, {}, "nbf", BadRequest, "Missing nbf claim"),
        ({"iat": "x"}, {}, "iat", BadRequest, "Invalid iat claim"),
        ({}, {}, '{iss, "me"}', BadRequest, "Missing iss claim"),
        ({"iss": "you"}, {}, '{iss, "me"}', BadRequest, "Invalid iss claim"),
        ({}, {}, "kid", BadRequest, "Missing kid claim"),
    ],
)
def test_refusals(claims, header, required, error, words):
    with pytest.raises(error, match=words):
        tokens.check_token(token(claims, **header), tokens.required_claims(required), NOW)


def test_a_token_that_passes():
    claims = {"exp": NOW + 1, "nbf": NOW - 1, "iat": NOW, "iss": "me"}
    tokens.check_token(
        token(claims, typ="JWT", kid="k"), tokens.required_claims('exp, nbf,iat , kid, typ, {iss, "me"}'), NOW
    )


@pytest.mark.parametrize("text", ["!!", "{", "sub", "exp, foo"])
def test_a_setting_that_cannot_be_read_lets_nobody_in(text):
    with pytest.raises(DocstoreError, match="JWT is not configured correctly"):
        tokens.required_claims(text)


@pytest.mark.parametrize(
    ("claims", "path", "roles"),
    [
        ({"_couchdb.roles": ["a", "b"]}, None, ("a", "b")),
        ({"_couchdb.roles": "a , b"}, None, ("a", "b")),
        ({}, None, ()),
        ({"my": {"nested": {"_couchdb.roles": ["a"]}}}, r"my.nested._couchdb\.roles", ("a",)),
        ({"my": {}}, "my.nested", ()),
        ({"my": 5}, "my.nested", ()),
    ],
)
def test_roles(claims, path, roles):
    assert tokens.roles_of(token(claims), path) == roles


@pytest.mark.parametrize("claims", [{"_couchdb.roles": [1]}, {"_couchdb.roles": {}}, {"_couchdb.roles": 5}])
def test_roles_that_are_none(claims):
    with pytest.raises(BadRequest, match="Malformed token"):
        tokens.roles_of(token(claims), None)


@pytest.mark.parametrize("claims", [{"sub": None}, {"sub": 5}])
def test_a_token_of_nobody(claims):
    with pytest.raises(Unauthorized, match="Token missing sub claim"):
        tokens.name_of(token(claims))


def test_a_key_name_that_is_no_text():
    with pytest.raises(BadRequest, match="Unknown kid"):
        _ = token(kid=[]).key_name


def test_the_roles_that_a_proxy_tells():
    assert tokens.split_roles(None) == ()
    assert tokens.split_roles("a , b,,c") == ("a", "b", "c")
