"""Request bodies: read with a limit, inflated with a limit, parsed off the event loop when they are large; or streamed.

Owns ``max_request_body``, Content-Encoding, Transfer-Encoding and ``Expect``. It must not know what a body means.
Follows ``chttpd:body`` and ``chttpd:maybe_decompress``.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from io import BytesIO

from aiohttp import hdrs
from aiohttp.http import HttpVersion11
from aiohttp.web import BaseRequest, RequestKey, RequestPayloadError

from docstore.core.json_cost import is_for_a_thread
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue, decode
from docstore.errors import BadRequest, ExpectationFailed, NotImplementedHere, TooLarge, UnsupportedMediaType
from docstore.httpd.wire.memory import Claim
from docstore.settings import KIB, MIB, Limits

SMALL = 4 * KIB
"""Bytes of a body up to which nobody counts what is made of it."""
GZIP_WINDOW = 16 + zlib.MAX_WBITS
CONTINUE = "100-continue"
CHUNKED = "chunked"
CONTINUED = RequestKey("continued", bool)
"""The request's own mark that its client was told to send the body."""
OTHER_CODINGS = "Of the transfer codings only chunked is supported."
INFLATED_AT_ONCE = 4 * MIB
OUT_OF_PROPORTION = "The request body inflates to more than {} times its size."
NOT_GZIP = "Request body is not properly gzipped."


def check_body_headers(raw: BaseRequest) -> None:
    """Refuse what cannot be met. Raises ExpectationFailed, NotImplementedHere; of HTTP/1.0 no expectation counts.

    The parser undoes ``chunked`` alone, and lets other codings before it pass: what they have made of a body must not
    be taken for it.
    """
    headers = raw.headers
    if hdrs.EXPECT in headers and raw.version >= HttpVersion11:
        asked = ",".join(headers.getall(hdrs.EXPECT)).strip().lower()
        if asked not in ("", CONTINUE):
            raise ExpectationFailed
    if raw.body_exists and _is_coded(raw):
        raise NotImplementedHere(OTHER_CODINGS)


def _is_coded(raw: BaseRequest) -> bool:
    return raw.headers.get(hdrs.TRANSFER_ENCODING, CHUNKED).strip().lower() != CHUNKED


def leaves_end_unsure(raw: BaseRequest) -> bool:
    """Whether the end of the request's body is not certain, so that the connection must end.

    So it is if a client waits for leave to send its body and was answered without, since nobody knows whether the body
    comes nevertheless; and if the body has other codings, which somebody before this server may have framed otherwise.
    """
    if raw.body_exists and _is_coded(raw):
        return True
    return not raw.content.is_eof() and raw.headers.get(hdrs.EXPECT, "").lower() == CONTINUE and CONTINUED not in raw


def body_at_hand(raw: BaseRequest, limits: Limits) -> bytes | None:
    """The whole body, if it has come already and is not encoded; it usually comes with the request. Raises TooLarge."""
    content = raw.content
    if not content.is_eof() or content.exception() is not None or hdrs.CONTENT_ENCODING in raw.headers:
        return None
    body = content.read_nowait()
    if len(body) > limits.max_request_body:
        raise TooLarge
    return body


def is_small(raw: BaseRequest) -> bool:
    """Whether the head says that the body has at most ``SMALL`` bytes, and is not encoded."""
    declared = raw.headers.get(hdrs.CONTENT_LENGTH)
    return declared is not None and int(declared) <= SMALL and hdrs.CONTENT_ENCODING not in raw.headers


async def read_small(raw: BaseRequest, limits: Limits) -> bytes:
    """The whole body, where ``is_small``: nobody counts what it takes. Raises TooLarge, BadRequest, ConnectionError."""
    if int(raw.headers[hdrs.CONTENT_LENGTH]) > limits.max_request_body:
        raise TooLarge
    if hdrs.EXPECT in raw.headers:
        await _continue(raw)
    content = raw.content
    try:
        body = await content.readany()
        while not content.at_eof():
            body += await content.readany()
    except RequestPayloadError as error:
        raise _broken(error) from None
    return body


async def read_body(raw: BaseRequest, limits: Limits, claim: Claim) -> bytes:
    """The whole body, inflated; its bytes are claimed as they come. Raises as ``read_sent`` and ``inflated``."""
    check_coding(raw)
    return await inflated(raw, await read_sent(raw, limits, claim), limits, claim)


async def read_sent(raw: BaseRequest, limits: Limits, claim: Claim) -> bytes:
    """The whole body as it was sent. Raises TooLarge as soon as it is known to exceed ``max_request_body``; Busy."""
    return await _read(raw, limits.max_request_body, claim)


def check_coding(raw: BaseRequest) -> str:
    """How the body is encoded. Raises UnsupportedMediaType for an encoding that is neither gzip nor ``identity``."""
    encoding: str = raw.headers.get(hdrs.CONTENT_ENCODING, "identity").lower()
    if encoding not in ("gzip", "identity"):
        raise UnsupportedMediaType(f"{encoding} is not a supported content encoding.")
    return encoding


