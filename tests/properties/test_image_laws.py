"""What an image brings back: whatever happened since, a store answers as it did when the image was taken."""

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from docstore.storage.image import Image
from docstore.testing import TestNode, run_node
from tests.examples import examples
from tests.storage_findings import storage_findings

NAMES = ("films", "people", "_users")
IDS = ("a", "b", "_local/c", "_design/d", "x" * 450, "x" * 450 + "y")
BODY = st.fixed_dictionaries({"n": st.integers(0, 3)}, optional={"text": st.just("some text")})
ATTACHED = {"_attachments": {"t.txt": {"content_type": "text/plain", "data": "aGVsbG8="}}}
ORDERS = {"fields": ["n"]}

step = st.one_of(
    st.tuples(st.just("create"), st.sampled_from(NAMES)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES)),
    st.tuples(st.just("put"), st.sampled_from(NAMES), st.sampled_from(IDS), BODY, st.booleans()),
    st.tuples(st.just("branch"), st.sampled_from(NAMES), st.sampled_from(IDS[:2]), st.integers(0, 5)),
    st.tuples(st.just("purge"), st.sampled_from(NAMES), st.sampled_from(IDS[:2])),
    st.tuples(st.just("secure"), st.sampled_from(NAMES), st.sampled_from(("sue", "bob"))),
    st.tuples(st.just("index"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("upload"), st.sampled_from(NAMES)),
    st.tuples(st.just("take")),
    st.tuples(st.just("back"), st.integers(0, 3)),
)


class Client:
    """Does the steps, whatever becomes of them, and tells all that can be seen."""

    def __init__(self, server: TestNode, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.uploads: list[str] = []

    async def ask(self, method: str, path: str, value: Any = None, headers: dict[str, str] | None = None) -> Any:
        async with self.session.request(method, self.server.url + path, json=value, headers=headers) as reply:
            text = await reply.text()
            return json.loads(text) if text else reply.status

    async def do(self, kind: str, name: str, *rest: Any) -> None:
        match kind, rest:
            case "create", ():
                await self.ask("PUT", f"/{name}")
            case "delete", ():
                await self.ask("DELETE", f"/{name}")
            case "put", (doc_id, body, attached):
                present = await self.ask("GET", f"/{name}/{doc_id}")
                rev = {"_rev": present["_rev"]} if "_rev" in present else {}
                files = ATTACHED if attached and not doc_id.startswith("_local") else {}
                await self.ask(
                    "PUT", f"/{name}/{doc_id}", {**body, **rev, **files}, {"Idempotency-Key": f"k{len(rev)}"}
                )
            case "branch", (doc_id, number):
                doc = {"_id": doc_id, "_rev": f"1-{number:032x}", "number": number}
                await self.ask("POST", f"/{name}/_bulk_docs", {"docs": [doc], "new_edits": False})
            case "purge", (doc_id,):
                present = await self.ask("GET", f"/{name}/{doc_id}")
                if "_rev" in present:
                    await self.ask("POST", f"/{name}/_purge", {doc_id: [present["_rev"]]})
            case "secure", (user,):
                await self.ask("PUT", f"/{name}/_security", {"members": {"names": [user], "roles": []}})
            case "index", (unique,):
                await self.ask("POST", f"/{name}/_index", {"index": ORDERS, "name": "n", "unique": unique})
            case "upload", ():
                at = {"Upload-Complete": "?0", "Content-Type": "image/png"}
                url = f"{self.server.url}/{name}/a/u.png"
                async with self.session.post(url, data=b"some", headers=at) as reply:
                    if reply.status == 201:
                        self.uploads.append(str(reply.url.join(URL(reply.headers["Location"]))))

    async def see(self) -> Any:
        seen: dict[str, Any] = {"names": await self.ask("GET", "/_all_dbs")}
        for name in seen["names"]:
            info = await self.ask("GET", f"/{name}")
            seen[name] = [
                info,
                await self.ask(
                    "GET", f"/{name}/_changes?style=all_docs&include_docs=true&attachments=true&conflicts=true"
                ),
                await self.ask("GET", f"/{name}/_local_docs?include_docs=true"),
                await self.ask("GET", f"/{name}/_security"),
                await self.ask("GET", f"/{name}/_purged_infos"),
                await self.ask("GET", f"/{name}/_index"),
                await self.ask("POST", f"/{name}/_find", {"selector": {"n": {"$gt": 0}}, "execution_stats": False}),
                [await self.ask("GET", f"/{name}/{doc_id}?revs=true&meta=true") for doc_id in IDS[:2]],
            ]
        seen["uploads"] = {upload: await self.offset(upload) for upload in self.uploads}
        return seen

    async def offset(self, upload: str) -> tuple[int, str | None]:
        async with self.session.head(upload) as reply:
            return reply.status, reply.headers.get("Upload-Offset")


async def run(steps: list[tuple[Any, ...]], folder: Path) -> None:
    async with run_node(data=folder) as server, aiohttp.ClientSession() as session:
        client = Client(server, session)
        images: list[tuple[Image, Any]] = []
        for kind, *rest in steps:
            if kind == "take":
                await server.node.registry.finish_sweeps()
                await server.node.registry.unique.finish()
                seen = await client.see()
                images.append((await server.node.image(), seen))
            elif kind == "back" and images:
                place = rest[0] % len(images)
                image, seen = images[place]
                images[place] = (await server.node.put_back(image), seen)
                await server.node.registry.unique.finish()
                client.uploads = list(seen["uploads"])
                assert await client.see() == seen
            elif kind != "back":
                await client.do(kind, *rest)
        await server.node.registry.finish_sweeps()
        await server.node.registry.unique.finish()
        assert storage_findings(server.node) == []


@given(st.lists(step, max_size=25))
@settings(max_examples=examples(12, 60))
def test_an_image_brings_everything_back(steps: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(
            run(
                [*(("create", name) for name in NAMES), *steps, ("take",), *steps, ("back", 0), ("back", 1)],
                Path(folder),
            )
        )
