"""The journal as an HTTP archive, HAR 1.2.

Owns that format: its members, and what stands where nothing is known (-1). It must not know the journal's bounds.
"""

from base64 import b64encode
from codecs import getincrementaldecoder
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from docstore import __version__
from docstore.double.entries import Entry, Pairs
from docstore.httpd.replies import phrase_of

VERSION: Final = "1.2"
UNKNOWN: Final = -1


def har(entries: Sequence[Entry]) -> dict[str, Any]:
    """The archive of these requests."""
    return {
        "log": {
            "version": VERSION,
            "creator": {"name": "docstore", "version": __version__},
            "entries": [_entry(entry) for entry in entries],
        }
    }


def _entry(entry: Entry) -> dict[str, Any]:
    milliseconds = round((entry.seconds or 0) * 1000, 3)
    return {
        "startedDateTime": datetime.fromtimestamp(entry.time, UTC).isoformat(timespec="milliseconds"),
        "time": milliseconds,
        "request": _request(entry),
        "response": _response(entry),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "_number": entry.number,
        "_rules": list(entry.rules),
        "_outcome": entry.outcome,
    }


def _request(entry: Entry) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in entry.headers.items()}
    host = headers.get("host", "localhost")
    made = {
        "method": entry.method,
        "url": entry.target if "://" in entry.target.partition("?")[0] else f"http://{host}{entry.target}",
        "httpVersion": f"HTTP/{entry.version.major}.{entry.version.minor}",
        "cookies": [],
        "headers": _named(entry.headers.items()),
        "queryString": _named(entry.query.items()),
        "headersSize": UNKNOWN,
        "bodySize": entry.body_size,
    }
    if entry.body_size:
        made["postData"] = {"mimeType": headers.get("content-type", ""), "text": entry.text}
    return made


def _response(entry: Entry) -> dict[str, Any]:
    status = entry.status or 0
    content = {
        "size": UNKNOWN if entry.reply_size is None else entry.reply_size,
        "mimeType": dict(entry.reply_headers).get("Content-Type", ""),
        **_text(entry.reply_body),
    }
    return {
        "status": status,
        "statusText": phrase_of(status) if status else entry.outcome,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _named(entry.reply_headers),
        "content": content,
        "redirectURL": "",
        "headersSize": UNKNOWN,
        "bodySize": UNKNOWN if entry.reply_size is None else entry.reply_size,
    }


def _text(body: bytes) -> dict[str, str]:
    """The beginning of an answer's body: as it is, though its last letter may be cut; what is no text in base64."""
    try:
        return {"text": getincrementaldecoder("utf-8")().decode(body)}
    except UnicodeDecodeError:
        return {"text": b64encode(body).decode(), "encoding": "base64"}


def _named(pairs: Pairs | Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": str(name), "value": value} for name, value in pairs]
