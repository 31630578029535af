"""From options to peers and ids."""

import json
from pathlib import Path

import pytest

from docstore.core.json_text import JsonValue
from docstore.core.replication_id import Place, base_id, chosen_by_filter
from docstore.node import Node
from docstore.replication.connect import FilterFetchError, connect, remote_options, replication_id
from docstore.replication.local.peer import LocalPeer
from docstore.replication.options import RefusedReplication, ReplicationOptions, parse_replicate, parse_replication
from docstore.replication.remote.options import ApiKeyAuth, BasicAuth, BearerAuth, TlsOptions
from docstore.replication.remote.peer import RemotePeer
from tests.database.helpers import settings
from tests.replication.memory_peer import MemoryPeer

UUID = "fedcba9876543210fedcba9876543210"
BASE = "http://127.0.0.1:5984"
URL = "http://host/db/"


def options(
    source: JsonValue = "http://u:p@host/a", target: JsonValue = "b", **members: JsonValue
) -> ReplicationOptions:
    return parse_replication({"source": source, "target": target, **members}, names=True)


async def identify(chosen: ReplicationOptions, source: MemoryPeer | None = None) -> tuple[str, str]:
    return await replication_id(chosen, source or MemoryPeer(), server_uuid=UUID, base_url=BASE)


async def test_a_name_is_a_local_peer_and_a_url_a_remote_one(tmp_path: Path) -> None:
    chosen = options()
    async with Node(settings(tmp_path / "data")) as node:
        target = connect(chosen.target, chosen, node.registry)
        source = connect(chosen.source, chosen, node.registry)
        assert isinstance(target, LocalPeer)
        assert isinstance(source, RemotePeer)
        assert (source.name, target.name) == ("http://host/a/", "b")
        await source.close()


def test_without_a_store_there_are_no_names() -> None:
    chosen = options()
    with pytest.raises(RefusedReplication):
        connect(chosen.target, chosen)


@pytest.mark.parametrize(
    ("endpoint", "auth"),
    [
        ("http://u:p%40@host/db", None),
        (URL, None),
        ({"url": URL, "auth": {"basic": {"username": "u", "password": "p"}}}, BasicAuth("u", "p")),
        ({"url": "http://x:y@host/db", "auth": {"basic": {"username": "u", "password": "p"}}}, BasicAuth("u", "p")),
        ({"url": URL, "headers": {"Authorization": "Basic dTpw"}}, BasicAuth("u", "p")),
        ({"url": URL, "auth": {"iam": {"api_key": "k"}}}, ApiKeyAuth("k")),
        ({"url": URL, "auth": {"iam": {"api_key": "k", "token_url": "http://t/"}}}, ApiKeyAuth("k", "http://t/")),
        ({"url": URL, "auth": {"bearer": {"token": "t"}}}, BearerAuth("t")),
        ({"url": URL, "auth": {"iam": {}, "bearer": 5}}, None),
    ],
)
def test_credentials_are_handed_on(endpoint: JsonValue, auth: object) -> None:
    chosen = options(endpoint)
    assert remote_options(chosen.source, chosen).auth == auth


def test_the_options_of_a_connection_are_handed_on() -> None:
    chosen = options(
        {"url": URL, "headers": {"X-A": "1", "Authorization": "Bearer t"}},
        http_connections=1,
        connection_timeout=1000,
        retries_per_request=2,
        use_bulk_get=False,
        source_proxy="http://proxy",
    )
    tls = TlsOptions(verify=False)
    found = remote_options(chosen.source, chosen, tls)
    assert found.headers == {"X-A": "1", "Authorization": "Bearer t"}
    assert (found.http_connections, found.connection_timeout, found.retries_per_request) == (2, 1.0, 2)
    assert (found.use_bulk_get, found.proxy, found.tls) == (False, "http://proxy", tls)


async def test_the_id_of_a_replication() -> None:
    source, target = Place("http://host/a/", "u"), Place(f"{BASE}/b/")
    assert await identify(options()) == (base_id(UUID, source, target), "")
    chosen = options(continuous=True, create_target=True, winning_revs_only=True)
    assert await identify(chosen) == (
        base_id(UUID, source, target, winners_only=True),
        "+continuous+create_target",
    )
    assert (await identify(options(doc_ids=["b", "a"])))[0] == base_id(UUID, source, target, [["a", "b"]])
    assert (await identify(options(selector={"a": 1})))[0] == base_id(UUID, source, target, [{"a": {"$eq": 1}}])
    view = {"filter": "_view", "query_params": {"view": "d/v"}}
    assert (await identify(options(**view)))[0] == base_id(UUID, source, target, ["_view", {"view": "d/v"}])


RECORDED = json.loads((Path(__file__).parents[1] / "conformance/data/replication_ids.json").read_text("utf-8"))


@pytest.mark.parametrize("recorded", RECORDED["ids"], ids=lambda one: json.dumps(one["options"]))
async def test_ids_are_those_that_a_couchdb_recorded(recorded: dict[str, JsonValue]) -> None:
    source = MemoryPeer()
    source.put("_design/d", "1-a", filters=RECORDED["filters"])
    ends = {"source": RECORDED["source"], "target": RECORDED["target"]}
    chosen = parse_replicate(ends | recorded["options"])
    found = await replication_id(chosen, source, server_uuid=RECORDED["uuid"], base_url=BASE)
    assert found[0] == recorded["id"]


async def test_a_selector_with_unknown_operators_counts_as_it_was_given() -> None:
    ids = [await identify(options(selector={"n": {"$later": text}, "m": 1})) for text in "aab"]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0] == await identify(options(selector={"m": 1, "n": {"$later": "a"}}))


async def test_a_password_does_not_change_the_id_and_a_since_neither() -> None:
    assert await identify(options("http://u:other@host:5984/a/")) == await identify(options())
    assert await identify(options(since_seq="5-x", use_checkpoints=False, worker_batch_size=1)) == await identify(
        options()
    )


async def test_the_code_of_a_filter_is_part_of_the_id() -> None:
    source = MemoryPeer()
    source.put("_design/d", "1-a", filters={"f": " function(doc) {} "})
    places = Place("http://host/a/", "u"), Place(f"{BASE}/b/")
    chosen = options(filter="d/f", query_params={"x": 1})
    expected = base_id(UUID, *places, chosen_by_filter("function(doc) {}", {"x": 1}))
    assert (await identify(chosen, source))[0] == expected


@pytest.mark.parametrize("name", ["none/f", "d/none", "e/f"])
async def test_a_filter_that_is_not_there(name: str) -> None:
    source = MemoryPeer()
    source.put("_design/d", "1-a", filters={"f": 5})
    source.put("_design/e", "1-a", filters=5)
    with pytest.raises(FilterFetchError):
        await identify(options(filter=name), source)
