"""Steps about a database as a whole, and about the server."""

import json
from typing import Any

from tests.differential.drawing import Draw
from tests.differential.steps import Json, Step, Text

SECURITY: tuple[Any, ...] = (
    {}, {"admins": {"names": [], "roles": ["_admin"]}, "members": {"names": [], "roles": ["_admin"]}},
    {"admins": {"names": ["x"]}},
    {"x": 1}, {"admins": 5}, [], 5, {"members": {"roles": "x"}}, {"admins": {"names": [5]}}, None,
    {"admins": {"names": ["a"], "roles": ["b"]}, "z": {}},
)  # fmt: skip
LIMITS = ("4", "2", "3", "5", "10", "1000", "0", "-1", '"5"', "x", "", "1.5", "null", "[]", "99999999999", "5 ")
COMPACT = Step("maintenance.compact", "POST", "/${db}/_compact", (), (), Json({}))
# A name of each sequence's own: a server locks a name out after some wrong passwords.
LOGINS: tuple[Any, ...] = ({"name": "${db}", "password": "x"}, {"name": "${db}"}, {"name": "${db}", "password": ""})


def info(draw: Draw) -> Step:
    """What a database says of itself."""
    path = draw.choice(("", "", "/_security", "/_revs_limit", "/_purged_infos_limit", "/_purged_infos"))
    return Step("info", draw.choice(("GET", "GET", "GET", "HEAD")), "/${db}" + path)


def settings(draw: Draw) -> Step:
    """PUT of a setting of the database."""
    what = draw.random()
    if what < 0.4:
        return Step("database.security", "PUT", "/${db}/_security", (), (), Json(draw.choice(SECURITY)))
    name = "_revs_limit" if what < 0.9 else "_purged_infos_limit"
    return Step("database." + name[1:], "PUT", "/${db}/" + name, (), (), Text(draw.choice(LIMITS)))


def revs_limit(draw: Draw) -> Step:
    """A small limit, so that trees are stemmed."""
    return Step("database.revs_limit", "PUT", "/${db}/_revs_limit", (), (), Text(str(draw.randint(2, 5))))


def maintenance(draw: Draw) -> Step:
    """Compaction and its kin."""
    if draw.chance(0.5):
        return COMPACT
    path = draw.choice(
        ("_compact/g", "_compact/nope", "_view_cleanup", "_ensure_full_commit", "_ensure_full_commit?seq=1")
    )
    return Step("maintenance", "POST", "/${db}/" + path, (), (), Json({}))


def database(draw: Draw) -> Step:
    """Making and deleting it again; odd names."""
    what = draw.random()
    if what < 0.3:
        return Step("database.create", "PUT", "/${db}", (("q", "1"),))
    if what < 0.4:
        return Step("database.delete", "DELETE", "/${db}")
    if what < 0.5:
        return Step("database.delete_rev", "DELETE", "/${db}", (("rev", "1-a"),))
    name = draw.choice(
        ("Upper", "1x", "_x", "a" * 250, "x%2Fy", "x%20y", "%C3%BC", "nope", "n+o", "_replicator2", "x%00")
    )
    path = "/" + name + draw.choice(("", "", "/ka", "/_all_docs", "/_changes", "/_security"))
    return Step("database.other", draw.choice(("GET", "HEAD", "DELETE")), path)


def server(draw: Draw) -> Step:
    """The server's own endpoints."""
    number = draw.number(4)
    keys: list[Any] = draw.sample(["${db}", "nope", "_X", "", 5, None], draw.randint(0, 3))
    if draw.chance(0.7):
        keys = [one for one in keys if isinstance(one, str)]
    session = Json(draw.choice(LOGINS))
    return draw.choice(
        (
            Step("server", "GET", "/"),
            Step("server", "GET", "/_up"),
            Step("server", "GET", "/_uuids", (("count", number),)),
            Step("server", "GET", "/_uuids"),
            Step("server", "HEAD", "/_uuids"),
            Step("server", "POST", "/_dbs_info", (), (),
            Json(draw.choice(({"keys": keys}, {"keys": keys}, {"keys": 5}, {}, [])))),
            Step("server", "GET", "/_dbs_info", (("key", '"${db}"'),)),
            Step("server", "GET", "/_all_dbs", (("key", '"${db}"'),)),
            Step("server", "GET", "/_all_dbs", (("startkey", '"${db}"'), ("limit", "1"), ("endkey", '"${db}"'))),
            Step("server", "GET", "/_all_dbs", (("keys", json.dumps(["${db}"])), ("limit", "0"))),
            Step("server", "GET", "/_all_dbs", (("limit", "0"), ("skip", number), ("descending", draw.boolean()))),
            Step("server", "GET", "/_session"),
            Step("server", "GET", "/_session", (), (("Authorization", ""),)),
            Step("server", "GET", "/_session", (("basic", draw.boolean()),), (("Authorization", ""),)),
            Step("server", "POST", "/_session", (), (("Authorization", ""),), session),
            Step("server", "DELETE", "/_session", (("next", draw.choice(("/x", "x", "http://x/"))),)),
            Step("server", "DELETE", "/_session"),
            Step("server", "GET", "/_membership"),
            Step("server", "GET", "/_cluster_setup"),
            Step("server", "GET", "/_nope"),
            Step("server", "GET", "/_utils2/x"),
            Step("server", "GET", "/${db}", (), (("Authorization", ""),)),
            Step("server", "GET", "/${db}/ka", (), (("Authorization", draw.choice(("", "Bearer x"))),)),
            Step("server", "POST", "/_replicate", (), (),
            Json(draw.choice(({}, {"source": "nope", "target": "nope2"}, {"source": 5}, [])))),
        )
    )  # fmt: skip
