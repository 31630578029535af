"""All operations of IBM's SDK for Python: how each is called, and what its answer has to be.

``OPERATIONS`` has an entry for each; a test calls them against a server that looks like Cloudant. The table of
docs/cloudant.md is made of it and of what the server was asked:  python -m tests.clients.ibm_operations
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from typing import Any, NamedTuple

from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import IAMAuthenticator
from ibmcloudant.cloudant_v1 import AllDocsQuery, CloudantV1, ViewQuery

from docstore.settings import Profile
from docstore.testing import TestNode, run_node_in_thread

DESIGN = {
    "views": {"n": {"map": "function (doc) { if (doc.n) emit(doc.n, 1); }", "reduce": "_sum"}},
    "indexes": {"text": {"index": "function (doc) { index('n', doc.n); index('default', 'word' + doc.n); }"}},
}
PARTED = {"options": {"partitioned": True}} | DESIGN
NUMBER = count()
JOB = re.compile(r"[0-9a-f]{32}\+continuous")


@dataclass
class Prepared:
    """A client, a database with documents ``a``, ``b``, ``_design/d`` and one with partitions; ``rev`` is that of a."""

    s: CloudantV1
    node: TestNode
    db: str
    parts: str
    rev: str
    design_rev: str

    def attached(self) -> str:
        return self.s.put_attachment(self.db, "c", "f.txt", BytesIO(b"hello"), "application/octet-stream").get_result()[
            "rev"
        ]

    def local(self) -> None:
        self.s.put_local_document(self.db, "point", {"n": 1})

    def index(self) -> None:
        self.s.post_index(self.db, index={"fields": [{"n": "asc"}]}, ddoc="q", name="by", type="json")

    def copying(self) -> dict[str, Any]:
        source, target = f"{self.node.url}/{self.db}", f"{self.node.url}/{self.parts}"
        return {"source": {"url": source}, "target": {"url": target}}

    def replication(self) -> str:
        return self.s.put_replication_document(self.db, self.copying() | {"continuous": True}).get_result()["rev"]

    def job(self) -> str:
        self.replication()
        while True:
            told = self.s.get_scheduler_document(self.db).get_result()
            if told["id"]:
                return told["id"]


class Operation(NamedTuple):
    """``call`` gives the answer, ``check`` says whether its result is right; ``status`` is what it answers."""

    call: Callable[[Prepared], Any]
    check: Callable[[Any], Any]
    status: int = 200
    refused: str = ""


OK = {"ok": True}


def is_ok(result: Any) -> bool:
    return result == OK


def written(result: Any) -> bool:
    return result["ok"] is True and bool(result["rev"])


def nothing(result: Any) -> bool:
    return result in (None, "", b"")


def rows(number: int) -> Callable[[Any], bool]:
    return lambda result: len(result["rows"]) == number


def lengths(result: Any) -> list[int]:
    return [len(one["rows"]) for one in result["results"]]


def text(expected: bytes) -> Callable[[Any], bool]:
    return lambda result: expected in result.content


QUERIES = [AllDocsQuery(limit=1), AllDocsQuery(limit=2)]
SERVER: dict[str, Operation] = {
    "get_server_information": Operation(lambda p: p.s.get_server_information(), lambda r: r["vendor"]["name"]),
    "get_uuids": Operation(lambda p: p.s.get_uuids(count=2), lambda r: len(r["uuids"]) == 2),
    "get_all_dbs": Operation(lambda p: p.s.get_all_dbs(limit=1), lambda r: len(r) == 1),
    "post_dbs_info": Operation(lambda p: p.s.post_dbs_info(["none"]), lambda r: r[0]["error"] == "not_found"),
    "get_db_updates": Operation(lambda p: p.s.get_db_updates(), nothing, 404, "not_found"),
    "get_membership_information": Operation(lambda p: p.s.get_membership_information(), lambda r: r["all_nodes"]),
    "get_up_information": Operation(lambda p: p.s.get_up_information(), lambda r: r["status"] == "ok"),
    "head_up_information": Operation(lambda p: p.s.head_up_information(), nothing),
    "get_active_tasks": Operation(lambda p: p.s.get_active_tasks(), lambda r: isinstance(r, list)),
    "get_session_information": Operation(
        lambda p: p.s.get_session_information(), lambda r: r["info"]["authenticated"] == "iam"
    ),
    "post_search_analyze": Operation(
        lambda p: p.s.post_search_analyze("english", "running dogs"), lambda r: r == {"tokens": ["run", "dog"]}
    ),
}
DATABASES: dict[str, Operation] = {
    "head_database": Operation(lambda p: p.s.head_database(p.db), nothing),
    "get_database_information": Operation(lambda p: p.s.get_database_information(p.db), lambda r: r["doc_count"] == 3),
    "put_database": Operation(lambda p: p.s.put_database(p.db + "x", partitioned=True, q=4), is_ok, 201),
    "delete_database": Operation(lambda p: p.s.delete_database(p.db), is_ok),
    "post_changes": Operation(lambda p: p.s.post_changes(p.db, limit=2), lambda r: len(r["results"]) == 2),
    "post_changes_as_stream": Operation(lambda p: p.s.post_changes_as_stream(p.db), text(b"last_seq")),
    "get_security": Operation(lambda p: p.s.get_security(p.db), lambda r: isinstance(r, dict)),
    "put_security": Operation(lambda p: p.s.put_security(p.db, members={"names": ["sue"]}), is_ok),
    "put_cloudant_security_configuration": Operation(
        lambda p: p.s.put_cloudant_security_configuration(p.db, {"sue": ["_reader"], "nobody": []}), is_ok
    ),
    "get_shards_information": Operation(lambda p: p.s.get_shards_information(p.db), lambda r: len(r["shards"]) == 2),
    "get_document_shards_info": Operation(
        lambda p: p.s.get_document_shards_info(p.db, "a"), lambda r: {"range", "nodes"} == set(r)
    ),
    "post_revs_diff": Operation(
        lambda p: p.s.post_revs_diff(p.db, {"a": ["1-x"]}), lambda r: r["a"]["missing"] == ["1-x"]
    ),
}
DOCUMENTS: dict[str, Operation] = {
    "post_document": Operation(lambda p: p.s.post_document(p.db, {"n": 3}), written, 201),
    "put_document": Operation(lambda p: p.s.put_document(p.db, "a", {"n": 9}, if_match=p.rev), written, 201),
    "get_document": Operation(lambda p: p.s.get_document(p.db, "a"), lambda r: r["n"] == 1),
    "get_document_as_mixed": Operation(lambda p: p.s.get_document_as_mixed(p.db, "a"), lambda r: r["n"] == 1),
    "get_document_as_related": Operation(
        lambda p: (p.attached(), p.s.get_document_as_related(p.db, "c", attachments=True))[1], text(b"f.txt")
    ),
    "get_document_as_stream": Operation(lambda p: p.s.get_document_as_stream(p.db, "a"), text(b'"n":1')),
    "head_document": Operation(lambda p: p.s.head_document(p.db, "a"), nothing),
    "delete_document": Operation(lambda p: p.s.delete_document(p.db, "a", rev=p.rev), written),
    "post_bulk_docs": Operation(lambda p: p.s.post_bulk_docs(p.db, {"docs": [{}, {}]}), lambda r: len(r) == 2, 201),
    "post_bulk_get": Operation(
        lambda p: p.s.post_bulk_get(p.db, [{"id": "a"}]), lambda r: r["results"][0]["docs"][0]["ok"]["n"] == 1
    ),
    "post_bulk_get_as_mixed": Operation(lambda p: p.s.post_bulk_get_as_mixed(p.db, [{"id": "a"}]), text(b'"n":1')),
    "post_bulk_get_as_related": Operation(lambda p: p.s.post_bulk_get_as_related(p.db, [{"id": "a"}]), text(b'"n":1')),
    "post_bulk_get_as_stream": Operation(lambda p: p.s.post_bulk_get_as_stream(p.db, [{"id": "a"}]), text(b'"n":1')),
    "post_all_docs": Operation(lambda p: p.s.post_all_docs(p.db, include_docs=True), rows(3)),
    "post_all_docs_as_stream": Operation(lambda p: p.s.post_all_docs_as_stream(p.db), text(b'"total_rows":3')),
    "post_all_docs_queries": Operation(
        lambda p: p.s.post_all_docs_queries(p.db, QUERIES),
        lambda r: [len(one["rows"]) for one in r["results"]] == [1, 2],
    ),
    "post_all_docs_queries_as_stream": Operation(
        lambda p: p.s.post_all_docs_queries_as_stream(p.db, QUERIES), text(b'"results"')
    ),
    "put_attachment": Operation(
        lambda p: p.s.put_attachment(p.db, "a", "f", BytesIO(b"x"), "text/plain", rev=p.rev), written, 201
    ),
    "get_attachment": Operation(lambda p: (p.attached(), p.s.get_attachment(p.db, "c", "f.txt"))[1], text(b"hello")),
    "head_attachment": Operation(lambda p: (p.attached(), p.s.head_attachment(p.db, "c", "f.txt"))[1], nothing),
    "delete_attachment": Operation(lambda p: p.s.delete_attachment(p.db, "c", "f.txt", rev=p.attached()), written),
    "put_local_document": Operation(lambda p: p.s.put_local_document(p.db, "point", {"n": 1}), written, 201),
    "get_local_document": Operation(
        lambda p: (p.local(), p.s.get_local_document(p.db, "point"))[1], lambda r: r["_rev"] == "0-1"
    ),
    "head_local_document": Operation(lambda p: (p.local(), p.s.head_local_document(p.db, "point"))[1], nothing),
    "delete_local_document": Operation(lambda p: (p.local(), p.s.delete_local_document(p.db, "point"))[1], written),
}
DESIGNS: dict[str, Operation] = {
    "put_design_document": Operation(lambda p: p.s.put_design_document(p.db, "e", DESIGN), written, 201),
    "get_design_document": Operation(lambda p: p.s.get_design_document(p.db, "d"), lambda r: r["views"]),
    "head_design_document": Operation(lambda p: p.s.head_design_document(p.db, "d"), nothing),
    "delete_design_document": Operation(lambda p: p.s.delete_design_document(p.db, "d", rev=p.design_rev), written),
    "get_design_document_information": Operation(
        lambda p: p.s.get_design_document_information(p.db, "d"), lambda r: r["view_index"]["signature"]
    ),
    "post_design_docs": Operation(lambda p: p.s.post_design_docs(p.db), rows(1)),
    "post_design_docs_queries": Operation(
        lambda p: p.s.post_design_docs_queries(p.db, QUERIES), lambda r: len(r["results"]) == 2
    ),
    "post_view": Operation(lambda p: p.s.post_view(p.db, "d", "n", reduce=False), rows(2)),
    "post_view_as_stream": Operation(lambda p: p.s.post_view_as_stream(p.db, "d", "n"), text(b'"rows"')),
    "post_view_queries": Operation(
        lambda p: p.s.post_view_queries(p.db, "d", "n", [ViewQuery(reduce=False), ViewQuery()]),
        lambda r: lengths(r) == [2, 1],
    ),
    "post_view_queries_as_stream": Operation(
        lambda p: p.s.post_view_queries_as_stream(p.db, "d", "n", [ViewQuery()]), text(b'"results"')
    ),
    "post_find": Operation(
        lambda p: p.s.post_find(p.db, {"n": 1}), lambda r: [one["_id"] for one in r["docs"]] == ["a"]
    ),
    "post_find_as_stream": Operation(lambda p: p.s.post_find_as_stream(p.db, {"n": 1}), text(b'"docs"')),
    "post_explain": Operation(lambda p: p.s.post_explain(p.db, {"n": 1}), lambda r: r["index"]["name"] == "_all_docs"),
    "get_indexes_information": Operation(lambda p: p.s.get_indexes_information(p.db), lambda r: r["total_rows"] == 1),
    "post_index": Operation(
        lambda p: p.s.post_index(p.db, index={"fields": [{"n": "asc"}]}, type="json"),
        lambda r: r["result"] == "created",
    ),
    "delete_index": Operation(lambda p: (p.index(), p.s.delete_index(p.db, "q", "json", "by"))[1], is_ok),
    "post_search": Operation(lambda p: p.s.post_search(p.db, "d", "text", "word1"), rows(1)),
    "post_search_as_stream": Operation(
        lambda p: p.s.post_search_as_stream(p.db, "d", "text", "word1"), text(b'"total_rows":1')
    ),
    "get_search_info": Operation(
        lambda p: p.s.get_search_info(p.db, "d", "text"), lambda r: r["search_index"]["doc_count"] >= 0
    ),
    "get_search_disk_size": Operation(
        lambda p: p.s.get_search_disk_size(p.db, "d", "text"), lambda r: r["search_index"]["disk_size"] >= 0
    ),
}
PARTITIONS: dict[str, Operation] = {
    "get_partition_information": Operation(
        lambda p: p.s.get_partition_information(p.parts, "x"), lambda r: r["doc_count"] == 2
    ),
    "post_partition_all_docs": Operation(lambda p: p.s.post_partition_all_docs(p.parts, "x"), rows(2)),
    "post_partition_all_docs_as_stream": Operation(
        lambda p: p.s.post_partition_all_docs_as_stream(p.parts, "x"), text(b'"rows"')
    ),
    "post_partition_view": Operation(lambda p: p.s.post_partition_view(p.parts, "x", "d", "n", reduce=False), rows(2)),
    "post_partition_view_as_stream": Operation(
        lambda p: p.s.post_partition_view_as_stream(p.parts, "x", "d", "n"), text(b'"rows"')
    ),
    "post_partition_find": Operation(
        lambda p: p.s.post_partition_find(p.parts, "x", {"n": 1}), lambda r: len(r["docs"]) == 1
    ),
    "post_partition_find_as_stream": Operation(
        lambda p: p.s.post_partition_find_as_stream(p.parts, "x", {"n": 1}), text(b'"docs"')
    ),
    "post_partition_explain": Operation(
        lambda p: p.s.post_partition_explain(p.parts, "x", {"n": 1}), lambda r: r["partitioned"] in ("true", True)
    ),
    "post_partition_search": Operation(
        lambda p: p.s.post_partition_search(p.parts, "x", "d", "text", "word1"), rows(1)
    ),
    "post_partition_search_as_stream": Operation(
        lambda p: p.s.post_partition_search_as_stream(p.parts, "x", "d", "text", "word1"), text(b'"rows"')
    ),
}
REPLICATION: dict[str, Operation] = {
    "post_replicator": Operation(lambda p: p.s.post_replicator(p.copying()), written, 201),
    "put_replication_document": Operation(lambda p: p.s.put_replication_document(p.db, p.copying()), written, 201),
    "get_replication_document": Operation(
        lambda p: (p.replication(), p.s.get_replication_document(p.db))[1], lambda r: r["owner"].startswith("iam-")
    ),
    "head_replication_document": Operation(
        lambda p: (p.replication(), p.s.head_replication_document(p.db))[1], nothing
    ),
    "delete_replication_document": Operation(
        lambda p: p.s.delete_replication_document(p.db, rev=p.replication()), written
    ),
    "get_scheduler_docs": Operation(lambda p: (p.job(), p.s.get_scheduler_docs())[1], lambda r: r["total_rows"] >= 1),
    "get_scheduler_document": Operation(
        lambda p: (p.job(), p.s.get_scheduler_document(p.db))[1], lambda r: r["database"] == "_replicator"
    ),
    "head_scheduler_document": Operation(lambda p: (p.job(), p.s.head_scheduler_document(p.db))[1], nothing),
    "get_scheduler_jobs": Operation(lambda p: (p.job(), p.s.get_scheduler_jobs())[1], lambda r: r["total_rows"] >= 1),
    "get_scheduler_job": Operation(lambda p: p.s.get_scheduler_job(p.job()), lambda r: r["history"]),
    "head_scheduler_job": Operation(lambda p: p.s.head_scheduler_job(p.job()), nothing),
}
ACCOUNT: dict[str, Operation] = {
    "post_api_keys": Operation(lambda p: p.s.post_api_keys(), lambda r: r["key"].startswith("apikey-"), 201),
    "get_cors_information": Operation(lambda p: p.s.get_cors_information(), lambda r: "origins" in r),
    "put_cors_configuration": Operation(lambda p: p.s.put_cors_configuration(["https://a.example"]), is_ok),
    "get_capacity_throughput_information": Operation(
        lambda p: p.s.get_capacity_throughput_information(), lambda r: r["current"]["throughput"]["read"] > 0
    ),
    "put_capacity_throughput_configuration": Operation(
        lambda p: p.s.put_capacity_throughput_configuration(100), lambda r: r["target"]["throughput"]["blocks"] == 100
    ),
    "get_current_throughput_information": Operation(
        lambda p: p.s.get_current_throughput_information(), lambda r: set(r["throughput"]) == {"query", "read", "write"}
    ),
    "get_capacity_databases_information": Operation(
        lambda p: p.s.get_capacity_databases_information(), lambda r: r["current"]["databases"]["total"] > 0
    ),
    "get_current_databases_information": Operation(
        lambda p: p.s.get_current_databases_information(), lambda r: r["databases"]["total"] >= 2
    ),
    "get_activity_tracker_events": Operation(
        lambda p: p.s.get_activity_tracker_events(), lambda r: "management" in r["types"]
    ),
    "post_activity_tracker_events": Operation(lambda p: p.s.post_activity_tracker_events(["management"]), is_ok),
}
OPERATIONS = SERVER | DATABASES | DOCUMENTS | DESIGNS | PARTITIONS | REPLICATION | ACCOUNT
GROUPS = {
    "The server": SERVER,
    "Databases": DATABASES,
    "Documents": DOCUMENTS,
    "Design documents, indexes and queries": DESIGNS,
    "Partitions": PARTITIONS,
    "Replication": REPLICATION,
    "The account": ACCOUNT,
}


@contextmanager
def cloudant_server() -> Iterator[tuple[TestNode, CloudantV1]]:
    """A server that looks like Cloudant, and IBM's client for it."""
    with run_node_in_thread(profile=Profile.CLOUDANT) as node:
        service = CloudantV1(authenticator=IAMAuthenticator("any-key", url=node.url))
        service.set_service_url(node.url)
        service.put_database("_replicator")
        yield node, service


