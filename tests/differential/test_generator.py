"""What sequences are drawn: the same for a seed, and all kinds of requests among them."""

from docstore.errors import DocstoreError
from docstore.httpd.app import ROUTER
from docstore.httpd.wire.paths import split_path
from tests.differential.drawing_listings import FLAGS
from tests.differential.generator import draw_sequence
from tests.differential.knowledge import THEIRS, Knowledge
from tests.differential.steps import render

# What CouchDB does not have, what tells only of the server itself, what waits for others or for JavaScript.
NOT_ASKED = {
    "/favicon.ico", "/_active_tasks", "/_scheduler/jobs", "/_scheduler/jobs/{id}", "/_scheduler/docs",
    "/_scheduler/docs/{path...}", "/_utils", "/_utils/{path...}",
    "/_node",
    "/_node/{name}",
    "/_node/{name}/_stats",
    "/_node/{name}/_stats/{path...}", "/_node/{name}/_prometheus", "/_node/{name}/_system", "/_node/{name}/_versions",
    "/_docstore/conflict_stats", "/_docstore/log", "/{db}/_conflicts", "/{db}/_resolve", "/_db_updates",
    "/{db}/_uploads/{uuid}", "/{db}/{doc}/_tree", "/{db}/{doc}/_resolve", "/{db}/_design/{doc}/_tree",
    "/{db}/_design/{doc}/_resolve", "/{db}/_design%2F{doc}/_tree", "/{db}/_design%2F{doc}/_resolve", "/{db}/_local",
    "/{db}/_design/{doc}/_info", "/{db}/_design/{doc}/_view", "/{db}/_design/{doc}/_view/{view}/{path...}",
    "/{db}/_shards", "/{db}/_shards/{id}", "/{db}/_sync_shards", "/{db}/_temp_view", "/_api/v2/db/{db}/_security",
    "/_docstore/openapi.json", "/_api/v2/user/config/cors", "/_node/{name}/_config",
    "/_node/{name}/_config/{section}", "/_node/{name}/_config/{section}/{key}", "/_node/{name}/_config/_reload",
    "/{db}/_design/{doc}/_search", "/{db}/_design/{doc}/_search/{index}", "/_search_analyze", "/{db}/_search_cleanup",
    "/{db}/_design/{doc}/_search/{index}/{path...}", "/{db}/_design/{doc}/_search_info/{index}",
    "/{db}/_design/{doc}/_search_disk_size/{index}",
    "/{db}/_design/{doc}/_nouveau/{path...}", "/{db}/_design/{doc}/_show", "/{db}/_design/{doc}/_update",
    "/{db}/_design/{doc}/_list",
}  # fmt: skip


def drawn(count=400):
    return [draw_sequence(5, number) for number in range(count)]


def test_a_seed_draws_the_same_again():
    assert draw_sequence(3, 4) == draw_sequence(3, 4)
    assert draw_sequence(3, 4) != draw_sequence(3, 5)
    assert draw_sequence(3, 4) != draw_sequence(4, 4)


def test_every_step_can_be_sent():
    symbols = Knowledge("db").symbols(THEIRS)
    for sequence in drawn(100):
        for step in sequence:
            assert render(step, symbols).wire("host", "Basic x")


def test_every_parameter_of_a_listing_is_drawn():
    names = {name for sequence in drawn() for step in sequence if step.kind == "listing" for name, _ in step.query}
    assert {*FLAGS, "key", "keys", "startkey", "start_key", "endkey", "end_key", "limit", "skip"} <= names


def test_every_route_that_can_be_compared_is_drawn():
    """An endpoint that is new is asked too, or stands in the list of those that are not."""
    symbols = Knowledge("db").symbols(THEIRS)
    asked = set()
    for sequence in drawn():
        for step in sequence:
            try:
                segments = split_path(render(step, symbols).target.partition("?")[0])
                asked.add(ROUTER.find(segments).pattern)
            except DocstoreError:
                continue  # spoiled on purpose
    assert {row.pattern for row in ROUTER.routes} - asked == NOT_ASKED
