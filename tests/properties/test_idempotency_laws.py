"""Remembered writes under any sequence of keys, retries and expiries, against a model that is a list.

The machine submits groups of edits under few keys, new ones and ones that it has submitted before, lets time pass,
forgets what has expired, and starts the node anew. What is answered, and what is in the documents, must be as the model
says, which carries out one command after another; so an effect happens once for each time that its key was new. After
every step the store must pass the check.
"""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.database.apply.remembered import Answer, ExpireReplies, Receipt, Remembered
from docstore.database.apply.reply_forms import WrittenForm
from docstore.database.commands import EditDocuments
from docstore.errors import Conflict, IdempotencyKeyReused
from docstore.node import Node
from docstore.storage.remembered import STEP_EXPIRED
from tests.database import helpers
from tests.storage_findings import storage_findings

LIFETIME = 10
MANY = 100

DOCUMENTS = "abc"


@dataclass(frozen=True)
class Request:
    """An edit of a document on the revision that its client knew; ``n`` tells requests apart."""

    key: str
    user: str
    doc_id: str
    parent: Rev | None
    n: int
    max_replies: int

    def command(self, number: int, now: int) -> Remembered:
        sent = helpers.document(self.doc_id, self.parent, n=self.n)
        edit = Edit(sent.id, sent.rev, sent.deleted, sent.body, sent.term, path=sent.path)
        fingerprint = f"{self.doc_id}{self.n}{self.parent}".encode().ljust(32)[:32]
        receipt = Receipt("db", self.user, self.key, fingerprint, now, now + LIFETIME, self.max_replies, 1 << 20)
        return Remembered(receipt, (EditDocuments(number, (edit,)),), WrittenForm(self.doc_id, 201))


@dataclass
class Model:
    """Winners by document, and what is remembered: (key with user, request, revision, expiry), the oldest first."""

    winners: dict[str, Rev | None] = field(default_factory=lambda: dict.fromkeys(DOCUMENTS))
    remembered: list[tuple[tuple[str, str], Request, Rev, int]] = field(default_factory=list)
    effects: int = 0

    def expect(self, request: Request, now: int) -> str:
        """What becomes of a request, but for its revision."""
        for key, other, _, expires in self.remembered:
            if key == (request.user, request.key) and expires > now:
                same = (other.doc_id, other.n, other.parent) == (request.doc_id, request.n, request.parent)
                return "replay" if same else "reused"
        return "effect" if self.winners[request.doc_id] == request.parent else "conflict"

    def revision_of(self, request: Request) -> Rev:
        return next(rev for key, _, rev, _ in self.remembered if key == (request.user, request.key))

    def keep(self, request: Request, rev: Rev, now: int) -> None:
        self.effects += 1
        self.winners[request.doc_id] = rev
        key = (request.user, request.key)
        self.remembered = [entry for entry in self.remembered if entry[0] != key]
        self.remembered.append((key, request, rev, now + LIFETIME))
        del self.remembered[: max(len(self.remembered) - request.max_replies, 0)]
        for _ in range(STEP_EXPIRED):
            if self.remembered and self.remembered[0][3] <= now:
                del self.remembered[0]

    def forget(self, now: int) -> None:
        while self.remembered and self.remembered[0][3] <= now:
            del self.remembered[0]


class RememberingMachine(RuleBasedStateMachine):
    """``sent`` is every request so far, for retries."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.node = Node(helpers.settings(Path(self.folder.name)))
        self.run(self.node.start())
        self.number = self.run(self.node.registry.create("db")).number
        self.model = Model()
        self.sent: list[Request] = []
        self.now = 0

    def run(self, awaitable):
        return self.runner.run(awaitable)

    def teardown(self) -> None:
        self.run(self.node.stop())
        self.runner.close()
        self.folder.cleanup()

    @rule(data=st.data(), size=st.integers(1, 6))
    def submit(self, data: st.DataObject, size: int) -> None:
        """Some requests, in one group if the writer takes them together."""
        requests = [self.draw_request(data) for _ in range(size)]
        times = [self.now + data.draw(st.integers(-1, 1)) for _ in requests]

        async def submit_all() -> list[object]:
            commands = [one.command(self.number, now) for one, now in zip(requests, times, strict=True)]
            waiting = [self.node.writer.submit(command) for command in commands]
            return await asyncio.gather(*waiting, return_exceptions=True)

        for request, now, result in zip(requests, times, self.run(submit_all()), strict=True):
            self.compare(request, now, result)

    def draw_request(self, data: st.DataObject) -> Request:
        if self.sent and data.draw(st.booleans()):
            return data.draw(st.sampled_from(self.sent))
        doc_id = data.draw(st.sampled_from(DOCUMENTS))
        request = Request(
            data.draw(st.sampled_from("klmn")),
            data.draw(st.sampled_from(["", "sue"])),
            doc_id,
            self.model.winners[doc_id],
            data.draw(st.integers(0, 2)),
            data.draw(st.sampled_from([1, 2, MANY])),
        )
        self.sent.append(request)
        return request

    def compare(self, request: Request, now: int, result: object) -> None:
        match self.model.expect(request, now):
            case "reused":
                assert isinstance(result, IdempotencyKeyReused)
            case "conflict":
                assert isinstance(result, Conflict)
            case "replay":
                assert isinstance(result, Answer)
                assert result.results is None
                assert str(self.model.revision_of(request)).encode() in result.reply.body
            case _:
                assert isinstance(result, Answer)
                assert result.results is not None
                [[rev]] = result.results
                assert str(rev).encode() in result.reply.body
                self.model.keep(request, rev, now)

    @rule(step=st.integers(0, LIFETIME))
    def let_time_pass(self, step: int) -> None:
        self.now += step

    @rule()
    def forget(self) -> None:
        assert self.run(self.submit_one(ExpireReplies(self.now))) is None
        self.model.forget(self.now)

    async def submit_one(self, command: object) -> object:
        return await self.node.writer.submit(command)

    @rule()
    def start_anew(self) -> None:
        self.run(self.node.stop())
        self.node = Node(helpers.settings(Path(self.folder.name)))
        self.run(self.node.start())

    @invariant()
    def every_effect_happened_once(self) -> None:
        database = self.node.registry.open("db")
        assert database.update_seq() == self.model.effects
        for doc_id, rev in self.model.winners.items():
            head = database.head(doc_id)
            assert (None if head is None else head.winner) == rev
        assert storage_findings(self.node) == []


EXAMPLES = pytest.mark.parametrize("examples", [15, pytest.param(300, marks=pytest.mark.long)])


@EXAMPLES
def test_every_effect_happens_once_for_each_time_that_its_key_is_new(examples: int) -> None:
    usual = settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(RememberingMachine, settings=usual)
