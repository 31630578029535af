"""Forms: files that a page of this server sends become attachments."""

import asyncio
import json

import aiohttp
import pytest

HEAD = '--B\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
TYPE = "multipart/form-data; boundary=B"


def field(name, value):
    return HEAD.format(name, "", value)


def file(name, data, content_type="text/plain"):
    return HEAD.format("_attachments", f'; filename="{name}"\r\nContent-Type: {content_type}', data)


async def send(db, path, *parts, **headers):
    sent = {"Content_Type": TYPE, "Referer": f"{db.client._base_url}/page"} | headers
    return await db.post(path, ("".join(parts) + "--B--").encode(), **sent)


@pytest.fixture
async def rev(db):
    return await db.write("d", {"v": 1, "_attachments": {"old": {"data": "b2xk"}, "both": {"data": "b2xk"}}})


async def test_files_are_added_and_take_the_place_of_those_of_their_name(db, rev):
    answer = await send(db, "d", field("_rev", rev), file("new", "1"), file("both", "two", "image/png"))
    assert (answer.status, answer.json["id"]) == (201, "d")
    assert answer.headers["ETag"] == f'"{answer.json["rev"]}"'
    assert "Location" not in answer.headers
    stored = (await db.get("d?attachments=true")).json
    assert (stored["v"], stored["_rev"]) == (1, answer.json["rev"])
    shown = {name: (one["data"], one["content_type"]) for name, one in stored["_attachments"].items()}
    assert shown == {
        "new": ("MQ==", "text/plain"),
        "both": ("dHdv", "image/png"),
        "old": ("b2xk", "application/octet-stream"),
    }


async def test_a_document_in_the_form(db, rev):
    answer = await send(db, "d", field("_doc", json.dumps({"_rev": rev, "v": 2})), file("new", "1"))
    assert answer.status == 201
    stored = (await db.get("d")).json
    assert (stored["v"], list(stored["_attachments"])) == (2, ["new"])
    assert (await send(db, "fresh", field("_doc", "{}"), file("a", "x"), file("a", "y"))).status == 201
    assert (await db.get("fresh/a")).body == b"y"


async def test_a_revision_that_is_none(db, rev):
    assert (await send(db, "d", file("a", "x"))).status == 400
    assert (await send(db, "d", field("_rev", "9-abc"), file("a", "x"))).status == 404
    await db.write("d", {"_rev": rev})
    assert (await send(db, "d", field("_rev", rev), file("a", "x"))).status == 409
    assert (await send(db, "none", field("_rev", rev), file("a", "x"))).status == 404
    assert "a" not in (await db.get("d")).json.get("_attachments", {})


async def test_what_is_no_form(db, rev):
    for parts in (["nothing"], [field("_doc", "{"), file("a", "x")], [field("_doc", "[]")], [file("_a", "x")]):
        assert (await send(db, "d", *parts)).status == 400
    cut = await db.post("d", field("_rev", rev).encode(), Content_Type=TYPE, Referer=str(db.client._base_url))
    assert cut.error == (400, "bad_request", "expected more data")
    assert (await db.get("d")).json["_rev"] == rev


async def test_pages_of_others(db, rev):
    for page in ("http://evil.example/", "http://["):
        answer = await send(db, "d", field("_rev", rev), file("a", "x"), Referer=page)
        assert answer.error == (400, "bad_request", "Referer header must match host.")
    assert (await send(db, "d", field("_rev", rev), Referer=None)).status == 400
    assert (await db.get("d")).json["_rev"] == rev


async def test_local_documents_take_none(db):
    assert (await send(db, "_local/x", field("_doc", "{}"))).status == 400


async def test_so_many_fields(db, server):
    async with db.client.put("/_node/_local/_config/limits/max_form_files", json="2") as reply:
        assert reply.status == 200
    assert (await send(db, "d", field("_doc", "{}"), file("a", "x"))).status == 201
    answer = await send(db, "e", field("_doc", "{}"), file("a", "x"), file("b", "x"))
    assert answer.error == (413, "too_large", "The form has more than 2 fields.")


async def test_whoever_leaves_in_the_middle_leaves_nothing(db, server, rev):
    async def half():
        yield (field("_rev", rev) + file("a", "x" * 200_000)).encode()
        begun.set()
        await asyncio.Event().wait()

    begun = asyncio.Event()
    headers = {"Content-Type": TYPE, "Referer": f"{db.client._base_url}/page"}
    async with aiohttp.ClientSession(server.url) as session:
        task = asyncio.create_task(session.post("/db/d", data=half(), headers=headers).__aenter__())
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await db.get("d")).json["_rev"] == rev
    assert (await send(db, "d", field("_rev", rev), file("b", "y"))).status == 201


@pytest.mark.parametrize("name", ["日本.png", "é.txt", "a b;c"])
async def test_names_of_files_are_utf_8(db, name):
    assert (await send(db, "d", field("_doc", "{}"), file(name, "1"))).status == 201
    assert list((await db.get("d")).json["_attachments"]) == [name]


async def test_bytes_that_are_no_utf_8(db):
    answer = await send_bytes(db, file("NAME", "1").encode().replace(b"NAME", b"\xe9.txt"))
    assert (answer.status, answer.json["reason"]) == (400, "Attachment name is not UTF-8 encoded")
    answer = await send_bytes(db, file("a", "1", "TYPE").encode().replace(b"TYPE", b"text/\xe9"))
    assert answer.status == 201
    assert (await db.get("d")).json["_attachments"]["a"]["content_type"] == "text/\ufffd"


async def send_bytes(db, part):
    body = field("_doc", "{}").encode() + part + b"--B--"
    return await db.post("d", body, Content_Type=TYPE, Referer=f"{db.client._base_url}/page")
