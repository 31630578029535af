"""Requests and answers of scenarios, as bytes on the wire.

Owns how a step becomes a request and how an answer becomes something that can be compared. It uses the standard
library's plain connection, because the paths of the scenarios are meant to arrive exactly as they stand.
"""

import base64
import hashlib
import http.client
import json
import re
import urllib.parse
from dataclasses import dataclass
from typing import Any

from tests.conformance.matching import loads

Variables = dict[str, Any]
Step = dict[str, Any]

COMPARED_HEADERS = (
    "Content-Type", "ETag", "Location", "Cache-Control", "Accept-Ranges", "Content-Range", "Content-Encoding",
    "Content-MD5", "Content-Disposition", "X-Couch-Update-NewRev", "X-Couch-Id", "WWW-Authenticate", "Allow",
    "Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
    "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Vary", "X-Test",
)  # fmt: skip
SOCKET_TIMEOUT_SECONDS = 25
PATH_SAFE = "%/?&=+:,;@!$'()*~-._"
TEXT_LONGEST = 4000
VARIABLE = re.compile(r"\$\{(enc:)?([A-Za-z_][A-Za-z0-9_]*)\}")
BOUNDARY = re.compile(r'boundary="?([^";]+)"?')


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``headers`` in the order and spelling of the wire."""

    method: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def substitute(value: Any, variables: Variables) -> Any:
    """The value with every ``${name}`` in it replaced; ``${enc:name}`` is percent-encoded. Unknown names stay."""
    if isinstance(value, str):
        whole = VARIABLE.fullmatch(value)
        if whole and not whole.group(1) and whole.group(2) in variables:
            return variables[whole.group(2)]
        return VARIABLE.sub(lambda match: _variable_text(match, variables), value)
    if isinstance(value, list):
        return [substitute(item, variables) for item in value]
    if isinstance(value, dict):
        return {substitute(name, variables): substitute(item, variables) for name, item in value.items()}
    return value


def _variable_text(match: re.Match[str], variables: Variables) -> str:
    value = variables.get(match.group(2))
    if value is None:
        return match.group(0)
    text = value if isinstance(value, str) else json.dumps(value)
    return urllib.parse.quote(text, safe="") if match.group(1) else text


def send(host: str, credentials: str | None, step: Step, variables: Variables) -> Answer:
    """Send a step's request to ``host`` ("name:port") and read the whole answer."""
    body, content_type = _body(step, variables)
    headers = {"Accept": "application/json"}
    if content_type is not None:
        headers["Content-Type"] = content_type
    credentials = step.get("auth", credentials)
    if credentials:
        encoded = base64.b64encode(substitute(credentials, variables).encode()).decode()
        headers["Authorization"] = f"Basic {encoded}"
    for name, value in step.get("headers", {}).items():
        headers = {key: kept for key, kept in headers.items() if key.lower() != name.lower()}
        if value is not None:
            headers[name] = substitute(value, variables)
    path = urllib.parse.quote(substitute(step["path"], variables), safe=PATH_SAFE)
    return _exchange(host, step, path, headers, body)


