"""Who may what: the table of docs/security.md is what the server does, and its rows keep to some laws."""

from pathlib import Path

import pytest

from docstore.httpd.app import ROUTES
from docstore.httpd.routing import DATABASE
from tests.httpd.who_may import ALLOWED, MARK, MARK_OF_IAM, ROLES, iam_table, tables, walk

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"
CLOUDANT = SECURITY.with_name("cloudant.md")

FOR_ANYBODY = {
    "/",
    "/favicon.ico",
    "/_utils",
    "/_utils/{path...}",
    "/_up",
    "/_uuids",
    "/_session",
    "/_docstore/openapi.json",
}


async def test_the_documentation_has_the_table():
    text = SECURITY.read_text()
    _, mark, rest = text.partition(MARK)
    assert mark, "docs/security.md has no table"
    made = await tables()
    assert rest.partition(MARK)[0].strip() == made.strip()


@pytest.mark.parametrize("database", ["db", "_users", "_replicator"])
async def test_laws(database):
    table = await walk(database)
    assert {pattern for pattern, _ in table} == {route.pattern for route in ROUTES}
    for (pattern, method), row in table.items():
        where = (pattern, method, row)
        assert row[-1] == ALLOWED, where  # a server admin may everything
        allowed = [one == ALLOWED for one in row]
        assert allowed == sorted(allowed), where  # each role may what the one before it may
        if allowed[0] and database == "db":
            assert pattern in FOR_ANYBODY, where
        for one in row:
            assert one == ALLOWED or one[:3] in ("401", "403", "404"), where
        of_server = pattern.startswith("/_") and DATABASE not in pattern
        if of_server and pattern not in FOR_ANYBODY and pattern != "/_replicate":
            assert allowed.count(True) == 1, where  # only server admins


async def test_the_page_on_cloudant_has_the_table_of_iam():
    _, mark, rest = CLOUDANT.read_text().partition(MARK_OF_IAM)
    assert mark
    assert rest.partition(MARK_OF_IAM)[0].strip() == (await iam_table()).strip()


def test_the_roles_are_those_of_the_issue():
    assert len(ROLES) == 5
