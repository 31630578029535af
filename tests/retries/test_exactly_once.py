"""Counters behind a network that loses, delays and duplicates: what counts right, and what does not.

The runs against one server in this process are short; the long ones do 5,000 increments against the real server, which
is killed in the middle.
"""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from docstore.testing import TestNode, run_node
from tests.crash.server_process import ServerProcess, check_findings
from tests.retries.counting import count, prepare
from tests.retries.fault_proxy import FaultProxy, Faults
from tests.retries.strategies import HELPED, PLAIN, Strategy

EXACT = [
    pytest.param(HELPED["Idempotency-Key"], False, id="key"),
    pytest.param(HELPED["lenient, with operation id"], False, id="lenient"),
    pytest.param(HELPED["`docstore.client`"], False, id="helper"),
    pytest.param(PLAIN["`docstore.client` with an operation id"], True, id="helper on CouchDB"),
]
INCREMENTS = 200
INCREMENTS_KILLED = 80
INCREMENTS_LONG = 5_000


@pytest.fixture
async def node() -> AsyncIterator[TestNode]:
    async with run_node() as running:
        await prepare(running.url)
        yield running


@pytest.mark.parametrize(("strategy", "plain"), EXACT)
async def test_every_increment_counts_once(node: TestNode, strategy: Strategy, plain: bool) -> None:
    async with FaultProxy(node.url, 1, plain=plain) as proxy:
        outcome = await count(proxy, strategy, INCREMENTS, 1)
        assert proxy.seen["lost reply"] > 0
        assert proxy.seen["duplicate"] > 0
    assert outcome.counted == outcome.believed


@pytest.mark.parametrize("increments", [INCREMENTS_KILLED, pytest.param(INCREMENTS_LONG, marks=pytest.mark.long)])
@pytest.mark.parametrize(("strategy", "plain"), EXACT)
async def test_every_increment_counts_once_though_the_server_is_killed(
    tmp_path: Path, strategy: Strategy, plain: bool, increments: int
) -> None:
    data = tmp_path / "data"
    with ExitStack() as servers:
        first = servers.enter_context(ServerProcess(data))
        await prepare(f"http://127.0.0.1:{first.port}")
        async with FaultProxy(f"http://127.0.0.1:{first.port}", 2, plain=plain) as proxy:

            async def kill() -> None:
                first.kill()
                proxy.upstream = f"http://127.0.0.1:{servers.enter_context(ServerProcess(data)).port}"

            outcome = await count(proxy, strategy, increments, 2, halfway=kill)
    assert outcome.counted == outcome.believed
    assert check_findings(data) == []


async def test_without_help_lost_answers_count_twice(node: TestNode) -> None:
    """A check of the test: its network is bad enough to be noticed."""
    async with FaultProxy(node.url, 3, plain=True) as proxy:
        outcome = await count(proxy, PLAIN["no answer: read and count again"], INCREMENTS, 3)
    assert outcome.doubled > 0


async def test_without_help_lost_requests_do_not_count(node: TestNode) -> None:
    async with FaultProxy(node.url, 4, Faults(duplicate=0), plain=True) as proxy:
        outcome = await count(proxy, PLAIN["no answer: assume it is done"], INCREMENTS, 4)
    assert outcome.lost > 0
