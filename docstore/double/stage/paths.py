"""The stage over HTTP: ``/_docstore/snapshots``, ``/_docstore/clock``, ``/_docstore/load`` and ``/_docstore/reset``.

Owns their shapes. Who may use them is the surface's affair. Paths of files are those of the server's machine.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from docstore.core.json_text import JsonValue
from docstore.double.stage.stage import Stage
from docstore.double.surface import OK, Control, Controller, Surface
from docstore.errors import BadRequest, NotFound


def add_paths(surface: Surface, stage: Stage) -> None:
    """Let the surface answer them."""
    surface.add("snapshots", ("GET", "POST", "DELETE"), _snapshots(stage))
    surface.add("clock", ("GET", "POST", "DELETE"), _clock(stage))
    surface.add("load", ("POST",), _load(stage))
    surface.add("reset", ("POST",), _reset(stage))


def _snapshots(stage: Stage) -> Controller:
    kept = stage.snapshots

    async def answer(control: Control) -> JsonValue:
        match control.method, control.rest:
            case "GET", ():
                return {"snapshots": [one.members() for one in kept]}
            case "GET", (name,):
                told = kept.get(name).members()
                wants_data = control.query.get("data") == "true"
                return {**told, "data": b64encode(kept.pack(name)).decode()} if wants_data else told
            case "POST", ():
                members = _members(control.body, {"name": str, "data": str})
                wanted, data = members.get("name"), members.get("data")
                if data is None:
                    return (await stage.snapshot(wanted)).members()
                return kept.unpack(b64decode(data, validate=True), wanted).members()
            case "POST", (name, "restore"):
                await stage.restore(name)
                return OK
            case "DELETE", (name,):
                kept.remove(name)
                return OK
        raise NotFound

    return answer


def _clock(stage: Stage) -> Controller:
    async def answer(control: Control) -> JsonValue:
        clock = stage.clock
        if control.rest:
            raise NotFound
        if control.method == "DELETE":
            clock.reset()
        elif control.method == "POST":
            members = _members(control.body, {"advance": (int, float), "set": (int, float, str)})
            if len(members) != 1:
                raise BadRequest('One of {"advance": SECONDS} and {"set": MOMENT} is wanted.')
            if "advance" in members:
                clock.advance(members["advance"])
            else:
                moment = members["set"]
                clock.set(datetime.fromisoformat(moment) if isinstance(moment, str) else moment)
        return {"now": clock.now(), "offset": clock.offset}

    return answer


def _load(stage: Stage) -> Controller:
    async def answer(control: Control) -> JsonValue:
        if control.rest:
            raise NotFound
        members = _members(control.body, {"database": str, "path": str, "docs": list})
        database, path, docs = (members.get(name) for name in ("database", "path", "docs"))
        if database is None or (path is None) == (docs is None):
            raise BadRequest('"database" is wanted, and one of "path" and "docs".')
        try:
            loaded = await stage.load(database, Path(path) if path is not None else docs)
        except OSError as error:
            raise BadRequest(f"{path}: {error.strerror}") from error
        return loaded.members()

    return answer


def _reset(stage: Stage) -> Controller:
    async def answer(control: Control) -> JsonValue:
        if control.rest:
            raise NotFound
        await stage.reset()
        return OK

    return answer


def _members(body: JsonValue, kinds: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The members of a body, None for none. Raises BadRequest for others, and for values of another kind."""
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise BadRequest("The body has to be an object.")
    for name, value in body.items():
        kind = kinds.get(name)
        if kind is None:
            raise BadRequest(f"There is no member {name}; there are {', '.join(kinds)}.")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BadRequest(f"The member {name} cannot be so.")
    return body
