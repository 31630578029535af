"""What is done to a request before it is processed, or instead.

Owns delays, stalls, closed and reset connections, and the words of the errors that are answered. It must not know which
requests are hit.
"""

import os
import socket
import struct
from collections.abc import Sequence
from random import Random
from typing import Final

from aiohttp.web import BaseRequest

from docstore.core.cloudant.throughput import RequestClass, refusal
from docstore.double.actions import Answer, Delay, Drop, Reset, Stall, Throttle
from docstore.double.facts import Facts
from docstore.double.faults import Fault, Hit
from docstore.double.waiting import Waiting, wait
from docstore.httpd.replies import Header, Reply, json_reply

LITE: Final = {RequestClass.READ: 20, RequestClass.WRITE: 10, RequestClass.QUERY: 5, RequestClass.UNLIMITED: 5}
"""Requests a second of Cloudant's free plan, which a 429 names that no limit is behind."""

WORDS: Final = {
    400: ("bad_request", "invalid UTF-8 JSON"),
    401: ("unauthorized", "You are not authorized to access this db."),
    403: ("forbidden", "You are not allowed to access this db."),
    404: ("not_found", "missing"),
    405: ("method_not_allowed", "Only DELETE,GET,HEAD,POST allowed"),
    406: ("not_acceptable", "The requested representation is not available."),
    408: ("request_timeout", "The request took too long."),
    409: ("conflict", "Document update conflict."),
    412: ("precondition_failed", "The precondition is not met."),
    413: ("too_large", "the request entity is too large"),
    415: ("bad_content_type", "Content-Type must be application/json"),
    500: ("internal_server_error", "The server has met an error."),
    502: ("bad_gateway", "The server behind this one gave no answer."),
    503: ("service_unavailable", "The service is not available."),
    504: ("timeout", "The request could not be processed in a reasonable amount of time."),
}
OTHERS: Final = ("unknown_error", "undefined")
FILE_EXISTS: Final = ("file_exists", "The database could not be created, the file already exists.")
NO_DATABASE: Final = ("not_found", "Database does not exist.")

LINGER_NOT: Final = struct.pack("ii", 1, 0)


async def before(raw: BaseRequest, facts: Facts, hits: Sequence[Hit]) -> Reply | None:
    """Do to a request what comes before; the reply if there is one already. Raises ConnectionError where it ends."""
    for hit in hits:
        action = hit.action
        if isinstance(action, Delay):
            await wait(raw, action.seconds + action.jitter * Random(hit.draw).random(), Waiting())
        elif isinstance(action, Stall) and action.when == "before":
            await stall(raw, hit.fault)
        elif isinstance(action, Drop):
            raise Dropped
        elif isinstance(action, Reset) and action.when == "before":
            reset(raw)
        elif isinstance(action, Answer):
            return error_reply(action, facts)
        elif isinstance(action, Throttle):
            return throttled(hit.fault, facts)
    return None


class Dropped(ConnectionResetError):
    """The connection is closed, since a rule says so."""

    outcome = "dropped"


class WasReset(ConnectionResetError):
    """The connection was reset, since a rule says so."""

    outcome = "reset"


async def stall(raw: BaseRequest, fault: Fault) -> None:
    """Wait until the rule is taken away."""
    waiting = Waiting(for_ever=True)
    with fault.stalls(waiting.event):
        await wait(raw, None, waiting)


def reset(raw: BaseRequest) -> None:
    """End the connection by a RST. Raises WasReset."""
    transport = raw.transport
    if transport is not None:
        number = os.dup(transport.get_extra_info("socket").fileno())
        with socket.socket(fileno=number) as same:  # what is set on it holds for the connection
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        transport.abort()
    raise WasReset


def error_reply(action: Answer, facts: Facts) -> Reply:
    """The error of a rule, in CouchDB's words unless the rule has its own."""
    headers: list[Header] = list(action.headers.items())
    if action.retry_after is not None:
        headers.append(("Retry-After", str(action.retry_after)))
    if action.body is not None:
        return Reply(action.status, action.body.encode(), content_type=action.content_type, headers=headers)
    error, reason = _words(action.status, facts)
    if action.status == 429 and action.error is None and action.reason is None:
        request_class = facts.cost().request_class
        return json_reply(dict(refusal(request_class, LITE[request_class])), 429, headers=headers)
    told = {"error": action.error or error, "reason": action.reason or reason}
    return json_reply(dict(told), action.status, headers=headers)


def _words(status: int, facts: Facts) -> tuple[str, str]:
    if facts.endpoint == "database" and status == 412:
        return FILE_EXISTS
    if status == 404 and facts.database and not facts.document:
        return NO_DATABASE
    return WORDS.get(status, OTHERS)


def throttled(fault: Fault, facts: Facts) -> Reply:
    """The refusal of a rule that limits the throughput."""
    request_class = facts.cost().request_class
    windows = fault.windows
    assert windows is not None
    return json_reply(dict(refusal(request_class, windows.limits[request_class])), 429)
