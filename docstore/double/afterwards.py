"""What is done to an answer when the request was processed.

Owns answers that are dropped, held back, broken, cut off and slowed down; the rows of feeds go to ``feeds.py``. It must
not know which requests are hit. Whatever becomes of the answer, what was asked for is done.
"""

from asyncio import sleep
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial

from aiohttp.web import BaseRequest

from docstore.double.actions import BrokenJson, DropReply, Reset, SlowBody, Stall, Truncate
from docstore.double.before import Dropped, reset, stall
from docstore.double.facts import Facts
from docstore.double.faults import Hit
from docstore.double.feeds import FEED_ACTIONS, changed_feed
from docstore.double.waiting import Waiting, wait
from docstore.httpd.replies import Reply
from docstore.httpd.wire.streaming import StreamReply

Change = Callable[[AsyncGenerator[bytes]], AsyncGenerator[bytes]]


async def afterwards(
    raw: BaseRequest, facts: Facts, hits: Sequence[Hit], reply: Reply | StreamReply
) -> Reply | StreamReply:
    """The answer as it is sent. Raises ConnectionError where there is none."""
    try:
        for hit in hits:
            reply = await _after(raw, facts, hit, reply)
    except ConnectionError:
        if isinstance(reply, StreamReply):
            await reply.abandon()
        raise
    return reply


async def _after(raw: BaseRequest, facts: Facts, hit: Hit, reply: Reply | StreamReply) -> Reply | StreamReply:
    action = hit.action
    if isinstance(action, DropReply):
        raise Dropped
    if isinstance(action, Reset) and action.when == "after":
        reset(raw)
    if isinstance(action, Stall) and action.when == "after":
        await stall(raw, hit.fault)
    if isinstance(action, BrokenJson):
        return await _broken(action, reply)
    if isinstance(action, Truncate):
        return await changed(reply, partial(_cut, _half(action, reply)), raw)
    if isinstance(action, SlowBody):
        is_endless = isinstance(reply, StreamReply) and reply.feed
        return await changed(reply, partial(_slowly, action, None if is_endless else raw), raw)
    if isinstance(action, FEED_ACTIONS):
        return await changed(reply, partial(changed_feed, hit, facts), raw, keeps_length=False)
    return reply


async def changed(
    reply: Reply | StreamReply, change: Change, raw: BaseRequest, *, keeps_length: bool = True
) -> StreamReply:
    """An answer whose body is changed on its way."""
    if isinstance(reply, Reply):
        whole = reply
        length = len(whole.body) if keeps_length else None
        reply = StreamReply(
            _piece(whole.body),
            status=whole.status,
            content_type=whole.content_type or "",
            headers=whole.headers,
            etag=whole.etag,
            cache_control=whole.cache_control,
            length=length,
        )
        reply.content_type = whole.content_type
        reply.request_id, reply.body_time, reply.keep_alive = whole.request_id, whole.body_time, whole.keep_alive
        await reply.begin(raw.method)
    reply.change(change, keeps_length=keeps_length)
    return reply


async def _piece(body: bytes) -> AsyncGenerator[bytes]:
    yield body


async def _broken(action: BrokenJson, reply: Reply | StreamReply) -> Reply:
    if isinstance(reply, StreamReply):
        await reply.abandon()
    status = reply.status if action.status is None else action.status
    made = Reply(status, action.text.encode(), headers=reply.headers, cache_control=reply.cache_control)
    made.request_id = reply.request_id
    return made


def _half(action: Truncate, reply: Reply | StreamReply) -> int | None:
    if action.at is not None:
        return action.at
    return len(reply.body) // 2 if isinstance(reply, Reply) else None


async def _cut(at: int | None, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The first bytes, then the end of the connection. ``at`` None is half of the first piece."""
    sent = 0
    async with aclosing(pieces):
        async for piece in pieces:
            if at is None:
                at = len(piece) // 2
            if sent + len(piece) > at:
                yield piece[: at - sent]
                raise Dropped
            sent += len(piece)
            yield piece


async def _slowly(action: SlowBody, raw: BaseRequest | None, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Some bytes at a time. A feed is cancelled when its client leaves; others look for that while they wait."""
    async with aclosing(pieces):
        async for piece in pieces:
            for begin in range(0, len(piece), action.size):
                if raw is None:
                    await sleep(action.seconds)
                else:
                    await wait(raw, action.seconds, Waiting())
                yield piece[begin : begin + action.size]
