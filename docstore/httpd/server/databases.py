"""A database as a whole: create, look at, delete, its settings.

Owns the parameters and replies of these endpoints. Follows ``chttpd_db:create_db_req`` and the ``_security``,
``_revs_limit`` and ``_purged_infos_limit`` clauses of ``chttpd_db:db_req``.
"""

import re

from docstore.core.conditions import content_etag
from docstore.core.json_text import JsonValue, encode
from docstore.database.apply.reply_forms import ConstantForm
from docstore.database.registry import DEFAULT_SHARDS
from docstore.errors import BadRequest, Forbidden
from docstore.httpd.params.conditions import is_conditional, is_unchanged, write_condition
from docstore.httpd.replies import Reply, json_reply, location, not_modified, raw_json_reply
from docstore.httpd.request import Request
from docstore.httpd.writing.writes import Change
from docstore.storage.remembered_rows import StoredReply

OK: dict[str, JsonValue] = {"ok": True}
OK_TEXT = json_reply(OK).body
_POSITIVE = re.compile("0*[1-9][0-9]{0,8}")
USERS_SECURITY = "You can't edit the security object of the user database."
ENGINES = ("couch",)
"""Names of storage engines that may be asked for; whatever is, there is one."""


async def create(request: Request) -> Change:
    """PUT /{db}?q=&partitioned=: q is remembered and told again, there is one shard whatever it says."""
    name = request.segments[0]
    _shards(request, "n", 1)
    shards = _shards(request, "q", DEFAULT_SHARDS)
    _check_placement(request.query.get("placement"))
    if request.query.get("engine", ENGINES[0]) not in ENGINES:
        raise BadRequest("invalid_engine_extension")
    partitioned = _is_partitioned(request)
    headers = (("Location", location(request.base_url, name)),)
    return Change(
        lambda once: request.node.registry.create(name, shards=shards, partitioned=partitioned, once=once),
        lambda: ConstantForm(StoredReply(201, OK_TEXT, headers)),
    )


async def info(request: Request) -> Reply:
    """GET /{db}"""
    return json_reply(request.database().info().members())


async def delete(request: Request) -> Change:
    """DELETE /{db}"""
    if "rev" in request.query:
        # somebody whose document id came out empty
        raise BadRequest(
            "You tried to DELETE a database with a ?=rev parameter. Did you mean to DELETE a document instead?"
        )
    return Change(
        lambda once: request.node.registry.delete(request.segments[0], once=once),
        lambda: ConstantForm(StoredReply(200, OK_TEXT)),
    )


async def security(request: Request) -> Reply:
    """GET /{db}/_security. Only a conditional request is told the ETag, since CouchDB has none."""
    text = request.database().security_text()
    if not is_conditional(request):
        return raw_json_reply(text)
    etag = content_etag(text)
    return not_modified(etag) if is_unchanged(request, etag) else raw_json_reply(text, etag=etag)


async def set_security(request: Request) -> Reply:
    """PUT /{db}/_security. A conditional one is told the new ETag."""
    database = request.database()
    policy = request.node.accounts.policy
    if database.name == policy.users and not policy.users_security_editable:
        raise Forbidden(USERS_SECURITY)
    condition = write_condition(request)
    value = await request.json()
    await database.set_security(value, condition)
    return json_reply(OK, etag=None if condition is None else content_etag(encode(value)))


async def revs_limit(request: Request) -> Reply:
    """GET /{db}/_revs_limit"""
    return json_reply(request.database().revs_limit())


async def set_revs_limit(request: Request) -> Reply:
    """PUT /{db}/_revs_limit"""
    database = request.database()
    await database.set_revs_limit(await request.json())
    return json_reply(OK)


async def purged_infos_limit(request: Request) -> Reply:
    """GET /{db}/_purged_infos_limit"""
    return json_reply(request.database().purged_infos_limit())


async def set_purged_infos_limit(request: Request) -> Reply:
    """PUT /{db}/_purged_infos_limit"""
    database = request.database()
    await database.set_purged_infos_limit(await request.json())
    return json_reply(OK)


def _shards(request: Request, parameter: str, default: int) -> int:
    text = request.query.get(parameter)
    if text is None:
        return default
    if not _POSITIVE.fullmatch(text):
        raise BadRequest(f"The `{parameter}` value should be a positive integer.")
    return int(text)


def _check_placement(placement: str | None) -> None:
    """``zone:n``, several with commas: read as CouchDB reads it, and without a meaning for one node."""
    if placement is None:
        return
    rules = [[part for part in rule.split(":") if part] for rule in placement.split(",") if rule]
    if not placement or not all(len(rule) == 2 and _POSITIVE.fullmatch(rule[1]) for rule in rules):
        raise BadRequest("The `placement` value should be in a format `zone:n`.")


def _is_partitioned(request: Request) -> bool:
    partitioned = request.query.get("partitioned", "false")
    if partitioned not in ("true", "false"):
        raise BadRequest("Invalid `partitioned` parameter")
    return partitioned == "true"
