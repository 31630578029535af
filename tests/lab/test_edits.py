from docstore.core.json_text import decode
from docstore.core.rev import parse_rev
from docstore.database.reading.documents import OpenOptions
from docstore.lab.edits import carry_out, plan, winner_of
from docstore.lab.scenario import Attach, Delete, Expect, RandomEdits, Resolve, Scenario, Write
from docstore.lab.timeline import Kind
from tests.database.helpers import replicated

EDITS = RandomEdits(("a", "b"), start=10, until=1_000, every=2, documents=4, deletes=0.2, attachments=0.2, resolves=0.2)


def scenario(*steps, edits=()):
    return Scenario("x", ("a", "b"), (), steps=steps, edits=edits)


def test_a_plan_is_in_order_and_depends_on_the_seed_alone():
    planned = scenario(Expect(500, True), Write(3, "a", "d", {}), edits=(EDITS,))
    steps = plan(planned, 1)
    assert steps == plan(planned, 1)
    assert steps != plan(planned, 2)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert steps[0] == Write(3, "a", "d", {})


def test_random_edits_are_what_was_asked_for():
    steps = plan(scenario(edits=(EDITS,)), 1)
    assert 400 < len(steps) < 600
    assert all(10 <= step.at <= 1_000 for step in steps)
    assert {step.node for step in steps} == {"a", "b"}
    assert {step.doc for step in steps} == {"doc-1", "doc-2", "doc-3", "doc-4"}
    for kind in (Delete, Attach, Resolve):
        assert 60 < sum(isinstance(step, kind) for step in steps) < 140


def test_two_groups_of_random_edits_are_different():
    steps = plan(scenario(edits=(EDITS, EDITS)), 1)
    assert len({step.at for step in steps}) == len(steps)


async def test_a_document_is_made_edited_and_deleted(nodes):
    database = nodes[0].database
    made = await carry_out(database, Write(5, "left", "d", {"n": 1}))
    assert (made.at, made.kind, made.node, made.doc) == (5, Kind.WRITE, "left", "d")
    assert made.text == f"made d, now {made.rev}"
    edited = await carry_out(database, Write(6, "left", "d", {"n": 2}))
    assert edited.rev.startswith("2-")
    assert decode(database.open_doc("d").json)["n"] == 2
    deleted = await carry_out(database, Delete(7, "left", "d"))
    assert deleted.kind is Kind.DELETE
    assert winner_of(database, "d") is None
    again = await carry_out(database, Delete(8, "left", "d"))
    assert (again.kind, again.text) == (Kind.REFUSED, "no d to delete")
    assert (await carry_out(database, Write(9, "left", "d", {}))).rev.startswith("4-")


async def test_attachments_come_and_stay(nodes):
    database = nodes[0].database
    await carry_out(database, Attach(1, "left", "d", "f.txt", b"some text", "text/plain"))
    await carry_out(database, Attach(2, "left", "d", "g.bin", bytes(300_000), "image/png"))
    event = await carry_out(database, Write(3, "left", "d", {"n": 1}))
    assert event.rev.startswith("3-")
    found = decode(database.open_doc("d").json)
    assert found["n"] == 1
    assert {name: stub["length"] for name, stub in found["_attachments"].items()} == {"f.txt": 9, "g.bin": 300_000}


async def test_a_conflict_is_resolved_by_deleting_what_lost(nodes):
    database = nodes[0].database
    refused = await carry_out(database, Resolve(1, "left", "d"))
    assert (refused.kind, refused.text) == (Kind.REFUSED, "no conflict of d to resolve")
    for path in (("2-b", "1-a"), ("2-c", "1-a"), ("2-d", "1-a")):
        await database.update_docs([replicated("d", *path)], new_edits=False)
    resolved = await carry_out(database, Resolve(2, "left", "d"))
    assert resolved.kind is Kind.RESOLVE
    winner = database.open_doc("d", OpenOptions(conflicts=True))
    assert winner.rev == parse_rev(f"2-{'d' * 32}")
    assert b"_conflicts" not in winner.json


async def test_what_is_refused_is_an_event(nodes):
    event = await carry_out(nodes[0].database, Write(1, "left", "x" * 8_000, {}))
    assert event.kind is Kind.REFUSED