async def inflated(raw: BaseRequest, sent: bytes, limits: Limits, claim: Claim) -> bytes:
    """What a body that was sent so says.

    Raises TooLarge beyond ``max_request_body``, or ``max_inflation`` times its size; BadRequest for a broken one; Busy;
    as ``check_coding``.
    """
    return sent if check_coding(raw) == "identity" else await inflate(sent, limits, claim)


async def stream_body(raw: BaseRequest) -> AsyncGenerator[bytes]:
    """The body piece by piece, as it comes and encoded as it comes; the client is held back while nobody asks for more.

    How large a piece is depends on the network; the connection holds a few hundred KiB. Raises BadRequest for a broken
    body, ConnectionError when the client leaves.
    """
    await _continue(raw)
    content = raw.content
    try:
        while True:
            piece, _ = await content.readchunk()  # other than readany, it joins nothing
            if piece:
                yield piece
            elif content.at_eof():
                return
    except RequestPayloadError as error:
        raise _broken(error) from None


def declared_length(raw: BaseRequest) -> int | None:
    """How many bytes the body has, if the request says so before it sends them."""
    declared = raw.headers.get(hdrs.CONTENT_LENGTH)
    return None if declared is None else int(declared)


async def parse_json(body: bytes, limits: Limits) -> JsonValue:
    """The body as JSON; what is long or costly in a thread. Raises InvalidJson, BadRequest."""
    if not is_for_a_thread(body, limits):
        return decode(body, max_depth=limits.max_json_depth)
    return await asyncio.to_thread(decode_in_slices, body, max_depth=limits.max_json_depth)


async def inflate(body: bytes, limits: Limits, claim: Claim) -> bytes:
    """Gzip members, one after the other. A short result is made on the loop, the rest of a longer one in a thread."""
    most = max(limits.max_small_inflation, limits.max_inflation * len(body))
    told = OUT_OF_PROPORTION.format(limits.max_inflation) if most < limits.max_request_body else None
    inflation = _Inflation(body, min(most, limits.max_request_body), told)
    await claim.take(limits.parse_off_loop_from)
    inflation.run(limits.parse_off_loop_from)
    until = limits.parse_off_loop_from
    while not inflation.done:
        await claim.take(INFLATED_AT_ONCE)
        until += INFLATED_AT_ONCE
        await asyncio.to_thread(inflation.run, until)
    inflated = inflation.result()
    claim.keep(len(inflated))
    return inflated


class _Inflation:
    """A gzip body on its way to plain bytes, at most ``limit`` of them."""

    def __init__(self, body: bytes, limit: int, too_large: str | None) -> None:
        self._rest = body
        self._limit = limit
        self._too_large = too_large
        self._inflated = BytesIO()
        self._size = 0
        self._member = zlib.decompressobj(GZIP_WINDOW)
        self.done = False

    def run(self, until: int) -> None:
        """Inflate until there are more than ``until`` bytes, or all. Raises TooLarge, BadRequest."""
        try:
            until = min(until, self._limit)
            while not self.done and self._size <= until:
                self._step(until + 1 - self._size)
        except zlib.error:
            raise BadRequest(NOT_GZIP) from None
        if self._size > self._limit:
            raise TooLarge(self._too_large)

    def _step(self, room: int) -> None:
        made = self._inflated.write(self._member.decompress(self._rest, room))
        self._size += made
        if self._member.eof:
            self._rest = self._member.unused_data
            self.done = not self._rest
            self._member = zlib.decompressobj(GZIP_WINDOW)
        elif not made:
            raise BadRequest(NOT_GZIP)  # it ends in the middle of a member
        else:
            self._rest = self._member.unconsumed_tail

    def result(self) -> bytes:
        return self._inflated.getvalue()


async def _read(raw: BaseRequest, limit: int, claim: Claim) -> bytes:
    declared = declared_length(raw)
    if declared is not None and declared > limit:
        raise TooLarge
    await _continue(raw)
    content = raw.content
    try:
        first = await content.readany()
        if content.at_eof():
            if len(first) > limit:
                raise TooLarge
            await claim.take(len(first))
            return first
        await claim.take(len(first))
        body = BytesIO()  # unlike a bytearray, it hands its bytes out without copying them
        size = body.write(first)
        claim.wait_for_client(True)
        while size <= limit and (chunk := await content.readany()):
            await claim.take(len(chunk))
            size += body.write(chunk)
    except RequestPayloadError as error:
        raise _broken(error) from None
    finally:
        claim.wait_for_client(False)
    if size > limit:
        raise TooLarge
    return body.getvalue()


def _broken(error: RequestPayloadError) -> BadRequest:
    return BadRequest(f"The request body is broken: {error}")


async def _continue(raw: BaseRequest) -> None:
    """Tell a client that waits for leave to send its body to go on (RFC 9110, 10.1.1)."""
    if raw.headers.get(hdrs.EXPECT, "").lower() == CONTINUE and raw.version == HttpVersion11 and CONTINUED not in raw:
        raw[CONTINUED] = True
        await raw.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        raw.writer.output_size = 0  # the reply proper is still to come