def _exchange(host: str, step: Step, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
    names = {name.lower() for name in headers}
    connection = http.client.HTTPConnection(host, timeout=step.get("socket_timeout", SOCKET_TIMEOUT_SECONDS))
    try:
        connection.putrequest(step["method"], path, skip_accept_encoding=True, skip_host="host" in names)
        for name, value in headers.items():
            connection.putheader(name, value.encode())
        if not names & {"content-length", "transfer-encoding"}:
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            elif step["method"] in {"PUT", "POST", "COPY"}:
                connection.putheader("Content-Length", "0")
        connection.endheaders(body)
        response = connection.getresponse()
        try:
            data = response.read()
        except http.client.IncompleteRead as error:
            data = error.partial
        return Answer(step["method"], response.status, response.getheaders(), data)
    finally:
        connection.close()


def _body(step: Step, variables: Variables) -> tuple[bytes | None, str | None]:
    """A step's request body and the content type that goes with it."""
    if "body" in step:
        text = json.dumps(substitute(step["body"], variables), ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass"), "application/json"
    if "text" in step:
        return substitute(step["text"], variables).encode("utf-8", "surrogatepass"), "application/json"
    if "base64" in step:
        return base64.b64decode(step["base64"]), "application/octet-stream"
    if "multipart" in step:
        return _multipart_body(step["multipart"], variables)
    return None, None


def _multipart_body(multipart: dict[str, Any], variables: Variables) -> tuple[bytes, str]:
    boundary = multipart.get("boundary", "abc123")
    out = bytearray()
    for part in multipart["parts"]:
        out += f"--{boundary}\r\n".encode()
        for name, value in part.get("headers", {}).items():
            out += f"{name}: {substitute(value, variables)}\r\n".encode()
        content, _ = _body({"body": part["json"]} if "json" in part else part, variables)
        out += b"\r\n" + (content or b"") + b"\r\n"
    out += f"--{boundary}--".encode()
    return bytes(out), f'multipart/{multipart.get("subtype", "related")};boundary="{boundary}"'


def observe(answer: Answer, ignored_headers: list[str]) -> dict[str, Any]:
    """The comparable form of an answer: its status, the compared headers, and its body under the name of its kind."""
    observed = {"status": answer.status, "headers": _compared_headers(answer, ignored_headers)}
    content_type = answer.header("Content-Type") or ""
    boundary = BOUNDARY.search(content_type) if content_type.startswith("multipart/") else None
    if boundary:
        observed["headers"]["Content-Type"] = _hide(boundary)
    if answer.method == "HEAD" or not answer.body:
        return {**observed, "empty": True}
    if boundary:
        return {**observed, "multipart": _parse_multipart(answer.body, boundary.group(1))}
    if content_type.startswith("text/event-stream"):
        return {**observed, "events": _parse_events(answer.body.decode())}
    if not any(answer.header(name) for name in ("Accept-Ranges", "Content-MD5", "Content-Encoding")):
        parsed = _parse_json(answer.body)
        if parsed is not None:
            return {**observed, **parsed}
    return {**observed, **_raw(answer.body)}


def _hide(boundary: re.Match[str]) -> str:
    """The content type in which the boundary was found, with a fixed word in its place."""
    start, end = boundary.span(1)
    return f"{boundary.string[:start]}BOUNDARY{boundary.string[end:]}"


def _compared_headers(answer: Answer, ignored: list[str]) -> dict[str, Any]:
    ignored = [name.lower() for name in ignored]
    headers: dict[str, Any] = {}
    for name in COMPARED_HEADERS:
        value = answer.header(name)
        if value is not None and name.lower() not in ignored:
            headers[name] = value
    if answer.header("Accept-Ranges") and answer.header("Content-Length"):
        headers["Content-Length"] = answer.header("Content-Length")
    cookies = [value.split("=", 1)[0] for name, value in answer.headers if name.lower() == "set-cookie"]
    if cookies:
        headers["Set-Cookie"] = cookies
    return headers


def _parse_json(body: bytes) -> dict[str, Any] | None:
    """One JSON text, or the lines of a continuous feed without its heartbeats; None for anything else."""
    try:
        return {"json": loads(body.decode("utf-8", "surrogatepass"))}
    except ValueError:
        pass
    try:
        lines = [loads(line) for line in body.decode().split("\n") if line.strip()]
    except ValueError:
        return None
    return {"lines": lines} if lines and all(isinstance(line, dict) for line in lines) else None


def _parse_events(text: str) -> list[dict[str, Any]]:
    """The events of an event source, without the heartbeats."""
    events = []
    for block in text.split("\n\n"):
        event: dict[str, Any] = {}
        for line in block.split("\n"):
            name, colon, value = line.partition(":")
            if colon:
                event[name] = _json_or_text(value.lstrip()) if name == "data" else value.lstrip()
        if event and set(event) != {"event"}:
            events.append(event)
    return events


def _json_or_text(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


def _parse_multipart(body: bytes, boundary: str) -> list[dict[str, Any]]:
    parts = []
    for chunk in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        if chunk.startswith(b"--"):
            break
        head, _, content = (b"\r\n" + chunk.removeprefix(b"\r\n")).partition(b"\r\n\r\n")
        headers = {}
        for line in head.decode().split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        parts.append(_part(headers, content))
    return parts


def _part(headers: dict[str, str], content: bytes) -> dict[str, Any]:
    content_type = headers.get("content-type", "")
    boundary = BOUNDARY.search(content_type)
    if boundary and content_type.startswith("multipart/"):
        headers = {**headers, "content-type": _hide(boundary)}
        return {"headers": headers, "multipart": _parse_multipart(content, boundary.group(1))}
    if content_type.startswith("application/json"):
        try:
            parsed = loads(content.decode())
        except ValueError:
            return {"headers": headers, **_raw(content)}
        return {"headers": {k: v for k, v in headers.items() if k != "content-length"}, "json": parsed}
    return {"headers": headers, **_raw(content)}


def _raw(body: bytes) -> dict[str, Any]:
    """Text when it can be read, else the digest of the bytes."""
    if not body:
        return {"empty": True}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if len(text) <= TEXT_LONGEST and all(ord(character) >= ord(" ") or character in "\t\r\n" for character in text):
        return {"text": text}
    return {"binary": {"sha256": hashlib.sha256(body).hexdigest(), "length": len(body)}}
