"""The memory of requests in flight: one budget, in which each waits its turn."""

import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.json_text import JsonValue, decode, encode
from docstore.errors import Busy, TooLarge
from docstore.httpd import service
from docstore.httpd.wire.memory import Claim, Memory, cost_of_json
from docstore.settings import KIB, Limits
from docstore.testing import run_node
from tests.httpd.asking import Database

BUDGET, FREE = 1000, 100


def memory(wait: float = 60.0) -> Memory:
    return Memory(Limits(max_memory=BUDGET, max_small_memory=FREE, max_memory_wait=wait))


async def claimed(memory: Memory, held: int) -> Claim:
    claim = memory.claim()
    await claim.take(held)
    return claim


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# --- the budget


async def test_who_finds_no_room_waits_until_there_is_some() -> None:
    budget = memory()
    first = await claimed(budget, 800)
    second = asyncio.ensure_future(claimed(budget, 300))
    third = asyncio.ensure_future(claimed(budget, 150))
    await turns()
    assert not second.done()
    assert not third.done()  # there is room for it, but it came later
    first.keep(750)
    await turns()
    assert not second.done()
    first.keep(0)
    assert ((await second).held, (await third).held, budget.taken) == (300, 150, 450)


async def test_a_small_claim_never_waits() -> None:
    budget = memory()
    await claimed(budget, BUDGET)
    waiting = asyncio.ensure_future(claimed(budget, FREE + 1))
    await turns()
    assert (await claimed(budget, FREE)).held == FREE
    assert not waiting.done()
    waiting.cancel()


async def test_what_could_never_be_granted_is_refused_at_once() -> None:
    budget = memory()
    claim = await claimed(budget, 600)
    with pytest.raises(TooLarge):
        await claim.take(401)
    assert budget.taken == 600


async def test_who_waits_too_long_is_refused_and_nobody_waits_behind() -> None:
    budget = memory(wait=0.01)
    await claimed(budget, 900)
    with pytest.raises(Busy):
        await claimed(budget, 500)
    assert budget.taken == 900
    assert (await asyncio.wait_for(claimed(budget, 101 - 1), 5)).held == 100


async def test_a_waiter_that_is_cancelled_takes_nothing() -> None:
    budget = memory()
    first = await claimed(budget, 900)
    gone = asyncio.ensure_future(claimed(budget, 900))
    await turns()
    gone.cancel()
    await turns()
    first.keep(0)
    assert budget.taken == 0
    assert (await claimed(budget, BUDGET)).held == BUDGET


async def test_when_all_wait_for_each_other_the_oldest_goes_on_and_only_it() -> None:
    budget = memory()
    one, two = await claimed(budget, 450), await claimed(budget, 450)
    growing = [asyncio.ensure_future(claim.take(500)) for claim in (one, two)]
    await turns()
    assert [task.done() for task in growing] == [True, False]
    await one.take(50)
    one.keep(0)
    await turns()
    assert growing[1].done()
    assert budget.taken == 950


async def test_who_waits_for_a_client_does_not_keep_others_waiting() -> None:
    budget = memory()
    stalled = [await claimed(budget, 300) for _ in range(3)]
    for claim in stalled:
        claim.wait_for_client(True)
    beyond = await asyncio.wait_for(claimed(budget, 900), 5)
    other = asyncio.ensure_future(claimed(budget, 900))
    await turns()
    assert not other.done()  # one at a time
    beyond.keep(0)
    await asyncio.wait_for(other, 5)
    assert budget.taken == 1800


async def test_of_those_that_send_piece_by_piece_one_goes_beyond_the_budget() -> None:
    budget = memory(wait=0.01)
    favoured, *others = [await claimed(budget, 200) for _ in range(5)]
    for claim in (favoured, *others):
        claim.wait_for_client(True)
    for _ in range(3):
        await favoured.take(100)
        for claim in others:
            with pytest.raises(Busy):
                await claim.take(101)
    assert budget.taken == BUDGET + 300
    favoured.keep(0)
    await others[0].take(200)


# --- the estimate

LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=40)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=20), inner, max_size=30)
)


def size_of(value: JsonValue) -> int:
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(size_of(name) + size_of(one) for name, one in value.items())
    return size + sum(map(size_of, value)) if isinstance(value, list) else size


@given(st.lists(VALUES, min_size=1, max_size=20))
def test_what_is_estimated_is_no_less_than_what_it_takes(value: list[JsonValue]) -> None:
    text = encode(value)
    assert size_of(decode(text)) <= asyncio.run(cost_of_json(text)) + 64


async def test_a_long_text_is_counted_in_slices() -> None:
    text = b"[" + b",".join([b'{"a":[1]}'] * 200_000) + b"]"
    assert abs(await cost_of_json(text) - 200_000 * await cost_of_json(b'{"a":[1]},')) < 1000


# --- requests

LARGE = b'{"x":[' + b",".join([b"[]"] * 20_000) + b"]}"
ENDPOINTS = [
    ("POST", "/db/_bulk_docs"),
    ("POST", "/db/_bulk_get"),
    ("POST", "/db/_revs_diff"),
    ("POST", "/db/_missing_revs"),
    ("POST", "/db/_purge"),
    ("POST", "/db/_all_docs"),
    ("POST", "/db/_all_docs/queries"),
    ("POST", "/db/_design_docs"),
    ("POST", "/db/_local_docs/queries"),
    ("POST", "/db/_changes"),
    ("POST", "/db/_conflicts"),
    ("POST", "/db/_resolve"),
    ("POST", "/db/a/_resolve"),
    ("POST", "/db"),
    ("PUT", "/db/a"),
    ("PUT", "/db/_local/a"),
    ("PUT", "/db/_security"),
    ("POST", "/_dbs_info"),
    ("POST", "/_session"),
    ("POST", "/_replicate"),
]


