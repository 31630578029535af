import asyncio
from contextlib import suppress

import aiohttp
import pytest

from docstore.core.document import parse_document
from docstore.errors import DocstoreError
from docstore.lab.nodes import DATABASE, LabNode
from docstore.settings import Limits
from tests.storage_findings import storage_findings


def document(doc_id, **members):
    return parse_document(members, doc_id=doc_id, limits=Limits())


async def test_a_node_has_a_server_and_a_database(tmp_path):
    node = LabNode("a", tmp_path)
    assert not node.running
    with pytest.raises(RuntimeError, match="down"):
        node.registry.open(DATABASE)
    await node.start()
    try:
        async with aiohttp.ClientSession() as session:
            reply = await session.get(f"{node.url}/{DATABASE}")
            assert (await reply.json())["db_name"] == DATABASE
        assert node.url.endswith(f":{node.port}")
    finally:
        await node.stop()
    assert not node.running
    assert node.port is None


async def test_a_kill_keeps_what_was_committed_and_nothing_that_comes_after_it(tmp_path):
    node = LabNode("a", tmp_path, serves=False)
    await node.start()
    database, opaque = node.database, node.database.opaque
    await database.update_doc(document("committed"))
    killing = asyncio.create_task(node.kill())
    await asyncio.sleep(0)  # the kill has begun; its node lives on out of sight
    assert not node.running
    with suppress(DocstoreError):
        await database.update_doc(document("by a ghost"))
    await killing
    await node.start()
    try:
        assert node.lives == 2
        assert node.database.head("committed") is not None
        assert node.database.head("by a ghost") is None
        assert node.database.opaque != opaque, "sequences of before the kill are not to be trusted"
        assert storage_findings(node.node) == []
    finally:
        await node.stop()


async def test_starting_and_killing_twice_changes_nothing(tmp_path):
    node = LabNode("a", tmp_path, serves=False)
    await node.start()
    await node.start()
    assert node.lives == 1
    await node.kill()
    await node.kill()
    assert node.lives == 1
    await node.start()
    await node.stop()
    assert list(tmp_path.iterdir()) == []
