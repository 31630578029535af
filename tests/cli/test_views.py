"""``docstore views build``."""

import asyncio
import json
from pathlib import Path

import pytest

from docstore.core.document import parse_document
from docstore.node import Node
from docstore.settings import Limits, Settings
from tests.cli.running import run, serving

DESIGN = {"views": {"n": {"map": "function(doc) { emit(doc.n); }", "reduce": "_count"}, "lib": {}}}


async def fill(folder: Path, *, partitioned: bool = False) -> None:
    async with Node(Settings(data=folder)) as node:
        db = await node.registry.create("db", partitioned=partitioned)
        documents = [({"n": n}, f"d:{n}") for n in range(3)] + [(DESIGN, "_design/v"), ({"filters": {}}, "_design/w")]
        await db.update_docs(
            [parse_document(json.loads(json.dumps(body)), doc_id=name, limits=Limits()) for body, name in documents]
        )


async def pending(folder: Path) -> int:
    async with Node(Settings(data=folder)) as node:
        design = await node.query.views.design(node.registry.open("db"), "v")
        return node.query.views.info(design.index)["updates_pending"]["total"]  # type: ignore[index,call-overload,return-value]


def test_of_a_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(fill(tmp_path))
    said = run(capsys, "views", "build", "db", "--data", tmp_path)
    assert (said.status, said.out) == (0, "db: the views of 1 design document are built\n")
    assert asyncio.run(pending(tmp_path)) == 0
    assert run(capsys, "views", "build", "db", "_design/v", "--data", tmp_path).status == 0
    refused = run(capsys, "views", "build", "db", "x", "--data", tmp_path)
    assert (refused.status, refused.err) == (1, "docstore: db has no design document 'x' with views\n")


@pytest.mark.parametrize("partitioned", [False, True])
def test_of_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str], partitioned: bool) -> None:
    asyncio.run(fill(tmp_path, partitioned=partitioned))
    with serving(tmp_path) as server:
        said = run(capsys, "views", "build", f"{server.url}/db")
        assert (said.status, said.out) == (0, f"{server.url}/db: the views of 1 design document are built\n")
    assert asyncio.run(pending(tmp_path)) == 0
