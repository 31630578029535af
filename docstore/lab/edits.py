"""The edits of an experiment: random ones planned from the seed, and each carried out on a node.

Owns both. It must not know time passing nor links. The plan depends on the scenario and the seed alone; what an edit
then does depends on what the node has, as it would for a person.
"""

from dataclasses import replace
from random import Random
from typing import Final, TypeAlias

from docstore.core.document import parse_document
from docstore.core.json_text import JsonValue, decode
from docstore.core.rev import Rev
from docstore.database.database import Database
from docstore.database.reading.documents import OpenedDoc, OpenOptions
from docstore.errors import DocstoreError, NotFound
from docstore.lab.scenario import Attach, Delete, RandomEdits, Resolve, Scenario, Step, Write
from docstore.lab.timeline import Event, Kind
from docstore.settings import Limits

Edit: TypeAlias = Write | Delete | Attach | Resolve

LIMITS: Final = Limits()
VALUES: Final = 20
"""Random bodies have a value below this: few enough that two nodes sometimes make the same edit."""

LARGEST_ATTACHMENT: Final = 100_000
KINDS: Final = {Write: Kind.WRITE, Delete: Kind.DELETE, Attach: Kind.ATTACH, Resolve: Kind.RESOLVE}


def plan(scenario: Scenario, seed: int) -> list[Step]:
    """All steps of a run in their order: the scripted and the random ones."""
    steps = list(scenario.steps)
    for index, edits in enumerate(scenario.edits):
        steps += _random_steps(edits, Random(f"{seed}/edits/{index}"))
    return sorted(steps, key=lambda step: step.at)


def _random_steps(edits: RandomEdits, random: Random) -> list[Step]:
    steps: list[Step] = []
    at = edits.start + random.expovariate(1 / edits.every)
    while at <= edits.until:
        node, doc = random.choice(edits.nodes), f"doc-{random.randint(1, edits.documents)}"
        what = random.random()
        if what < edits.deletes:
            steps.append(Delete(at, node, doc))
        elif what < edits.deletes + edits.attachments:
            content = random.randbytes(int(random.expovariate(1 / 2_000)) % LARGEST_ATTACHMENT)
            name = f"file-{random.randint(1, 3)}"
            steps.append(Attach(at, node, doc, name, content, random.choice(["text/plain", "image/png"])))
        elif what < edits.deletes + edits.attachments + edits.resolves:
            steps.append(Resolve(at, node, doc))
        else:
            steps.append(Write(at, node, doc, {"value": random.randrange(VALUES)}))
        at += random.expovariate(1 / edits.every)
    return steps


async def carry_out(database: Database, edit: Edit) -> Event:
    """Make an edit; the event that tells of it, which may be that the edit was refused."""
    blank = Event(edit.at, KINDS[type(edit)], "", node=edit.node, doc=edit.doc)
    try:
        match edit:
            case Write():
                return await _write(database, edit, blank)
            case Delete():
                return await _delete(database, edit, blank)
            case Attach():
                return await _attach(database, edit, blank)
            case Resolve():
                return await _resolve(database, edit, blank)
    except DocstoreError as error:
        return replace(blank, kind=Kind.REFUSED, text=f"{edit.verb} {edit.doc}: {error.reason}")


def winner_of(database: Database, doc_id: str) -> OpenedDoc | None:
    """The live winner with ``_conflicts``, None if there is none."""
    try:
        return database.open_doc(doc_id, OpenOptions(conflicts=True))
    except NotFound:
        return None


async def _write(database: Database, edit: Write, blank: Event) -> Event:
    present = winner_of(database, edit.doc)
    members: dict[str, JsonValue] = dict(edit.body)
    if present is not None:
        members["_rev"] = str(present.rev)
        stored = _members(present)
        if "_attachments" in stored:  # stubs: what is attached stays
            members["_attachments"] = stored["_attachments"]
    result = await database.update_doc(parse_document(members, doc_id=edit.doc, limits=LIMITS))
    return _done(blank, "edited" if present else "made", result.rev)


async def _delete(database: Database, edit: Delete, blank: Event) -> Event:
    present = winner_of(database, edit.doc)
    if present is None:
        return replace(blank, kind=Kind.REFUSED, text=f"no {edit.doc} to delete")
    result = await database.delete_doc(edit.doc, present.rev)
    return _done(blank, "deleted", result.rev)


async def _attach(database: Database, edit: Attach, blank: Event) -> Event:
    present = winner_of(database, edit.doc)
    async with database.blobs.stage(edit.content_type, name=edit.name) as staging:
        await staging.write(edit.content)
        staged = await staging.seal()
        linked = staged.linked(edit.name, edit.content_type)
        result = await database.put_attachment(edit.doc, present.rev if present else None, linked)
    return _done(blank, f"{edit.name} attached to", result.rev)


async def _resolve(database: Database, edit: Resolve, blank: Event) -> Event:
    present = winner_of(database, edit.doc)
    conflicts = _members(present).get("_conflicts") if present else None
    if present is None or not isinstance(conflicts, list):
        return replace(blank, kind=Kind.REFUSED, text=f"no conflict of {edit.doc} to resolve")
    tombstones = [parse_document({"_rev": rev, "_deleted": True}, doc_id=edit.doc, limits=LIMITS) for rev in conflicts]
    for result in await database.update_docs(tombstones):
        if result.error is not None:
            raise result.error
    return replace(_done(blank, f"{len(conflicts)} of the conflicts deleted of", present.rev))


def _members(opened: OpenedDoc) -> dict[str, JsonValue]:
    members = decode(opened.json)
    return members if isinstance(members, dict) else {}


def _done(blank: Event, what: str, rev: Rev | None) -> Event:
    return replace(blank, text=f"{what} {blank.doc}, now {rev}", rev=str(rev))
