"""The list of the differences that are there on purpose. ``known.py`` says what an entry means."""

import json
import re
from urllib.parse import parse_qsl, unquote

from tests.differential.comparing import ABSENT, Difference
from tests.differential.known import Known
from tests.differential.remarks import DELETED, NOT_THERE, REVIVED
from tests.differential.steps import Rendered


def repeated(difference: Difference, request: Rendered) -> bool:
    """Whether a list of revisions in the request names one twice."""
    named = re.search(r"[?&]open_revs=([^&]*)", request.target)
    try:
        lists = [json.loads(unquote(named[1]))] if named else json.loads(request.body or b"").values()
    except (ValueError, AttributeError):
        return False
    return any(isinstance(revs, list) and len({str(rev) for rev in revs}) < len(revs) for revs in lists)


def document_twice(difference: Difference, request: Rendered) -> bool:
    """Whether a batch has two edits of one document."""
    try:
        ids = [doc["_id"] for doc in json.loads(request.body or b"")["docs"] if "_id" in doc]
    except (ValueError, LookupError, TypeError):
        return False
    return len(set(map(str, ids))) < len(ids)


def parameter_twice(difference: Difference, request: Rendered) -> bool:
    """Whether a parameter comes twice."""
    names = [part.partition("=")[0].lower() for part in request.target.partition("?")[2].split("&")]
    return len(set(names)) < len(names)


def id_twice(difference: Difference, request: Rendered) -> bool:
    """Whether ``doc_ids`` names a document twice, in the query string or in the body."""
    texts = [value for name, value in parse_qsl(request.target.partition("?")[2]) if name == "doc_ids"]
    try:
        lists = [*map(json.loads, texts), json.loads(request.body or b"{}").get("doc_ids", [])]
    except (ValueError, AttributeError):
        return False
    return any(isinstance(ids, list) and len(set(map(str, ids))) < len(ids) for ids in lists)


def malformed(difference: Difference, request: Rendered) -> bool:
    """Whether both refuse the request for what it says, or one of them since nothing is there to read.

    What is refused for what a database holds (a conflict, a document that is missing) is no matter of taste.
    """
    texts = str(difference.theirs), str(difference.ours)
    if difference.where != "status":
        return not any(re.search("conflict|^deleted$|^missing$|not_found", text) for text in texts)
    codes = {text[:3] for text in texts}
    read = re.fullmatch(r"view|partition|method|path|function\..*", difference.kind) is not None
    malformed_one = codes & {"400", "412", "415"}
    return bool(malformed_one) and codes <= {"400", "405", "412", "415", *(["404"] if read else [])}


def odd_key(difference: Difference, request: Rendered) -> bool:
    """Whether ``keys`` has one that is a list."""
    return (
        "[[" in request.target.replace("%5B", "[")
        or re.search(r"keys(%22|\"|=).*\[.*\[", str(request).replace("%5B", "[")) is not None
    )


def same_but_for_many(difference: Difference, request: Rendered) -> bool:
    """Whether two warnings are the same but for the one of many documents examined."""
    theirs, ours = (
        [line for line in str(text).split("\n") if line != ABSENT and not line.startswith("The number of documents ex")]
        for text in (difference.theirs, difference.ours)
    )
    return theirs == ours


def begins_with_ours(difference: Difference, request: Rendered) -> bool:
    """Whether the peer tells the ids or revisions that ours tells, and what was made up behind the first generation."""
    theirs, ours = difference.theirs, difference.ours
    if theirs[:-1] != ours or not ours:
        return False
    last = theirs[-1]
    return (ours[-1], last) == ("a", "b") or (isinstance(last, dict) and str(last.get("rev")).startswith("0-"))


def odd_method(difference: Difference, request: Rendered) -> bool:
    """Whether the method is another than the endpoint's, as it stands there or by a header."""
    return (
        difference.kind == "method"
        or (difference.kind == "partition" and request.method != "GET")
        or "X-HTTP-Method-Override: " in str(request)
    )


def fewer(difference: Difference, request: Rendered) -> bool:
    """Whether the peer found less."""
    theirs, ours = difference.theirs, difference.ours
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) < len(ours)
    return theirs == "nil" or (isinstance(theirs, int) and isinstance(ours, int) and theirs < ours)


def _kinds(*names: str) -> str:
    return "|".join(name.replace(".", r"\.") for name in names)


