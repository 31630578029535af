"""The list of the differences that are there on purpose. ``known.py`` says what an entry means."""

import json
from typing import Any

from tests.differential.comparing import Difference
from tests.differential.known import Known
from tests.differential.steps import Rendered


def repeated(difference: Difference, request: Rendered) -> bool:
    """Whether a list of revisions in the request names one twice."""
    try:
        lists = json.loads(request.body or b"").values()
    except (ValueError, AttributeError):
        return False
    return any(isinstance(revs, list) and len({str(rev) for rev in revs}) < len(revs) for revs in lists)


def _kinds(*names: str) -> str:
    return "|".join(name.replace(".", r"\.") for name in names)


WRITES = _kinds("document.put", "document.post", "document.copy", "document.put_related", "bulk.docs", "path", "method")
CONFLICT = "409 conflict: Document update conflict."
ROW = r"json\[\d+\]\."


def _rows(**example: Any) -> dict[str, Any]:
    return example


KNOWN: tuple[Known, ...] = (
    Known(
        "quorums",
        "| `w`, `r` | quorums |",
        ".*",
        "status",
        ("PUT /db/ka?w=x", "document.put", "status", "500 unknown_error: badarg", "201"),
        theirs="500 .*badarg.*",
        asked=r"[?&][wr]=",
        diverges=True,
    ),
    Known(
        "crash",
        "| a request that makes CouchDB crash |",
        ".*",
        "status",
        ("GET /db/_changes?limit=x", "changes", "status", "500 unknown_error: badarg", "400 query_parse_error: x"),
        theirs="500.*",
        ours="4.*|501.*",
    ),
    Known(
        "unknown revision",
        "| a `_rev` of a document that is not there, in PUT,",
        WRITES,
        "status",
        ("PUT /db/ka?rev=1-a", "document.put", "status", "201", CONFLICT),
        theirs="20[0-2]",
        ours="409 conflict.*",
        diverges=True,
    ),
    Known(
        "unknown revision in bulk",
        "| a `_rev` of a document that is not there, in PUT,",
        "bulk.docs",
        ROW + "(ok|rev)",
        ('POST /db/_bulk_docs\n{"docs":[{"_id":"ka","_rev":"1-a"}]}', "bulk.docs", "json[0].ok", True, "<absent>"),
        ours="<absent>",
        asked='"_rev"',
        diverges=True,
    ),
    Known(
        "unknown revision in bulk, the error",
        "| a `_rev` of a document that is not there, in PUT,",
        "bulk.docs",
        ROW + "(error|reason)",
        (
            'POST /db/_bulk_docs\n{"docs":[{"_id":"ka","_rev":"1-a"}]}',
            "bulk.docs",
            "json[0].error",
            "<absent>",
            "conflict",
        ),
        theirs="<absent>",
        ours="conflict|Document update conflict.",
        asked='"_rev"',
        diverges=True,
    ),
    Known(
        "expectations",
        "| `Expect` with anything but `100-continue` |",
        ".*",
        "status",
        ("GET /db/ka\nExpect: x", "document.get", "status", "200", "417 expectation_failed: x"),
        ours="417.*",
        asked="Expect: x",
        diverges=True,
    ),
    Known(
        "methods",
        "| a method that HTTP does not have (`FOO`) |",
        ".*",
        "status",
        ("FOO /db/ka", "method", "status", "405 method_not_allowed: Only GET,HEAD allowed", "501 not_implemented: x"),
        ours="501 not_implemented: the request method is not known|501 not_implemented: x",
        asked="^(FOO|get) ",
    ),
    Known(
        "cookie of an ended session",
        "| the cookie of an ended session |",
        ".*",
        "header Set-Cookie",
        (
            "DELETE /_session",
            "server",
            "header Set-Cookie",
            [["AuthSession", "empty", "max-age"]],
            [["AuthSession", "empty"]],
        ),
        theirs=".*'empty'.*",
        ours=".*'empty'.*",
    ),
    Known(
        "path of an endpoint",
        "| segments behind the path of an endpoint",
        ".*",
        "status",
        ("GET /_active_tasks/x", "path", "status", "200", "404 not_found: missing"),
        ours="404 not_found: missing",
        asked=r"^\w+ /(_\w+|[^/ ]+/_(?!design|local)\w+)/",
    ),
    Known(
        "revision named twice",
        "| a revision that is named twice in `_revs_diff` |",
        r"revs\..*",
        "json.*",
        ('POST /db/_revs_diff\n{"ka":["1-a","1-a"]}', "revs.diff", "json.ka", {"missing": ["1-a"]}, "<absent>"),
        condition=repeated,
    ),
)