@contextmanager
def prepared(node: TestNode, service: CloudantV1) -> Iterator[Prepared]:
    """Databases of one operation's own."""
    db = f"op{next(NUMBER)}"
    parts = f"{db}parts"
    service.put_database(db)
    service.put_database(parts, partitioned=True)
    docs = [{"_id": "a", "n": 1}, {"_id": "b", "n": 2}, {"_id": "_design/d", **DESIGN}]
    written = service.post_bulk_docs(db, {"docs": docs}).get_result()
    parted = [{"_id": "x:a", "n": 1}, {"_id": "x:b", "n": 2}, {"_id": "y:a"}, {"_id": "_design/d", **PARTED}]
    service.post_bulk_docs(parts, {"docs": parted}).get_result()
    try:
        yield Prepared(service, node, db, parts, written[0]["rev"], written[2]["rev"])
    finally:
        for name in (db, parts, f"{db}x"):
            try:
                service.delete_database(name)
            except ApiException as error:
                if error.status_code != 404:
                    raise


def table() -> str:
    """The operations as a table: what each asks of the server, and what it is answered with."""
    from tests.clients.test_ibm_operations import IS_SEARCHED, NEED_SEARCH

    lines: list[str] = []
    with cloudant_server() as (node, service):
        for group, operations in GROUPS.items():
            lines += ["", f"**{group}**", "", "| operation | request | answer |", "|---|---|---|"]
            for name, operation in operations.items():
                if name in NEED_SEARCH and not IS_SEARCHED:
                    lines.append(f"| `{name}` | | not yet |")
                    continue
                with prepared(node, service) as p:
                    with suppress(ApiException):
                        operation.call(p)
                    [entry] = node.journal.requests(operation=name)[-1:]
                    path = entry.path.replace(f"{p.db}x", p.db).replace(p.parts, "{db}").replace(p.db, "{db}")
                    path = JOB.sub("{id}", path.replace("_replicator/{db}", "_replicator/{id}"))
                lines.append(f"| `{name}` | {entry.method} `{path}` | {entry.status} |")
    return "\n".join(lines[1:])


if __name__ == "__main__":
    print(table())
