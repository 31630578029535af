import json

import pytest

ILLEGAL = (
    "Name: '{}'. Only lowercase characters (a-z), digits (0-9), and any of the characters _, $, (, ), +, -, and / "
    "are allowed. Must begin with a letter."
)


async def ask(client, method, path, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.request(method, path, data=body, headers=headers) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None, response.headers


async def test_a_database_comes_and_goes(server, client):
    status, body, headers = await ask(client, "PUT", "/db")
    assert (status, body, headers["Location"]) == (201, {"ok": True}, f"{server.url}/db")
    assert (await ask(client, "PUT", "/db"))[:2] == (
        412,
        {"error": "file_exists", "reason": "The database could not be created, the file already exists."},
    )
    assert (await ask(client, "DELETE", "/db"))[:2] == (200, {"ok": True})
    missing = (404, {"error": "not_found", "reason": "Database does not exist."})
    for method in ("GET", "DELETE"):
        assert (await ask(client, method, "/db"))[:2] == missing
    assert (await ask(client, "HEAD", "/db"))[:2] == (404, None)


async def test_information(client):
    await ask(client, "PUT", "/db?q=3")
    status, body, _ = await ask(client, "GET", "/db/")
    assert status == 200
    assert body["db_name"] == "db"
    assert body["cluster"] == {"q": 3, "n": 1, "w": 1, "r": 1}
    assert (body["doc_count"], body["doc_del_count"], body["compact_running"]) == (0, 0, False)
    assert body["disk_format_version"] == 8
    assert set(body["sizes"]) == {"file", "external", "active"}
    assert (await ask(client, "HEAD", "/db"))[:2] == (200, None)


async def test_the_location_is_escaped(server, client):
    for path, escaped in [("/a%2Fb", "a%2Fb"), ("/a()$%2B-_x", "a%28%29%24%2B-_x")]:
        status, _, headers = await ask(client, "PUT", path)
        assert (status, headers["Location"]) == (201, f"{server.url}/{escaped}")
        assert (await ask(client, "GET", path))[0] == 200


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/_bad", "_bad"),
        ("/Upper", "Upper"),
        ("/1abc", "1abc"),
        ("/has.dot", "has.dot"),
        ("/a%20b", "a b"),
        ("/a+b", "a b"),
    ],
)
async def test_illegal_names(client, path, name):
    assert (await ask(client, "PUT", path))[:2] == (
        400,
        {"error": "illegal_database_name", "reason": ILLEGAL.format(name)},
    )
    assert (await ask(client, "GET", path))[0] == 404


async def test_a_name_that_is_too_long(client):
    assert (await ask(client, "PUT", "/" + "a" * 238))[0] == 201
    status, body, _ = await ask(client, "PUT", "/" + "a" * 239)
    assert (status, body["error"]) == (400, "database_name_too_long")


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("q=0", 400, "The `q` value should be a positive integer."),
        ("q=x", 400, "The `q` value should be a positive integer."),
        ("q=" + "9" * 10, 400, "The `q` value should be a positive integer."),
        ("q=" + "9" * 5000, 400, "The `q` value should be a positive integer."),
        ("n=-1", 400, "The `n` value should be a positive integer."),
        ("n=x&q=y", 400, "The `n` value should be a positive integer."),
        ("placement=", 400, "The `placement` value should be in a format `zone:n`."),
        ("placement=moon", 400, "The `placement` value should be in a format `zone:n`."),
        ("placement=a:1,moon:eagle", 400, "The `placement` value should be in a format `zone:n`."),
        ("engine=other", 400, "invalid_engine_extension"),
        ("partitioned=maybe", 400, "Invalid `partitioned` parameter"),
    ],
)
async def test_parameters_that_cannot_be(client, query, status, reason):
    got, body, _ = await ask(client, "PUT", f"/db?{query}")
    assert (got, body["reason"]) == (status, reason)
    assert (await ask(client, "GET", "/db"))[0] == 404


async def test_where_a_database_is_kept_is_accepted(client):
    status, body, _ = await ask(client, "PUT", "/db?q=8&n=3&placement=a:1,b:3&engine=couch&partitioned=false")
    assert (status, body) == (201, {"ok": True})


async def test_a_delete_with_a_rev_was_meant_for_a_document(client):
    await ask(client, "PUT", "/db")
    status, body, _ = await ask(client, "DELETE", "/db?rev=1-a")
    assert (status, body["error"]) == (400, "bad_request")
    assert body["reason"].startswith("You tried to DELETE a database with a ?=rev parameter.")
    assert (await ask(client, "GET", "/db"))[0] == 200


async def test_the_security_object(client):
    await ask(client, "PUT", "/db")
    default = {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}
    assert (await ask(client, "GET", "/db/_security"))[1] == default
    mine = {"admins": {"names": ["x"], "roles": ["r"]}, "members": {"names": [], "roles": []}, "extra": 1}
    assert (await ask(client, "PUT", "/db/_security", json.dumps(mine)))[:2] == (200, {"ok": True})
    assert (await ask(client, "GET", "/db/_security"))[1] == mine


@pytest.mark.parametrize("text", ["[]", '{"admins":5}', '{"admins":{"names":"x"}}', '{"members":{"names":[5]}}'])
async def test_a_malformed_security_object(client, text):
    await ask(client, "PUT", "/db")
    assert (await ask(client, "PUT", "/db/_security", text))[:2] == (500, {"error": "error", "reason": "no_majority"})


@pytest.mark.parametrize(("endpoint", "allow"), [("_revs_limit", "PUT,GET"), ("_purged_infos_limit", "GET,PUT")])
async def test_limits(client, endpoint, allow):
    await ask(client, "PUT", "/db")
    path = f"/db/{endpoint}"
    assert (await ask(client, "GET", path))[1] == 1000
    assert (await ask(client, "PUT", path, "3"))[:2] == (200, {"ok": True})
    assert (await ask(client, "GET", path))[1] == 3
    for wrong in ("0", "-1", '"3"', "1.5", "true", "null"):
        assert (await ask(client, "PUT", path, wrong))[0] == 400, wrong
    assert (await ask(client, "PUT", path, "x"))[1]["reason"] == "invalid UTF-8 JSON"
    status, body, headers = await ask(client, "DELETE", path)
    assert (status, headers["Allow"], body["reason"]) == (405, allow, f"Only {allow} allowed")
