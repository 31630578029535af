"""Edits on their way through a gate: who is refused, and what a change of the rules in between does."""

import asyncio

import pytest

from docstore.core.answers import RulesChanged
from docstore.core.edit import Edit
from docstore.database import write_gate
from docstore.database.commands import EditDocuments
from docstore.database.write_gate import MIN_ROUNDS, Verdict, submit_through
from docstore.errors import DocstoreError, Forbidden
from tests.database.helpers import document

EDITS = [Edit(name, None, False, b"{}", b"") for name in "abc"]


async def refuse_b(edits, new_edits):
    """Refuses ``b``, by rules of the first design_seq."""
    return Verdict([Forbidden() if edit.id == "b" else edit for edit in edits], 1)


async def test_what_is_refused_is_not_submitted():
    submitted = []

    async def submit(edits, design_seq, refusals):
        submitted.append(([edit.id for edit in edits], design_seq, refusals))
        return [f"did {edit.id}" for edit in edits]

    answers = await submit_through(refuse_b, EDITS, submit, new_edits=True)
    assert [answers[0], answers[2]] == ["did a", "did c"]
    assert isinstance(answers[1], Forbidden)
    assert submitted == [(["a", "c"], 1, ())]


async def test_of_a_whole_request_all_are_submitted_and_the_refused_are_named():
    async def submit(edits, design_seq, refusals):
        assert [edit.id for edit in edits] == ["a", "b", "c"]
        [refusal] = refusals
        assert (refusal.place, refusal.error) == (1, "forbidden")
        return ["did a", DocstoreError(), "did c"]

    answers = await submit_through(refuse_b, EDITS, submit, new_edits=True, whole=True)
    assert isinstance(answers[1], Forbidden)


async def test_what_comes_after_a_change_is_judged_again():
    judged = []

    async def check(edits, new_edits):
        judged.append([edit.id for edit in edits])
        return Verdict(list(edits), len(judged))

    async def submit(edits, design_seq, refusals):
        if design_seq == 1:
            return ["did a", RulesChanged(), RulesChanged()]
        if design_seq == 2:
            raise RulesChanged
        return [f"did {edit.id}" for edit in edits]

    assert await submit_through(check, EDITS, submit, new_edits=True) == ["did a", "did b", "did c"]
    assert judged == [["a", "b", "c"], ["b", "c"], ["b", "c"]]


@pytest.mark.parametrize("whole", [False, True])
async def test_rules_that_change_all_the_time(whole, monkeypatch):
    monkeypatch.setattr(write_gate, "PATIENCE", 0)
    rounds = []

    async def check(edits, new_edits):
        rounds.append(1)
        return Verdict(list(edits), 0)

    async def submit(edits, design_seq, refusals):
        raise RulesChanged

    if whole:
        with pytest.raises(RulesChanged):
            await submit_through(check, EDITS, submit, new_edits=True, whole=True)
    else:
        answers = await submit_through(check, EDITS, submit, new_edits=True)
        assert all(isinstance(answer, RulesChanged) for answer in answers)
    assert len(rounds) == MIN_ROUNDS


async def test_a_command_that_was_judged_before_a_design_document_changed_is_refused(node, db):
    """In ``apply`` itself: the number in the command against that in the table."""
    await db.update_doc(document("_design/d", n=1))
    state_seq = db.update_seq()
    edit = EDITS[0]._replace(term=document("a").term)
    late = await node.writer.submit(EditDocuments(db.number, (edit,), design_seq=state_seq - 1))
    assert isinstance(late[0], RulesChanged)
    in_time = await node.writer.submit(EditDocuments(db.number, (edit,), design_seq=state_seq))
    assert in_time[0].generation == 1


async def test_many_design_documents_at_once_are_all_written(node, db):
    """Each round one of them wins, so there are more rounds than anybody else is given."""
    names = [f"_design/d{number}" for number in range(3 * MIN_ROUNDS)]
    results = await asyncio.gather(*(db.update_doc(document(name)) for name in names))
    assert [str(result.rev)[:2] for result in results] == ["1-"] * len(names)
