"""A link in front of a small server that notes what arrives."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from docstore.lab.links import LinkProxy, draw_fate
from docstore.lab.scenario import Quality
from docstore.lab.timeline import Kind
from docstore.lab.virtual_clock import VirtualClock

BODY = b"x" * 5_000
GOOD = Quality()


class Far:
    """The far node: answers with what it was sent, and remembers it."""

    def __init__(self) -> None:
        self.port = None
        self.arrived = []
        self.faults = []

    async def handle(self, request):
        body = await request.read()
        self.arrived.append((request.method, request.path, body))
        if request.path == "/chunked":
            reply = web.StreamResponse()
            reply.enable_chunked_encoding()
            await reply.prepare(request)
            for _ in range(3):
                await reply.write(BODY)
            return reply
        if request.path == "/short":
            reply = web.StreamResponse()
            reply.enable_chunked_encoding()
            await reply.prepare(request)
            await reply.write(b"few bytes")
            return reply
        return web.Response(body=body or BODY)

    def link(self, quality=GOOD, **options):
        options = {"seed": 1, "on_fault": lambda *fault: self.faults.append(fault)} | options
        return LinkProxy("a-b", lambda: self.port, quality, **options)


@asynccontextmanager
async def far_node():
    far = Far()
    runner = web.ServerRunner(web.Server(far.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    far.port = site._server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as far.session:
        yield far
    await runner.cleanup()


async def test_what_goes_over_a_good_link_is_not_changed():
    async with far_node() as far, far.link() as link:
        for _ in range(2):
            reply = await far.session.post(f"{link.url}/a", data=b"hello")
            assert await reply.read() == b"hello"
        assert await (await far.session.get(f"{link.url}/chunked")).read() == BODY * 3
        assert (await far.session.head(f"{link.url}/b")).headers["Content-Length"] == "5000"
        async with far.session.put(f"{link.url}/c", data=b"large", expect100=True) as reply:
            assert await reply.read() == b"large"

        async def pieces():
            yield b"in "
            yield b"pieces"

        assert await (await far.session.post(f"{link.url}/d", data=pieces())).read() == b"in pieces"
        methods = [method for method, *_ in far.arrived]
        assert methods == ["POST", "POST", "GET", "HEAD", "PUT", "POST"]
        assert link.requests == 6
        assert far.faults == []


async def test_a_lost_request_never_arrives():
    async with far_node() as far, far.link(Quality(lose=1)) as link:
        with pytest.raises(aiohttp.ClientError):
            await far.session.post(f"{link.url}/a", data=b"hello")
        assert far.arrived == []
        assert far.faults == [(Kind.LOST, "POST /a")]


@pytest.mark.parametrize("path", ["/a", "/chunked", "/short"])
async def test_a_cut_reply_is_of_something_that_happened_and_is_never_whole(path):
    async with far_node() as far:
        for seed in range(8):
            async with far.link(Quality(cut=1), seed=seed) as link:
                with pytest.raises(aiohttp.ClientError):
                    await (await far.session.get(link.url + path)).read()
        assert len(far.arrived) == 8
        assert far.faults == [(Kind.CUT, f"GET {path}")] * 8


async def test_a_duplicated_request_arrives_twice_and_is_answered_once():
    async with far_node() as far, far.link(Quality(duplicate=1)) as link:
        reply = await far.session.post(f"{link.url}/a?b=c", data=b"hello")
        assert await reply.read() == b"hello"
        assert await (await far.session.get(f"{link.url}/chunked")).read() == BODY * 3
        assert far.arrived == [("POST", "/a", b"hello")] * 2 + [("GET", "/chunked", b"")] * 2
        assert far.faults == [(Kind.DUPLICATE, "POST /a"), (Kind.DUPLICATE, "GET /chunked")]


async def test_a_partition_breaks_what_is_under_way_and_refuses_what_comes():
    async with far_node() as far, far.link() as link:
        await (await far.session.get(f"{link.url}/a")).read()
        link.partitioned = True
        with pytest.raises(aiohttp.ClientError):
            await far.session.get(f"{link.url}/a")
        link.partitioned = False
        assert await (await far.session.get(f"{link.url}/a")).read() == BODY
        assert len(far.arrived) == 2


async def test_a_node_that_is_down_is_not_reached():
    async with far_node() as far, far.link() as link:
        far.port = None
        with pytest.raises(aiohttp.ClientError):
            await far.session.get(f"{link.url}/a")


async def test_a_server_that_is_gone_breaks_the_connection():
    async with far_node() as far, far.link() as link:
        async with far_node() as other:
            far.port, gone = other.port, far.port
        with pytest.raises(aiohttp.ClientError):
            await far.session.get(f"{link.url}/a")
        far.port = gone
        assert (await far.session.get(f"{link.url}/a")).status == 200


async def test_delay_and_bandwidth_take_scenario_time_alone():
    clock = VirtualClock()
    async with far_node() as far, far.link(Quality(delay=600, bandwidth=5)) as link:
        link.worker = clock.worker()

        async def ask():
            started = asyncio.get_running_loop().time()
            reply = await far.session.post(f"{link.url}/a", data=b"x" * 1_000)
            body = await reply.read()
            link.worker.done()
            return len(body), asyncio.get_running_loop().time() - started

        asked = asyncio.create_task(ask())
        async with asyncio.timeout(10):
            await clock.run()
        length, took = await asked
        assert length == 1_000
        assert took < 5
        # There and back, the request's body, and the reply with its head.
        least = 2 * 600 + 2 * 1_000 / 5
        assert least < clock.now < least + 100


async def test_fates_depend_on_seed_link_and_number_alone():
    quality = Quality(lose=0.3, cut=0.3, duplicate=0.3)
    fates = [draw_fate("1/a-b", number, quality) for number in range(200)]
    assert fates == [draw_fate("1/a-b", number, quality) for number in range(200)]
    assert fates != [draw_fate("2/a-b", number, quality) for number in range(200)]
    for share in (
        sum(fate.lost for fate in fates),
        sum(fate.duplicated for fate in fates),
        sum(fate.cut is not None for fate in fates),
    ):
        assert 30 < share < 90


def test_a_better_link_has_no_fault_that_a_worse_one_lacks():
    bad, good = Quality(lose=0.5), Quality(lose=0.2)
    for number in range(100):
        assert draw_fate("1/x", number, bad).lost >= draw_fate("1/x", number, good).lost


async def test_after_a_disconnect_nothing_is_left():
    async with far_node() as far, far.link() as link:
        replies = [await far.session.get(f"{link.url}/a") for _ in range(3)]
        await link.disconnect()
        assert link.connections == 0
        for reply in replies:
            reply.close()