WRITES = _kinds("document.put", "document.post", "document.copy", "document.put_related", "bulk.docs", "path", "method")
CONFLICT = "409 conflict: Document update conflict."
MISTAKES = (
    r"(4\d\d )?.*(Invalid|needs `_rev`|nvalid attachment|missing|deleted|conflict|Malformed|does not exist|must be"
    r"|is invalid|isn't|incompatible|not supported|not acceptable|partition|Content-Type|invalid UTF-8|unknown"
    r"|Supported|query_parse_error|Only [A-Z,]+ allowed|prohibited|Bad special|bad_request|doc_validation"
    r"|illegal_docid).*|40[045]( .*)?"
)
ROW = r"json\[\d+\]\."


KNOWN: tuple[Known, ...] = (
    Known(
        "what a quorum reads",
        "| `w`, `r` | quorums |",
        "find|path",
        r"json\.(docs.*_conflicts|execution_stats\.total_(quorum_)?docs_examined).*",
        (
            'POST /db/_find\n{"selector":{},"conflicts":true,"r":2}',
            "find",
            "json.docs[0]._conflicts",
            "<absent>",
            ["1-a"],
        ),
        asked='"r":',
    ),
    Known(
        "quorums",
        "| `w`, `r` | quorums |",
        ".*",
        "status",
        ("PUT /db/ka?w=x", "document.put", "status", "500 unknown_error: badarg", "201"),
        theirs="500 .*badarg.*|202",
        asked=r"[?&][wr]=",
        diverges=True,
    ),
    Known(
        "a design document of several indexes",
        "| `_bulk_delete` of a design document with several indexes |",
        "index.delete",
        "status",
        ("POST /db/_index/_bulk_delete", "index.delete", "status", "500 case_clause: x", "400 invalid_index: x"),
        theirs="500.*",
        ours="400 invalid_index: .*",
        asked="_bulk_delete",
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
        remark=NOT_THERE,
        diverges=True,
    ),
    Known(
        "unknown revision in bulk",
        "| a `_rev` of a document that is not there, in PUT,",
        "bulk.docs|path|method",
        ROW + "(ok|rev)",
        ('POST /db/_bulk_docs\n{"docs":[{"_id":"ka","_rev":"1-a"}]}', "bulk.docs", "json[0].ok", True, "<absent>"),
        ours="<absent>",
        remark=NOT_THERE,
        diverges=True,
    ),
    Known(
        "unknown revision in bulk, the error",
        "| a `_rev` of a document that is not there, in PUT,",
        "bulk.docs|path|method",
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
        remark=NOT_THERE,
        diverges=True,
    ),
    Known(
        "a revision before the first",
        "| a `_rev` of generation 0, where the document is deleted |",
        WRITES,
        "status|" + ROW + "(error|reason|ok|rev)",
        ("PUT /db/ka?rev=0-a", "document.put", "status", "201", CONFLICT),
        theirs=r"20[0-2]|<absent>|True|\d+-.*",
        ours="409 conflict.*|<absent>|conflict|Document update conflict.",
        asked=r'rev=0-|"_rev":"0-|If-Match: "?0-',
        remark=DELETED,
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
        "methods that write",
        "| a method that HTTP does not have (`FOO`) |",
        "function.*",
        "status",
        ("FOO /db/_design/f/_update/make/ka", "function.update", "status", "201", "501 not_implemented: x"),
        theirs="20[0-2]|302",
        ours="501 .*",
        asked="^(FOO|get) ",
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
        "other methods of functions",
        "| a method that is not in the list of a function of a design document",
        "method",
        r"status|header Allow|json\.reason",
        (
            "MOVE /db/_design/f/_show/text",
            "method",
            "status",
            "200",
            "405 method_not_allowed: Only GET,PUT,POST,DELETE,COPY allowed",
        ),
        ours="((405 method_not_allowed: )?Only )?GET,PUT,POST,DELETE,COPY( allowed)?",
        asked="/_design(/|%2F)[^ /]*/_(show|update|rewrite)",
        diverges=True,
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
        r"status|json\.reason",
        ("GET /_active_tasks/x", "path", "status", "200", "404 not_found: missing"),
        ours="404 not_found: missing|404|missing|405.*",
        asked=r"^\w+ /(_\w+|[^/ ]+/_(?!design|local|index|partition|all_docs/queries)\w+)/",
    ),
    Known(
        "revision named twice",
        "| a revision that is named twice in `_revs_diff`, or in `open_revs` with `latest` |",
        r"revs\..*|document\.open_revs|path|method",
        "json.*",
        ('POST /db/_revs_diff\n{"ka":["1-a","1-a"]}', "revs.diff", "json.ka", {"missing": ["1-a"]}, "<absent>"),
        condition=repeated,
    ),
    Known(
        "revived with attachments",
        "| the revision id of a deleted document that is written again with attachments |",
        WRITES + "|attachment.put",
        r"header ETag|.*\.rev",
        ("PUT /db/ka/e", "attachment.put", "json.rev", "2-a", "2-b"),
        remark=REVIVED,
        diverges=True,
    ),
    Known(
        "two edits of one document in a batch",
        "| two edits of one document in one `_bulk_docs` |",
        "bulk.docs|path|method",
        ROW + "(error|reason|ok|rev)",
        (
            'POST /db/_bulk_docs\n{"docs":[{"_id":"ka"},{"_id":"ka"}]}',
            "bulk.docs",
            "json[1].error",
            "conflict",
            "<absent>",
        ),
        condition=document_twice,
        diverges=True,
    ),
    Known(
        "a stub in an edit of a tombstone",
        "| an attachment stub in an edit whose parent is a tombstone |",
        WRITES,
        "status",
        ("PUT /db/ka", "document.put", "status", "412 missing_stub: Invalid attachment stub", "409 conflict: x"),
        theirs="412 missing_stub.*",
        ours="409 conflict.*|201",
        diverges=True,
    ),
    Known(
        "minimal replies",
        "| `Prefer: return=minimal` |",
        ".*",
        "header .*",
        ("PUT /db/ka\nPrefer: return=minimal", "document.put", "header Location", "<absent>", "http://HOST/db/ka"),
        theirs="<absent>",
        asked="Prefer: return=minimal",
    ),
    Known(
        "names in _replicate",
        "| a name as source or target in `_replicate` |",
        "server|method|path",
        "json.reason",
        ("POST /_replicate", "server", "json.reason", "could not open http://x/nope/", "could not open nope"),
        theirs="could not open http:.*",
    ),
    Known(
        "a parameter twice",
        "| a repeated parameter, the value that does not count |",
        ".*",
        r"status|json\.(error|reason)",
        ("GET /db/_changes?limit=&limit=0", "changes", "status", "500 unknown_error: badarg", "200"),
        condition=parameter_twice,
        diverges=True,
    ),
    Known(
        "an id twice in doc_ids",
        "| an id that stands twice in `doc_ids` |",
        "changes",
        "json.*|lines.*|events.*",
        ('POST /db/_changes?filter=_doc_ids\n{"doc_ids":["ka","ka"]}', "changes", "json.pending", -1, 0),
        condition=id_twice,
    ),
    Known(
        "keys that are lists",
        "| a list among `keys` |",
        "listing",
        r"json.*rows\[\d+\].*|status",
        ('GET /db/_all_docs?keys=[["ka"]]', "listing", "json.rows[0].id", ["ka"], "<absent>"),
        condition=odd_key,
    ),
    Known(
        "HEAD of what is inflated",
        "| `Content-Length` of a HEAD of an attachment that is inflated |",
        "attachment.get|path|method",
        "header Content-Length",
        ("HEAD /db/ka/t.txt", "attachment.get", "header Content-Length", "0", "<absent>"),
        theirs="0",
        ours="<absent>",
    ),
    Known(
        "the limit of a filter",
        "| a `_changes` with a filter whose `limit` is reached",
        "changes|path|method",
        r"(json|lines\[\d*\])\.(pending|last_seq).*",
        ("POST /db/_changes?filter=_selector&limit=0", "changes", "json.pending", 0, 1),
        asked="(?=.*filter=).*limit=[0-9]",
    ),
    Known(
        "OPTIONS",
        "| `OPTIONS` of an attachment |",
        "method|path",
        "status",
        ("OPTIONS /db/ka/e", "method", "status", "405 method_not_allowed: Only GET allowed", "204"),
        ours="204",
        asked="^OPTIONS ",
    ),
    Known(
        "limit in _design_docs with keys",
        "| `limit` and `skip` in `_design_docs` and `_local_docs` with `keys` |",
        "listing",
        r"json.*rows.*",
        ('POST /db/_design_docs\n{"keys":["a","_design/a"],"limit":1}', "listing", "json.rows", [], [1]),
        asked=r"(?=.*keys)(?=.*(limit|skip)).*_(design|local)_docs|_(design|local)_docs(?=.*keys).*(limit|skip)",
    ),
    Known(
        "below a local document",
        "| a path below a local document, written `_local%2FNAME` |",
        "local.*|path|method|attachment.*",
        "json.reason|status",
        ("GET /db/_local%2Fl/x", "local.path", "json.reason", "Document is missing attachment", "missing"),
        asked="/_local%2F[^ /]*/",
    ),
    Known(
        "a told history beside other edits",
        "| an edit whose `_revisions` lead over new generations down to a leaf, beside others",
        WRITES,
        "status|" + ROW + "(error|reason|ok|rev)",
        ('POST /db/_bulk_docs\n{"docs":[{"_revisions":1}]}', "bulk.docs", "json[0].error", "conflict", "<absent>"),
        theirs="409.*|conflict|Document update conflict.|<absent>",
        ours="20.|<absent>|True|.*-.*",
        asked='"_revisions"',
        diverges=True,
    ),
    Known(
        "dates of documents",
        "| `Last-Modified` of a document, `If-Modified-Since`",
        ".*",
        "status",
        (
            "PUT /db/ka\nIf-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT",
            "document.put",
            "status",
            "201",
            "412 precondition_failed: If-Unmodified-Since failed: it was modified after that.",
        ),
        ours="412( .*If-Unmodified-Since failed.*)?|304.*",
        asked="If-(Unm|M)odified-Since: (Sat, 29 Oct 1994|Fri, 31 Dec 9999)",
        diverges=True,
    ),
    Known(
        "the tag of _security",
        "| the same for `_security` |",
        ".*",
        "header ETag|status",
        ("PUT /db/_security\nIf-Match: *", "database.security", "header ETag", "<absent>", '"x"'),
        theirs="<absent>|20.",
        ours='".*"|412.*|400.*',
        asked="/_security(?=.*If-(None-)?Match)",
        diverges=True,
    ),
    Known(
        "_revisions without ids",
        "| `_revisions` without ids |",
        WRITES,
        ".*",
        ('PUT /db/ka\n{"_revisions":{"start":1,"ids":[]}}', "document.put", "json.rev", "2-a", "1-a"),
        asked=r'"ids":\[\]',
        diverges=True,
    ),
    Known(
        "no conflicts, told",
        "| `conflicts=true` in a `_changes` with a selector |",
        "changes",
        r".*\.doc\._conflicts",
        ("POST /db/_changes?filter=_selector", "changes", "json.results[0].doc._conflicts", [], "<absent>"),
        theirs=r"\[\]",
        ours="<absent>",
        asked="_selector",
    ),
    Known(
        "a style that is unknown",
        "| a `style` of `_changes` that is unknown |",
        "changes|method|path",
        "status",
        ("GET /db/_changes?style=x", "changes", "status", "200", "400 bad_request: Supported `style` types: x"),
        ours="400 bad_request: Supported `style` types.*",
    ),
    Known(
        "follows without parts",
        "| `follows` in a body that has no parts |",
        WRITES,
        "status|json.reason",
        ("POST /db/_bulk_docs", "bulk.docs", "status", "201", "400 bad_request: Attachment `x` is said to follow, but"),
        ours=".*is said to follow.*",
        diverges=True,
    ),
    Known(
        "crash of what is no mistake here",
        "| a request that makes CouchDB crash |",
        ".*",
        "status",
        ("POST /db/_bulk_docs", "bulk.docs", "status", "500 unknown_error: function_clause", "201"),
        theirs="500( .*(function_clause|badarg|badmatch|case_clause|badarith).*)?",  # to a HEAD without words
        ours="20.",
        diverges=True,
    ),
    Known(
        "conditions on local documents",
        "| `If-Match` and `If-None-Match` for `_local` documents |",
        "local.*|path|method",
        "status|header ETag|json.rev",
        ("DELETE /db/_local/l\nIf-Match: *", "local.delete", "status", "400 bad_request: Invalid rev format", "200"),
        asked="_local(?=.*If-(None-)?Match: )",
        diverges=True,
    ),
    Known(
        "a coded multipart body",
        "| `Content-Encoding` of a multipart body |",
        "document.put_related|path",
        "status",
        ("PUT /db/ka\nContent-Encoding: x", "document.put_related", "status", "201", "415 bad_content_type: x"),
        ours="415.*",
        asked="Content-Encoding: ",
        diverges=True,
    ),
    Known(
        "functions of design documents",
        "| a path below a design document that begins with `_` |",
        "path|method|attachment.*",
        "status|json.reason",
        ("PUT /db/_design/g/_x", "path", "status", "404 not_found: missing", "400 bad_request: Attachment name '_x'"),
        theirs="404.*",
        ours="400 bad_request: Attachment name.*|405.*",
        asked="/_design(/|%2F)[^ /]*/_",
    ),
    Known(
        "bytes that are no gzip",
        "| bytes said to be gzipped that are not, read without gzip |",
        "attachment.get|path|method",
        "status",
        (
            "GET /db/kb/e",
            "attachment.get",
            "status",
            "200",
            "500 unknown_error: The attachment's bytes are not gzip, though their encoding says so.",
        ),
        theirs="200",
        ours="500 unknown_error: The attachment's bytes are not gzip.*",
    ),
    Known(
        "fewer headers",
        "| `Prefer: return=minimal` |",
        ".*",
        "header .*",
        ("POST /_session\nPrefer: return=minimal", "server", "header Set-Cookie", "[]", "[[AuthSession]]"),
        theirs=r"\[\]",
        asked="Prefer: return=minimal",
    ),
    Known(
        "no cluster",
        "| `POST /_cluster_setup` |",
        "method|path|server",
        "status",
        ("POST /_cluster_setup", "method", "status", "415 bad_content_type: x", "405 method_not_allowed: x"),
        ours="405.*",
        asked="^POST /_cluster_setup",
    ),
    Known(
        "a range of nothing",
        "| `Range: bytes=`, with nothing behind it |",
        "attachment.get|path|method",
        "status",
        ("GET /db/ka/b.bin\nRange: bytes=", "attachment.get", "status", "206", "200"),
        theirs="206",
        ours="200",
        asked="Range: bytes=(\n|$)",
    ),
    Known(
        "one of several stubs",
        "| a request with several mistakes |",
        "bulk.docs|path|method",
        r"json\.reason",
        (
            'POST /db/_bulk_docs\n{"docs":[{"_id":"ka"},{"_id":"kb"}]}',
            "bulk.docs",
            "json.reason",
            "Invalid attachment stub in kb for e",
            "Invalid attachment stub in ka for e",
        ),
        theirs="Invalid attachment stub in .* for .*",
        ours="Invalid attachment stub in .* for .*",
    ),
    Known(
        "one of two mistakes",
        "| a request with several mistakes |",
        ".*",
        "status|json.reason|json.error",
        ("POST /db/_bulk_docs", "bulk.docs", "status", "400 bad_request: When needs `_rev`", "412 missing_stub: x"),
        theirs=MISTAKES,
        ours=MISTAKES,
        condition=malformed,
    ),
    Known(
        "keys of a partition, among queries",
        "| `keys` among the queries of `_partition/{name}/_all_docs/queries`,",
        "listing",
        r"status|json\.(error|reason)",
        (
            'POST /db/_partition/p/_all_docs/queries\n{"queries":[{"keys":["p:a","p:b"]}]}',
            "listing",
            "status",
            "400 query_parse_error: `keys` is incompatible with `key`, `start_key` and `end_key`",
            "200",
        ),
        theirs="(400 )?query_parse_error.*|`keys` is incompatible.*",
        asked="(?=.*partition).*_docs/queries.*keys",
    ),
    Known(
        "an answer that breaks at an id",
        "| a query of `_all_docs/queries` that names an id without a partition |",
        "listing|path|method",
        "kind of body|status",
        (
            'POST /db/_all_docs/queries\n{"queries":[{},{"keys":["p:a",[]]}]}',
            "listing",
            "kind of body",
            {"text": "<cut off>"},
            {"json": {"results": []}},
        ),
        theirs=".*cut off.*|200",
        asked="_all_docs/queries",
    ),
    Known(
        "groups of keys in a partition",
        "| `keys` with groups in a view of a partition |",
        "view",
        r"json.*rows",
        (
            "GET /db/_partition/p/_design/v/_view/pair?keys=[1]&group=true",
            "view",
            "json.rows",
            [],
            [{"key": 1, "value": 1}],
        ),
        theirs=r"\[\]",
        asked="(?=.*partition)(?=.*keys)(?=.*group)",
    ),
    Known(
        "no keys in a partition",
        "| `total_rows` and `offset` of a partition's listing or view |",
        "view",
        r"json(\.results\[\d+\])?\.offset",
        ("GET /db/_partition/p/_design/v/_view/one?keys=[]&skip=1", "view", "json.offset", 0, 1),
        theirs="0",
        asked=r"(?=.*partition)(?=.*skip)(?=.*keys(=(\[\]|%5B%5D)|\":\[\]))",
    ),
    Known(
        "references to a log",
        "| the `ref` of an error |",
        "view|index.*|find|explain|path|method",
        r"json\.ref",
        ("GET /db/_design/v/_view/one?startkey=2&endkey=1", "view", "json.ref", 72864418, "<absent>"),
        theirs=r"\d+",
        ours="<absent>",
    ),
    Known(
        "what a query examined",
        "| `total_keys_examined`",
        "find|path",
        r"json\.execution_stats\.total_(keys|docs)_examined",
        ("POST /db/_find", "find", "json.execution_stats.total_keys_examined", 2, 1),
    ),
    Known(
        "a partition of what has none, for nothing",
        "| `partition` of `_find` in a database without partitions,",
        "find|path",
        "status",
        (
            'POST /db/_find\n{"selector":{"_id":{"$gt":"b","$eq":"a"}},"partition":"p"}',
            "find",
            "status",
            "200",
            "400 query_parse_error: `partition` parameter is not supported on this db",
        ),
        theirs="200",
        ours="400 query_parse_error: `partition` parameter is not supported on this db",
    ),
    Known(
        "attachments without bytes, of a HEAD",
        "| an attachment without bytes where attachments are sent as parts |",
        "document.get|document.open_revs|path|method",
        "header Content-Type",
        (
            "HEAD /db/ka?attachments=true",
            "document.get",
            "header Content-Type",
            'multipart/related; boundary="BOUNDARY"',
            "application/json",
        ),
        theirs="multipart/related.*",
        ours="application/json",
        asked="^HEAD .*attachments=true",
    ),
    Known(
        "a partition named twice",
        "| a partition that the body of `_find` names below `_partition` |",
        "find|explain",
        "status",
        (
            'POST /db/_partition/p/_find\n{"selector":{},"partition":"p"}',
            "find",
            "status",
            "500 unknown_error: Unknown Error: mango_httpd :: {bad_partition,<<112>>}",
            "200",
        ),
        theirs="500 .*bad_partition.*",
    ),
    Known(
        "mistakes in selectors",
        "| a mistake in a selector that shows when a document is looked at",
        "find|explain|changes|path|method",
        "status",
        (
            'POST /db/_find\n{"selector":{"$or":[{"v":{"$mod":[0,1]}}]}}',
            "find",
            "status",
            "200",
            "400 bad_arg: Bad argument for operator $mod: [0,1]",
        ),
        theirs="200",
        ours="400 (bad_arg|invalid_field_name).*",
    ),
    Known(
        "a page behind what does not match",
        "| a bookmark of `_find` whose row is gone, or does not match any more |",
        "find|path",
        r"status|json\.(docs|bookmark|warning|execution_stats).*",
        ('POST /db/_find\n{"selector":{"_id":{"$ne":"ka"}},"bookmark":"x"}', "find", "json.docs", [], [{"_id": "kc"}]),
        asked='^(?!.*X-Page: next).*"bookmark":"[^"]',
    ),
    Known(
        "a value that is not itself",
        "| conditions of `_find` that hold for no value, as `$eq` and then `$gt` of one value |",
        "find",
        r"json\.bookmark",
        (
            'POST /db/_find\n{"selector":{"$and":[{"n":{"$eq":0,"$gt":0}},{"v":{"$lt":null}}]}}',
            "find",
            "json.bookmark",
            "nil",
            "<absent>",
        ),
        theirs="nil",
        ours="<absent>",
        asked=r'"\$(eq|gte|lte)":(?P<value>[^,}]+)[^}]*"\$(gt|lt)":(?P=value)[,}]',
    ),
    Known(
        "the order of partitions",
        "| `offset` in a view of one partition |",
        "view|partition|method",
        r"json(\.results\[\d+\])?\.offset",
        ("GET /db/_design/v/_view/one?partition=x", "view", "json.offset", 1, 0),
        asked="partition=|_partition/",
    ),
    Known(
        "an index that is behind",
        "| a query with `stale` or `update=false` |",
        "find",
        r"json\.(docs|bookmark|warning|execution_stats).*",
        ('POST /db/_find\n{"selector":{"v":1},"stale":"ok"}', "find", "json.docs", [{"_id": "ka"}], []),
        asked='"(stale":"ok"|update":false)',
    ),
    Known(
        "ids beyond generation 1",
        "| ids in `_revisions` beyond generation 1 |",
        ".*",
        r".*(_revisions\.ids|_revs_info$).*",
        ("GET /db/ka?revs=true", "document.get", "json._revisions.ids", ["a", "b"], ["a"]),
        theirs=r"\[.*",
        ours=r"\[.*",
        condition=begins_with_ours,
    ),
    Known(
        "pages of local documents",
        "| local documents of indexes (`_local/purge-...`) |",
        "listing|path|method",
        r"json(\.results\[\d+\])?\.rows.*",
        ("GET /db/_local_docs?skip=1", "listing", "json.rows", [{"id": "_local/l"}], []),
        asked="_local_docs(?=.*(skip|limit))",
    ),
    Known(
        "a view that is behind",
        "| a query with `stale` or `update=false` |",
        "view|partition",
        r"json(\.results\[\d+\])?\.(rows|total_rows|offset).*",
        ("GET /db/_design/v/_view/pair?stale=ok", "view", "json.total_rows", 1, 0),
        asked='[?&"](stale(=|":")(ok|%22ok)|update(=|":)false)',
    ),
    Known(
        "skip without an order",
        "| `skip` beside `sorted=false` in a view |",
        "view|partition|function.list",
        r"json(\.results\[\d+\])?\.rows.*|body",
        ("GET /db/_design/v/_view/pair?skip=1&sorted=false", "view", "json.rows", [{"id": "ka"}], []),
        asked='(?=.*skip[=":]).*sorted(=|":)"?false',
    ),
    Known(
        "an empty $or",
        "| an empty `$or`, which everything matches |",
        "find|explain",
        "json.*",
        (
            'POST /db/_explain\n{"selector":{"$or":[]}}',
            "explain",
            "json.index.ddoc",
            "_design/069621c19e3870858759e0580888fb7225efae00",
            None,
        ),
        asked=r'"\$(n?or|and)":\[\]',
    ),
    Known(
        "a selector and a sort that are wrong",
        "| a request with several mistakes |",
        "find|explain|index.make|path",
        r"json\.(error|reason)",
        (
            'POST /db/_find\n{"selector":{"v":{"":1}},"sort":[5]}',
            "find",
            "json.error",
            "invalid_sort_field",
            "invalid_field_name",
        ),
        theirs=r"(invalid|no_usable|unsupported|illegal)_.*|Partition must .*|Invalid .*|No .*index.*|Sorts? .*"
        r"|Fields must .*|Requested .*|You must .*|query_parse_error|`partition` parameter is not .*"
        r"|_design/.* specified.*|.* is not an? .*|bad_arg|Bad argument.*",
        ours="invalid_field_name|Invalid field name.*|bad_arg|Bad argument.*|invalid_operator|Invalid operator.*",
    ),
    Known(
        "mistakes in partial indexes",
        "| a mistake in a selector that shows when a document is looked at",
        "index.make",
        "status",
        (
            'POST /db/_index\n{"index":{"fields":[],"partial_filter_selector":{"v":{"$mod":[0,1]}}}}',
            "index.make",
            "status",
            "200",
            "400 bad_arg: Bad argument for operator $mod: [0,1]",
        ),
        theirs="200",
        ours="400 (bad_arg|invalid_field_name).*",
        diverges=True,
    ),
    Known(
        "many examined",
        "| `total_keys_examined`, `total_docs_examined`, and the warning",
        "find",
        r"json\.warning",
        (
            "POST /db/_find",
            "find",
            "json.warning",
            "The number of documents examined is high in proportion to the number of results returned.",
            "<absent>",
        ),
        condition=same_but_for_many,
    ),
    Known(
        "a range of nothing among queries",
        "| a range in `/queries` of a view that can match no row |",
        "view|path|method",
        "status",
        (
            'POST /db/_design/v/_view/one/queries\n{"queries":[{},{"startkey":[],"endkey":1}]}',
            "view",
            "status",
            "200",
            "400 query_parse_error: No rows can match your key range, reverse your start_key and end_key or x",
        ),
        theirs="200",
        ours="400 query_parse_error: No rows can match your key range.*",
        asked="/queries",
    ),
    Known(
        "keys behind the limit",
        "| `keys` with `limit` or `skip` in a partitioned database,",
        "listing|path|method",
        "status",
        (
            'GET /db/_all_docs?keys=["p:a","zz"]&limit=1',
            "listing",
            "status",
            "200",
            "400 illegal_docid: Doc id must be of form partition:id",
        ),
        theirs="200",
        ours="400( illegal_docid: Doc id must be of form partition:id)?",
        asked="(?=.*keys)(?=.*(limit|skip))",
    ),
    Known(
        "ids narrowed to nothing by bytes",
        "| a selector that narrows `_id` to nothing in the order of ids, but not",
        "find",
        r"json\.(bookmark|warning|execution_stats)",
        ('POST /db/_find\n{"selector":{"_id":{"$gt":"kc","$lte":{}}}}', "find", "json.bookmark", "nil", "<absent>"),
        theirs=r"nil|(_design/[^\n]* was not used [^\n]*\n)?No matching index.*|\{.*",
        ours="<absent>",
        asked='"_id":',
    ),
    Known(
        "a range of ids in an index",
        "| a range of `_id`: its bounds in `_explain`,",
        "find",
        r"json\.(docs|bookmark|execution_stats\.results_returned)",
        ('POST /db/_find\n{"selector":{"_id":{"$gte":"zz"}}}', "find", "json.docs", [], [{"_id": "ü"}]),
        asked=r'"_id":\{[^}]*"\$(gt|gte|lt|lte|eq|beginsWith)":',
        condition=fewer,
    ),
    Known(
        "ids narrowed to nothing by collation",
        "| a selector that narrows `_id` to nothing in the order of views, but not",
        "find",
        r"json\.(bookmark|warning|execution_stats)",
        ('POST /db/_find\n{"selector":{"_id":{"$eq":"k","$gte":[]}}}', "find", "json.bookmark", "<absent>", "nil"),
        theirs="<absent>",
        asked='"_id":',
    ),
    Known(
        "intervals below nothing",
        "| `seq_interval` of a `_changes` with a negative `limit` |",
        "changes|path|method",
        r".*\.seq( \(sequence\))?",
        ("GET /db/_changes?limit=-1&seq_interval=2", "changes", "json.results[0].seq", None, "1-x"),
        asked="(?=.*limit=-)(?=.*seq_interval=)",
    ),
    Known(
        "bounds of ids, explained",
        "| a range of `_id`: its bounds in `_explain`,",
        "explain",
        r"json\.(mrargs|index|covering|selector_hints).*",
        ('POST /db/_explain\n{"selector":{"_id":{"$gt":"a","$lt":[]}}}', "explain", "json.mrargs.end_key", [], None),
        asked='"_id":',
    ),
    Known(
        "a method of what is not there",
        "| a request with several mistakes |",
        ".*",
        "status",
        (
            "POST /db/_design/v/_view/one\nX-HTTP-Method-Override: DELETE",
            "view",
            "status",
            "404 not_found: missing",
            "405 method_not_allowed: Only GET,POST,HEAD allowed",
        ),
        theirs="404.*",
        ours="405.*",
        condition=odd_method,
    ),
    Known(
        "keys of a partition, breaking",
        "| `keys` among the queries of `_partition/{name}/_all_docs/queries`,",
        "listing|path|method",
        "kind of body",
        (
            'POST /db/_local_docs/queries?partition=p\n{"queries":[{},{"keys":["p:a","p:b"]}]}',
            "listing",
            "kind of body",
            {"text": "<cut off>"},
            {"json": {"results": []}},
        ),
        theirs=".*cut off.*",
        asked="(?=.*partition).*_docs/queries.*keys",
    ),
    Known(
        "after a body that was not read",
        "| a PUT of an attachment of a local document (`_local%2FNAME/x`), with a body |",
        ".*",
        "status",
        ("GET /db/_partition", "partition", "status", "no answer", "400 bad_request: invalid_partition_req"),
        theirs="no answer",
        diverges=True,
    ),
    Known(
        "attachments without bytes, among revisions",
        "| an attachment without bytes where attachments are sent as parts |",
        "document.open_revs|document.get|path|method",
        r"multipart\[\d+\]\.(headers\.content-type|multipart|json).*",
        (
            "GET /db/ka?open_revs=all",
            "document.open_revs",
            "multipart[0].headers.content-type",
            'multipart/related; boundary="BOUNDARY"',
            "application/json",
        ),
        theirs="multipart/related.*|<absent>|.*length.{1,3}: 0.*",
        ours="application/json|<absent>|.*data.{1,3}: (''|\"\").*",
        asked="open_revs=",
    ),
    Known(
        "what functions throw, as text",
        "| what a function throws that is no error and means nothing to CouchDB |",
        "function.*|path|method",
        r"json\.reason",
        (
            "GET /db/_design/f/_show/gone",
            "function.show",
            "json.reason",
            'function raised error: ["not_found", "no such thing"] \nstacktrace: undefined',
            "function raised error: not_found,no such thing \nstacktrace: undefined",
        ),
        theirs=r"function raised error: [(\[].*stacktrace: undefined",
        ours=r"function raised error: .*stacktrace: undefined",
    ),
)
