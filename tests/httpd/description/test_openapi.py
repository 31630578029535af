"""The description of the API names every route, every method, and no parameter that nobody reads."""

import json
import re

import jsonschema_rs
import pytest

from docstore.httpd.app import ROUTES
from docstore.httpd.description import parameters
from docstore.httpd.description.bodies import BYTES, JSON_BODIES
from docstore.httpd.description.openapi import COPY, description, methods_of, path_of
from docstore.httpd.description.parameters import ALL, TAKEN
from docstore.httpd.description.summaries import EVERY_METHOD, SUMMARIES
from docstore.httpd.params import all_docs, changes, documents
from docstore.httpd.routing import open_route

OF_PATH = {"parameters"}


@pytest.fixture(scope="module")
def told():
    return json.loads(json.dumps(description(ROUTES)))


def operations(told):
    return {
        (method, path): operation
        for path, item in told["paths"].items()
        for method, operation in item.items()
        if method not in OF_PATH
    }


def test_it_names_every_route_and_no_other(told):
    ours = {
        (COPY if method == "COPY" else method.lower(), path_of(route.pattern))
        for route in ROUTES
        for method in methods_of(route)
    }
    assert set(operations(told)) == ours


def test_names_in_paths_are_told(told):
    for path, item in told["paths"].items():
        named = [one["name"] for one in item.get("parameters", [])]
        assert sorted(named) == sorted(re.findall(r"\{([a-z]+)\}", path))


def test_operations_have_ids_and_words_of_their_own(told):
    ids = [operation["operationId"] for operation in operations(told).values()]
    assert len(set(ids)) == len(ids)
    for operation in operations(told).values():
        assert re.fullmatch(r"[A-Z].*\.", operation["summary"]), operation["summary"]


def test_every_word_is_of_a_route():
    ours = {f"{method} {route.pattern}" for route in ROUTES for method in route.handlers}
    assert set(SUMMARIES) <= ours
    assert set(EVERY_METHOD) <= {route.pattern for route in ROUTES}
    keyed = {tuple(key.split(" ", 1)) for key in ours}
    assert {key for key in TAKEN if key not in keyed} == set()
    assert {key for key in {*JSON_BODIES, *BYTES} if key not in keyed} == set()


def test_parameters_are_those_that_are_read():
    read = {*all_docs._KEYS, *all_docs._READINGS, *all_docs._WORDS, *all_docs._DOCIDS}
    assert set(parameters.LISTING) <= read
    assert set(parameters.VIEW) <= read
    assert set(changes.FLAGS) <= set(parameters.CHANGES)
    assert {*documents.FLAGS, *documents.META, "meta"} <= set(parameters.READ)
    taken = {name for names in TAKEN.values() for name in names}
    assert set(ALL) == taken


def test_schemas_are_schemas(told):
    for operation in operations(told).values():
        for parameter in operation.get("parameters", []):
            schema = parameter.get("schema") or parameter["content"]["application/json"]["schema"] if parameter else {}
            jsonschema_rs.validator_for(schema)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            jsonschema_rs.validator_for(content.get("schema", {}))


def test_a_route_without_words_has_those_of_its_handler():
    async def handler(request):
        """``GET /x/{db}``: what it does. And more."""

    told = description([open_route("/x/{db}", "GET", GET=handler)])
    assert told["paths"]["/x/{db}"]["get"]["summary"] == "What it does."
    assert told["paths"]["/x/{db}"]["get"]["security"] == [{}]


async def test_it_is_served(client):
    async with client.get("/_docstore/openapi.json") as reply:
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
        assert (await reply.json())["openapi"] == "3.1.1"
        etag = reply.headers["ETag"]
    async with client.get("/_docstore/openapi.json", headers={"If-None-Match": etag}) as reply:
        assert reply.status == 304
    async with client.post("/_docstore/openapi.json") as reply:
        assert reply.status == 405
