"""The users' database over HTTP: who may write and read which document, and that no password is ever shown."""

import json

import pytest

SUE = {"name": "sue", "type": "user", "roles": []}
ID = "/_users/org.couchdb.user:sue"
SECRETS = ("password_scheme", "pbkdf2_prf", "salt", "iterations", "derived_key")


async def test_a_password_becomes_its_hash(client):
    rev = await client.add_user("sue", "pw", age=5)
    status, stored = await client("GET", ID, "root")
    assert status == 200
    assert list(stored)[:2] == ["_id", "_rev"]
    assert stored["_rev"] == rev
    assert "password" not in stored
    assert (stored["password_scheme"], stored["pbkdf2_prf"], stored["iterations"]) == ("pbkdf2", "sha256", 3)
    assert len(stored["salt"]) == 32
    assert len(stored["derived_key"]) == 64
    assert (await client("GET", "/_session", "sue"))[1]["userCtx"] == {"name": "sue", "roles": []}


@pytest.mark.parametrize("name", ["password", "pass\\u0077ord"])
async def test_however_the_password_is_spelled_it_is_not_stored(client, name):
    text = f'{{"name":"sue","type":"user","roles":[],"{name}":"hidden"}}'
    async with client.session.put(ID, data=text, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 201
    for query in ("", "?revs=true&conflicts=true", "?open_revs=all"):
        assert "hidden" not in json.dumps(await client("GET", ID + query, "root"))


async def test_in_bulk_in_a_deletion_and_in_a_copy_too(client):
    documents = [SUE | {"_id": "org.couchdb.user:sue", "password": "hidden"}, {"_id": "_local/x", "password": "kept"}]
    status, rows = await client("POST", "/_users/_bulk_docs", "root", body={"docs": documents})
    assert (status, [row["ok"] for row in rows]) == (201, [True, True])
    assert "hidden" not in json.dumps(await client("GET", ID, "root"))
    gone = {"_rev": rows[0]["rev"], "_deleted": True, "password": "hidden"}
    status, answer = await client("PUT", ID, "root", body=gone)
    assert status == 200
    shown = json.dumps(await client("GET", f"{ID}?rev={answer['rev']}", "root"))
    assert "derived_key" in shown
    assert "hidden" not in shown


async def test_anybody_may_register_and_nobody_may_take_a_name(client):
    assert (await client("PUT", ID, body=SUE | {"password": "a"}))[0] == 201
    assert (await client("PUT", ID, body=SUE | {"password": "b"})) == (
        409,
        {"error": "conflict", "reason": "Document update conflict."},
    )
    rev = (await client("GET", ID, "root"))[1]["_rev"]
    assert (await client("PUT", ID, body=SUE | {"password": "b", "_rev": rev}))[0] == 403
    assert (await client("DELETE", f"{ID}?rev={rev}"))[0] == 403
    made_elsewhere = {"docs": [SUE | {"_id": "org.couchdb.user:sue", "_rev": "9-ff", "password": "b"}]}
    assert (await client("POST", "/_users/_bulk_docs", body=made_elsewhere | {"new_edits": False}))[0] == 403
    assert (await client("GET", "/_session", "sue", "a"))[0] == 200


async def test_roles_are_given_by_admins_alone(client):
    assert (await client("PUT", ID, body=SUE | {"password": "a", "roles": ["boss"]})) == (
        403,
        {"error": "forbidden", "reason": "Only _admin may set roles"},
    )
    rev = await client.add_user("sue", roles=["dev"])
    mine = SUE | {"password": "pw", "_rev": rev}
    assert (await client("PUT", ID, "sue", body=mine | {"roles": ["dev", "boss"]})) == (
        403,
        {"error": "forbidden", "reason": "Only _admin may edit roles"},
    )
    status, answer = await client("PUT", ID, "sue", body=mine | {"roles": ["dev"]})
    assert status == 201
    status, _ = await client("PUT", ID, "root", body=mine | {"roles": ["boss"], "_rev": answer["rev"]})
    assert status == 201
    assert (await client("GET", "/_session", "sue"))[1]["userCtx"]["roles"] == ["boss"]


async def test_others_see_nothing(client):
    await client.add_user("sue")
    await client.add_user("ann")
    missing = (404, {"error": "not_found", "reason": "missing"})
    for who in (None, "ann"):
        assert await client("GET", ID, who) == missing
        for query in ("?rev=1-ff", "?open_revs=all", "?revs=true", "?attachments=true"):
            assert await client("GET", ID + query, who) == missing
        for method, path in [("GET", "/x"), ("PUT", "/x"), ("GET", "/_tree"), ("COPY", "")]:
            assert (await client(method, ID + path, who, headers={"Destination": "y"}))[0] in (401, 404)
    assert await client("DELETE", f"{ID}?rev=1-ff", "ann") == missing
    assert await client("PUT", ID, "ann", body=SUE | {"password": "x"}) == missing
    assert (await client("GET", ID, "sue"))[0] == 200


async def test_what_shows_many_is_for_admins(client):
    await client.add_user("sue")
    for who in (None, "sue"):
        for method, path in [
            ("GET", "_all_docs"), ("POST", "_all_docs"), ("GET", "_changes"), ("POST", "_bulk_get"),
            ("GET", "_conflicts"),
            ("POST", "_revs_diff"), ("POST", "_find"), ("GET", "_design_docs"), ("GET", "_local_docs"),
            ("GET", "_design/a/_view/b"), ("GET", "_local/a"), ("POST", "_resolve"), ("GET", "_uploads/" + "0" * 32),
            ("GET", "_purged_infos"), ("GET", "_design/a/_show/b"), ("POST", "_design/a/_update/b"),
        ]:  # fmt: skip
            status, answer = await client(method, f"/_users/{path}", who, body={})
            assert (status, answer["error"]) == (401, "unauthorized"), (method, path, answer)


async def test_local_documents_are_for_admins(client):
    await client.add_user("sue")
    local = {"_id": "_local/x", "v": 1}
    for who in (None, "sue"):
        for path, body in [("/_users", local), ("/_users/_bulk_docs", {"docs": [local]})]:
            status, answer = await client("POST", path, who, body=body)
            assert (status, answer["error"]) == (401, "unauthorized"), (path, answer)
        assert (await client("PUT", "/_users/_local/x", who, body=local))[0] == 401
    assert (await client("GET", "/_users/_local/x", "root"))[0] == 404
    assert (await client("POST", "/_users", "root", body=local))[0] == 201


async def test_design_documents_are_for_admins(client):
    assert (await client("PUT", "/_users/_design/a", "root", body={"views": {}}))[0] == 201
    await client.add_user("sue")
    for who in (None, "sue"):
        assert (await client("GET", "/_users/_design/a", who))[1]["reason"].startswith("Only administrators can view")
        assert (await client("PUT", "/_users/_design/b", who, body={}))[0] in (401, 403)
    assert (await client("GET", "/_users/_design/b", "root"))[0] == 404


async def test_public_fields(client, guarded):
    await client.add_user("sue", age=5, phone="1")
    await guarded.node.config.set("chttpd_auth", "public_fields", "age, name", persist=False)
    shown = (await client("GET", ID))[1]
    assert {name: value for name, value in shown.items() if name not in ("_id", "_rev")} == {"name": "sue", "age": 5}
    assert (await client("GET", ID + "?open_revs=all"))[1] == shown


async def test_password_rules(client, guarded):
    rules = '[{".{4,}", "At least 4 characters."}, "\\\\d"]'
    await guarded.node.config.set("chttpd_auth", "password_regexp", rules, persist=False)
    for password, words in [
        ("a1", "Password does not conform to requirements. At least 4 characters."),
        ("abcde", "Password does not conform to requirements."),
    ]:
        assert await client("PUT", ID, "root", body=SUE | {"password": password}) == (
            400,
            {"error": "bad_request", "reason": words},
        )
    assert (await client("PUT", ID, "root", body=SUE | {"password": "abcd1"}))[0] == 201


async def test_a_new_password_ends_sessions_and_a_new_role_does_not(client):
    rev = await client.add_user("sue")
    status, _ = await client("POST", "/_session", body={"name": "sue", "password": "pw"})
    assert status == 200
    cookie = {"Cookie": client.headers["Set-Cookie"].split(";")[0]}
    stored = (await client("GET", ID, "root"))[1]
    status, answer = await client("PUT", ID, "root", body=stored | {"roles": ["dev"]})
    assert status == 201
    assert (await client("GET", "/_session", headers=cookie))[1]["userCtx"] == {"name": "sue", "roles": ["dev"]}
    assert rev != answer["rev"]
    changed = SUE | {"password": "other", "_rev": answer["rev"]}
    assert (await client("PUT", ID, "root", body=changed))[0] == 201
    assert (await client("GET", "/_session", headers=cookie))[1]["userCtx"]["name"] is None
    assert (await client("GET", "/_session", "sue"))[0] == 401
    assert (await client("GET", "/_session", "sue", "other"))[0] == 200


async def test_a_deleted_user_is_gone(client):
    rev = await client.add_user("sue")
    assert (await client("GET", "/_session", "sue"))[0] == 200
    assert (await client("DELETE", f"{ID}?rev={rev}", "sue"))[0] == 200
    assert (await client("GET", "/_session", "sue"))[0] == 401


async def test_the_security_object_can_be_set_if_so_configured(client, guarded):
    await guarded.node.config.set("couchdb", "users_db_security_editable", "false", persist=False)
    assert await client("PUT", "/_users/_security", "root", body={}) == (
        403,
        {"error": "forbidden", "reason": "You can't edit the security object of the user database."},
    )


async def test_another_database_becomes_that_of_the_users_while_the_server_runs(client):
    await client("PUT", "/people", "root")
    person = SUE | {"_id": "org.couchdb.user:sue", "password": "pw"}
    assert (await client("PUT", "/people/plain", "root", body={"password": "kept"}))[0] == 201
    assert (await client("PUT", "/_node/_local/_config/chttpd_auth/authentication_db", "root", body="people"))[0] == 200
    assert (await client("PUT", "/people/other", "root", body={"name": "other"}))[0] == 403
    assert (await client("POST", "/people", "root", body=person))[0] == 201
    assert "derived_key" in (await client("GET", "/people/org.couchdb.user:sue", "root"))[1]
    assert (await client("GET", "/_session", "sue"))[1]["userCtx"]["name"] == "sue"
    assert (await client("GET", "/people/org.couchdb.user:sue"))[0] == 401
    assert (await client("PUT", "/_users/any", "root", body={"password": "as it is"}))[0] == 201
    assert (await client("DELETE", "/_node/_local/_config/chttpd_auth/authentication_db", "root"))[0] == 200
    assert (await client("GET", "/_session", "sue"))[0] == 401
    assert (await client("PUT", "/_users/any2", "root", body={"password": "as it is"}))[0] == 403
    assert (await client("PUT", "/people/other", "root", body={"name": "other"}))[0] == 201


async def test_hashed_passwords_and_those_that_were_known_are_counted(client):
    async def counts():
        logins = (await client("GET", "/_node/_local/_stats", "root"))[1]["couchdb"]
        return logins["password_hashing_fast"]["value"], logins["password_hashing_slow"]["value"]

    await client.add_user("sue", "pw")
    await counts()
    fast, slow = await counts()
    await client("GET", "/_session", "sue")
    await client("GET", "/_session", "sue")
    await client("GET", "/_session", "sue", "wrong")
    assert await counts() == (fast + 3, slow + 2)  # the administrator's own password among those that are known
