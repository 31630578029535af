"""The route tables of Cloudant: what is there and what is not, and that it is described."""

from pathlib import Path

import pytest

from docstore.httpd.app import ROUTER
from docstore.httpd.cloudant.routes import FIRST_GENERATION, SECOND_GENERATION
from docstore.httpd.description.openapi import COPY, description, methods_of, path_of
from tests.httpd.cloudant.conftest import basic


def patterns(router):
    return {route.pattern for route in router.routes}


def test_what_it_has_besides():
    assert patterns(FIRST_GENERATION) - patterns(ROUTER) == {
        "/identity/token",
        "/_iam_session",
        "/_api/v2/api_keys",
        "/_api/v2/user/capacity/throughput",
        "/_api/v2/user/current/throughput",
        "/_api/v2/user/capacity/databases",
        "/_api/v2/user/current/databases",
        "/_api/v2/user/activity_tracker/events",
    }
    assert not [one for one in patterns(SECOND_GENERATION) if one.startswith("/_api/")]


def test_a_path_is_there_once():
    for router in (FIRST_GENERATION, SECOND_GENERATION):
        assert len(patterns(router)) == len(router.routes)
        assert not router.once


@pytest.mark.parametrize("router", [FIRST_GENERATION, SECOND_GENERATION])
def test_the_description_names_every_route_and_no_other(router):
    told = {
        (method, path)
        for path, item in description(router.routes)["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert told == {
        (COPY if method == "COPY" else method.lower(), path_of(route.pattern))
        for route in router.routes
        for method in methods_of(route)
    }


def test_the_page_has_every_path_that_it_has_besides():
    page = (Path(__file__).parents[3] / "docs" / "cloudant.md").read_text()
    for pattern in patterns(FIRST_GENERATION) - patterns(ROUTER):
        assert f"`{pattern}`" in page, pattern


@pytest.mark.parametrize(
    "path",
    [
        "/_node/_local/_config",
        "/_db_updates",
        "/_cluster_setup",
        "/_utils/",
        "/_docstore/conflict_stats",
        "/_docstore/log",
    ],
)
async def test_what_cloudant_has_not(account, path):
    assert (await account("GET", path, basic()))[0] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/db/_purge"),
        ("PUT", "/db/_revs_limit"),
        ("POST", "/db/_compact"),
        ("GET", "/db/_conflicts"),
        ("POST", "/db/a/_resolve"),
        ("PATCH", "/db/_uploads/x"),
        ("OPTIONS", "/db/a/file"),
    ],
)
async def test_what_databases_of_cloudant_have_not(account, method, path):
    await account("PUT", "/db", basic())
    await account("PUT", "/db/a", basic(), body={})
    status, _ = await account(method, path, basic(), body={})
    assert 400 <= status < 500


async def test_a_key_of_idempotency_means_nothing(account):
    await account("PUT", "/db", basic())
    keyed = {"Idempotency-Key": '"k"'}
    first = await account("POST", "/db", basic(), body={}, headers=keyed)
    second = await account("POST", "/db", basic(), body={}, headers=keyed)
    assert first[1]["id"] != second[1]["id"]
