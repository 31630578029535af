"""A deleted document that is written again with attachments: CouchDB's revision id of it, and ours, side by side."""

from collections.abc import AsyncIterator

import pytest

from docstore.core.document import parse_document
from docstore.core.rev import Rev
from docstore.settings import Limits
from tests.replication.places import Peers, contents, doc, inline, leaves_of, seed, transfer

FIRST, TOMBSTONE = "1-967a00dff5e02add41819138abb3284d", "2-eec205a9d413992850a6e32678485900"
COUCHDB = "3-f34abe83504590cc18e26629389dc344"
"""What a CouchDB 3.5.0 recorded for all of ``ATTACHED``: it hashes nothing of them."""

ATTACHED = [
    {"a": inline("image/png", b"hel")},
    {"a": inline("image/png", b"wor")},
    {"x.png": inline("image/png", b"hel")},
    {"a": inline("text/plain", b"hel")},
]


@pytest.fixture
async def peers(server) -> AsyncIterator[Peers]:
    made = Peers(server)
    yield made
    await made.close()


async def revive(peers: Peers, name: str, attached: dict[str, object]) -> Rev:
    """Write a document, delete it and write it again, as clients of this node would."""
    await peers.local(name).create()
    database = peers.server.node.registry.open(name)
    result = await database.update_doc(parse_document({}, doc_id="d", limits=Limits()))
    deleted = await database.delete_doc("d", result.rev)
    assert (str(result.rev), str(deleted.rev)) == (FIRST, TOMBSTONE)
    document = parse_document({"_attachments": attached}, doc_id="d", limits=Limits())
    return (await database.update_doc(document)).rev


async def couchdbs(peers: Peers, name: str, attached: dict[str, object]) -> None:
    await seed(peers.local(name), doc("d", COUCHDB, TOMBSTONE, FIRST, _attachments=attached))


async def test_different_contents_have_different_ids(peers: Peers) -> None:
    ids = {str(await revive(peers, f"db{number}", attached)) for number, attached in enumerate(ATTACHED)}
    assert len(ids) == len(ATTACHED)
    assert COUCHDB not in ids


@pytest.mark.parametrize("kind", ["local", "remote"])
async def test_a_replicated_one_keeps_the_id_that_it_was_made_with(peers: Peers, kind: str) -> None:
    await couchdbs(peers, "theirs", ATTACHED[0])
    ours = await revive(peers, "ours", ATTACHED[0])
    for name, rev in (("theirs", COUCHDB), ("ours", str(ours))):
        copy = peers.of_kind(kind, f"copy-of-{name}")
        await copy.create()
        await transfer(peers.of_kind(kind, name), copy)
        assert await leaves_of(copy) == {"d": ((rev,), False)}
        assert await contents(peers, f"copy-of-{name}") == await contents(peers, name)


async def test_the_same_revival_on_both_is_a_conflict_of_equal_contents(peers: Peers) -> None:
    """Both nodes come to the same leaves and the same winner, whichever way is replicated first."""
    await couchdbs(peers, "theirs", ATTACHED[0])
    ours = str(await revive(peers, "ours", ATTACHED[0]))
    theirs, here = peers.remote("theirs"), peers.local("ours")
    for source, target in ((theirs, here), (here, theirs), (theirs, here)):
        await transfer(source, target)
    assert await leaves_of(here) == await leaves_of(theirs) == {"d": (tuple(sorted((ours, COUCHDB))[::-1]), False)}
    assert await contents(peers, "ours") == await contents(peers, "theirs")


async def test_of_two_contents_with_one_id_the_first_that_came_stays(peers: Peers) -> None:
    """CouchDB makes such pairs; no replicator can tell them apart."""
    for name, attached in zip(("one", "other"), ATTACHED, strict=False):
        await couchdbs(peers, name, attached)
    await transfer(peers.remote("other"), peers.local("one"))
    assert await leaves_of(peers.local("one")) == {"d": ((COUCHDB,), False)}
    database = peers.server.node.registry.open("one")
    assert b"".join([piece async for piece in database.open_attachment("d", "a").decoded()]) == b"hel"