class Noted(Memory):
    """A budget that tells when somebody took something, and when nobody holds anything any more."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.has_some, self.has_none = asyncio.Event(), asyncio.Event()

    def add(self, claim: Claim, more: int) -> None:
        super().add(claim, more)
        (self.has_some if self.taken else self.has_none).set()


@pytest.fixture
def budgets(monkeypatch: pytest.MonkeyPatch) -> list[Noted]:
    """The budgets of servers that are started."""
    made: list[Noted] = []

    class Made(Noted):
        def __init__(self, limits: Limits) -> None:
            super().__init__(limits)
            made.append(self)

    monkeypatch.setattr(service, "Memory", Made)
    return made


@pytest.fixture
async def small(budgets: list[Noted], tmp_path) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a server with little memory for requests."""
    limits = Limits(max_memory=1024 * KIB, max_small_memory=16 * KIB, max_memory_wait=0.01, max_documents=1000)
    async with run_node(data=tmp_path, limits=limits) as server, aiohttp.ClientSession(server.url) as client:
        async with client.put("/db") as created:
            assert created.status == 201
        yield client


async def ask(client: aiohttp.ClientSession, method: str, path: str, body: bytes, **headers: str):
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.request(method, path, data=body, headers=sent) as reply:
        return reply.status, await reply.read(), reply.headers


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_a_body_of_little_that_becomes_much_is_refused(small, budgets, method: str, path: str) -> None:
    assert len(LARGE) < 64 * KIB
    status, body, _ = await ask(small, method, path, LARGE)
    assert (status, json.loads(body)["error"]) == (413, "too_large")
    assert budgets[0].taken == 0


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_when_others_have_all_the_memory_it_is_told_when_to_come_again(small, budgets, method, path) -> None:
    others = budgets[0].claim()
    await others.take(budgets[0].limit)
    body = b'{"x":[' + b",".join([b"[]"] * 2_000) + b"]}"
    for accept in ("application/json", "application/problem+json"):
        status, text, headers = await ask(small, method, path, body, Accept=accept)
        assert (status, json.loads(text)["error"]) == (503, "service_unavailable")
        assert int(headers["Retry-After"]) > 0
    status, *_ = await ask(small, "PUT", "/db/small", b"{}")
    assert status == 201
    assert budgets[0].taken == budgets[0].limit
    others.keep(0)


async def test_an_upload_of_a_document_with_its_parts_is_counted(small, budgets) -> None:
    head = b'--x\r\nContent-Type: application/json\r\n\r\n{"a":"' + b"x" * 500_000 + b'"}\r\n--x--'
    status, *_ = await ask(small, "PUT", "/db/a", head, Content_Type='multipart/related; boundary="x"')
    assert status == 413
    assert budgets[0].taken == 0


async def test_memory_is_given_back_with_the_reply_however_it_ends(small, budgets) -> None:
    documents = {"docs": [{"_id": f"d{number:03}", "text": "x" * 100} for number in range(200)]}
    status, *_ = await ask(small, "POST", "/db/_bulk_docs", json.dumps(documents).encode())
    assert (status, budgets[0].taken) == (201, 0)
    wanted = {"docs": [{"id": f"d{number:03}"} for number in range(200)] * 4}
    status, body, _ = await ask(small, "POST", "/db/_bulk_get", json.dumps(wanted).encode())
    assert (status, len(body) > 64 * KIB, budgets[0].taken) == (200, True, 0)
    for broken in (b'{"docs":[' + b" " * 8_000, b'{"docs":[{"_id":1}]}' + b" " * 8_000):
        status, *_ = await ask(small, "POST", "/db/_bulk_docs", broken)
        assert (status, budgets[0].taken) == (400, 0)


async def test_a_client_that_leaves_while_it_sends_gives_back_what_it_sent(budgets) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"[" + b" " * 300_000
        await asyncio.Event().wait()

    async with run_node() as server, aiohttp.ClientSession(server.url) as client:
        sending = asyncio.ensure_future(
            client.post("/_replicate", data=pieces(), headers={"Content-Type": "application/json"})
        )
        await asyncio.wait_for(budgets[0].has_some.wait(), 10)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await asyncio.wait_for(budgets[0].has_none.wait(), 10)


# --- further limits


async def test_more_documents_than_the_limit(small) -> None:
    db = Database(small)
    answer = await db.post("_bulk_docs", {"docs": [{}] * 1001})
    assert answer.error == (413, "too_large", "The request has more than 1000 documents.")
    assert (await db.get("")).json["doc_count"] == 0
    assert Limits().max_documents == 100_000


@pytest.mark.parametrize("path", ["_bulk_docs", "_revs_diff"])
async def test_a_body_that_inflates_out_of_all_proportion(small, path: str) -> None:
    db = Database(small)
    packed = gzip.compress(b'{"docs":[' + b" " * 200_000 + b"]}")
    assert len(packed) * 100 < 200_000
    answer = await db.post(path, packed, Content_Encoding="gzip")
    assert answer.error[:2] == (413, "too_large")
    assert "100 times" in answer.error[2]
    little = gzip.compress(b'{"docs":[' + b" " * 60_000 + b"]}")  # beyond the ratio, and no matter
    assert (await db.post("_bulk_docs", little, Content_Encoding="gzip")).status == 201
