"""THE route table: every path and method that docstore answers, on one screen.

Owns nothing but the table. A row is a path, CouchDB's Allow list for it (its order differs from endpoint to
endpoint), perhaps who may, and a handler per method: ``async def handler(request: Request) -> Reply | StreamReply``. A
HEAD goes to the handler of GET, also where the Allow list does not name it, as in CouchDB. ``routing.py`` says what the
patterns mean; a first segment that no row of the server has is a database, a second that no row of a database has is a
document.
"""

from docstore.core.security.access import Access
from docstore.httpd.cloudant import granting
from docstore.httpd.description import endpoint as description
from docstore.httpd.documents import (
    attachments,
    bulk,
    bulk_get,
    documents,
    form_documents,
    local_docs,
    resolve,
    revs,
    tree,
)
from docstore.httpd.functions import lists, rewrites, searches, shows
from docstore.httpd.listings import all_docs, changes, conflicts, db_updates, find, views
from docstore.httpd.routing import READING, Handler, Route, Router, in_system, open_route, route
from docstore.httpd.server import (
    config,
    cors_settings,
    databases,
    indexes,
    maintenance,
    node_endpoints,
    partitions,
    purge,
    refusals,
    replicate,
    root,
    scheduler,
    session,
    shards,
    telemetry,
    web_page,
)
from docstore.httpd.uploads import protocols as uploads

DOCUMENT = "DELETE,GET,HEAD,POST,PUT,COPY"
ATTACHMENT = "DELETE,GET,HEAD,PUT"
METHODS = ("GET", "PUT", "POST", "DELETE", "COPY")

# Who may. Without a word it is a server admin, or in a database a member: ``routing.py``.
NAMED = Access.NAMED
METRICS = Access.METRICS
LISTER = Access.LISTER
ANYBODY = Access.ANYBODY
ADMIN = Access.SERVER_ADMIN
MEMBER = Access.MEMBER
EDITOR = Access.EDITOR
REPLICATOR = Access.REPLICATOR
DATABASE_ADMIN = Access.DATABASE_ADMIN
MAINTAINER = Access.MAINTAINER
DATABASE_ADMIN_SETS = {"PUT": DATABASE_ADMIN}
DESIGNER = Access.DESIGNER
OF_DATABASE = {"PUT": ADMIN, "DELETE": ADMIN, "POST": Access.CREATOR} | dict.fromkeys(READING, Access.ENTRANT)
SECURITY = {"PUT": Access.SECURITY_WRITER} | dict.fromkeys(READING, Access.SECURITY_READER)
CHECKPOINTS = {"COPY": EDITOR} | dict.fromkeys(READING, REPLICATOR)
CHECKPOINTS |= dict.fromkeys(("PUT", "POST", "DELETE"), Access.CHECKPOINTER)
EDITS = {"PUT": Access.CREATOR, "COPY": EDITOR} | dict.fromkeys(READING, REPLICATOR)
DESIGNS = {"COPY": EDITOR} | dict.fromkeys(READING, Access.DESIGN_READER)
DESIGNS |= dict.fromkeys(("PUT", "POST", "DELETE"), DESIGNER)
"""What of a design document COPY writes is another document, whose id says who may."""


def refused(pattern: str, handler: Handler, may: Access | None = None, *methods: str) -> Route:
    """A row that gives one answer to every method; with ``methods`` to these too."""
    return route(pattern, ",".join(METHODS), may, **dict.fromkeys((*METHODS, *methods), handler))


OF_DOCUMENT: dict[str, Handler] = {
    "GET": documents.get_document,
    "PUT": documents.put_document,
    "POST": form_documents.post_form,
    "DELETE": documents.delete_document,
    "COPY": documents.copy_document,
}
OF_LOCAL: dict[str, Handler] = {
    "GET": local_docs.get_local,
    "PUT": local_docs.put_local,
    "POST": form_documents.post_form,
    "DELETE": local_docs.delete_local,
    "COPY": documents.copy_document,
}
OF_ATTACHMENT: dict[str, Handler] = {
    "GET": attachments.get_attachment,
    "PUT": uploads.put_attachment,
    "POST": uploads.post_attachment,
    "OPTIONS": uploads.options,
    "DELETE": attachments.delete_attachment,
}
OF_UPLOAD: dict[str, Handler] = {
    "GET": uploads.show,
    "POST": uploads.complete,
    "PATCH": uploads.append,
    "DELETE": uploads.cancel,
    "OPTIONS": uploads.options,
}
OF_LISTING: dict[str, Handler] = {"GET": all_docs.get_all_docs, "POST": all_docs.post_all_docs}

ROUTES = (
    # the server
    open_route("/", "GET,HEAD", GET=root.welcome),
    open_route("/favicon.ico", "GET,HEAD", GET=root.favicon),
    open_route("/_utils", "GET,HEAD", GET=web_page.to_page),
    open_route("/_utils/{path...}", "GET,HEAD", GET=web_page.page_file),
    open_route("/_up", "GET,HEAD", GET=root.up),
    open_route("/_uuids", "GET", GET=root.uuids),
    open_route("/_session", "GET,HEAD,POST,DELETE", GET=session.show, POST=session.login, DELETE=session.logout),
    route("/_all_dbs", "GET,HEAD", LISTER, GET=root.all_dbs),
    route("/_dbs_info", "GET,HEAD,POST", LISTER, GET=root.dbs_info, POST=root.dbs_info_by_name),
    route("/_db_updates", "GET", GET=db_updates.get_db_updates),
    route("/_search_analyze", "GET,POST", GET=searches.get_analyze, POST=searches.post_analyze),
    route("/_membership", "GET", GET=root.membership),
    route("/_active_tasks", "GET,HEAD", GET=root.active_tasks),
    route("/_cluster_setup", "GET,POST", GET=root.cluster_setup),
    route("/_replicate", "POST", NAMED, POST=replicate.replicate),
    route("/_scheduler/jobs", "GET,HEAD", GET=scheduler.jobs),
    route("/_scheduler/jobs/{id}", "GET,HEAD", GET=scheduler.job),
    route("/_scheduler/docs", "GET,HEAD", GET=scheduler.docs),
    route("/_scheduler/docs/{path...}", "GET,HEAD", GET=scheduler.docs),
    refused("/_node", refusals.no_node_name),
    route("/_node/{name}", "GET", GET=node_endpoints.name),
    route("/_node/{name}/_config", "GET", GET=config.all_sections),
    route("/_node/{name}/_config/_reload", "POST", POST=config.reload),
    route("/_node/{name}/_config/{section}", "GET", GET=config.section),
    route(
        "/_node/{name}/_config/{section}/{key}",
        "GET,PUT,DELETE",
        GET=config.value,
        PUT=config.set_value,
        DELETE=config.delete_value,
    ),
    route("/_node/{name}/_stats", "GET", METRICS, GET=node_endpoints.statistics),
    route("/_node/{name}/_stats/{path...}", "GET", METRICS, GET=node_endpoints.statistics),
    route("/_node/{name}/_prometheus", "GET", METRICS, GET=telemetry.prometheus),
    route("/_node/{name}/_system", "GET", METRICS, GET=node_endpoints.system),
    route("/_node/{name}/_versions", "GET", GET=node_endpoints.versions),
    route(
        "/_api/v2/user/config/cors",
        "GET,PUT",
        GET=cors_settings.cors_settings,
        PUT=cors_settings.set_cors_settings,
    ),
    route(
        "/_api/v2/db/{db}/_security",
        "GET,PUT",
        SECURITY,
        GET=granting.security,
        PUT=granting.set_security,
    ),
    open_route("/_docstore/openapi.json", "GET,HEAD", GET=description.openapi),
    route("/_docstore/conflict_stats", "GET,HEAD", GET=telemetry.conflict_stats),
    route("/_docstore/log", "GET,HEAD", GET=telemetry.log),
    # a database
    in_system(
        route(
            "/{db}",
            "DELETE,GET,HEAD,POST",
            OF_DATABASE,
            PUT=databases.create,
            GET=databases.info,
            POST=documents.create_document,
            DELETE=databases.delete,
        )
    ),
    in_system(
        route(
            "/{db}/_security",
            "PUT,GET",
            SECURITY,
            PUT=databases.set_security,
            GET=databases.security,
        )
    ),
    route("/{db}/_revs_limit", "PUT,GET", DATABASE_ADMIN_SETS, PUT=databases.set_revs_limit, GET=databases.revs_limit),
    route(
        "/{db}/_purged_infos_limit",
        "GET,PUT",
        ADMIN,
        PUT=databases.set_purged_infos_limit,
        GET=databases.purged_infos_limit,
    ),
    route("/{db}/_shards", "GET", Access.SHARDS, GET=shards.shards),
    route("/{db}/_shards/{id}", "GET", Access.SHARDS, GET=shards.shard_of),
    route("/{db}/_sync_shards", "POST", ADMIN, POST=shards.sync_shards),
    route("/{db}/_compact", "POST", MAINTAINER, POST=maintenance.compact),
    route("/{db}/_compact/{name}", "POST", MAINTAINER, POST=maintenance.compact_design),
    route("/{db}/_view_cleanup", "POST", MAINTAINER, POST=maintenance.view_cleanup),
    route("/{db}/_search_cleanup", "POST", MAINTAINER, POST=searches.clean_up),
    in_system(route("/{db}/_ensure_full_commit", "POST", Access.ENTRANT, POST=maintenance.ensure_full_commit)),
    route("/{db}/_changes", "GET,POST,HEAD", REPLICATOR, GET=changes.get_changes, POST=changes.post_changes),
    in_system(route("/{db}/_bulk_docs", "POST", Access.CREATOR, POST=bulk.bulk_docs)),
    route("/{db}/_bulk_get", "POST", REPLICATOR, POST=bulk_get.bulk_get),
    route("/{db}/_revs_diff", "POST", REPLICATOR, POST=revs.revs_diff),
    route("/{db}/_missing_revs", "POST", REPLICATOR, POST=revs.missing_revs),
    route("/{db}/_conflicts", "GET,HEAD,POST", MEMBER, GET=conflicts.get_conflicts, POST=conflicts.post_conflicts),
    route("/{db}/_resolve", "POST", EDITOR, POST=resolve.resolve_many),
    route("/{db}/_purge", "POST", ADMIN, POST=purge.purge),
    route("/{db}/_temp_view", "POST", MEMBER, POST=refusals.no_temporary_view),
    route("/{db}/_purged_infos", "GET", GET=purge.purged_infos),
    route("/{db}/_find", "POST", MEMBER, POST=find.find),
    route("/{db}/_explain", "POST", MEMBER, POST=find.explain),
    route("/{db}/_index", "GET,POST", DESIGNS, GET=indexes.list_indexes, POST=indexes.make_index),
    route("/{db}/_index/_bulk_delete", "POST", DESIGNER, POST=indexes.bulk_delete),
    route("/{db}/_index/{ddoc}/{type}/{name}", "DELETE", DESIGNER, DELETE=indexes.remove_index),
    route("/{db}/_index/_design/{ddoc}/{type}/{name}", "DELETE", DESIGNER, DELETE=indexes.remove_index),
    route("/{db}/_index/{path...}", "", MEMBER, **dict.fromkeys(METHODS, indexes.nothing_there)),
    # a partition
    refused("/{db}/_partition", partitions.no_partition, MEMBER, "OPTIONS"),
    route("/{db}/_partition/{partition}", "GET", MEMBER, GET=partitions.info, POST=partitions.not_posted),
    refused("/{db}/_partition/{partition}/{path...}", partitions.inside, MEMBER, "OPTIONS"),
    # documents by id
    route("/{db}/_all_docs", "GET,HEAD,POST", MEMBER, **OF_LISTING),
    route("/{db}/_all_docs/queries", "POST", MEMBER, POST=all_docs.post_queries),
    route("/{db}/_design_docs", "GET,HEAD,POST", MEMBER, **OF_LISTING),
    route("/{db}/_design_docs/queries", "POST", MEMBER, POST=all_docs.post_queries),
    route("/{db}/_local_docs", "GET,HEAD,POST", MEMBER, **OF_LISTING),
    route("/{db}/_local_docs/queries", "POST", MEMBER, POST=all_docs.post_queries),
    route("/{db}/_uploads/{uuid}", "DELETE,GET,HEAD,OPTIONS,PATCH,POST", Access.WRITER, **OF_UPLOAD),
    # a document
    refused("/{db}/_local", refusals.no_local_id),
    route("/{db}/_local/{doc}", DOCUMENT, CHECKPOINTS, **OF_LOCAL),
    refused("/{db}/_local/{doc}/{path...}", refusals.no_local_attachment),
    route("/{db}/_local%2F{doc}", DOCUMENT, CHECKPOINTS, **OF_LOCAL),
    in_system(route("/{db}/_design/{doc}", DOCUMENT, DESIGNS, **OF_DOCUMENT)),
    route("/{db}/_design/{doc}/_info", "GET", DESIGNS, GET=views.info),
    refused("/{db}/_design/{doc}/_view", views.no_view_name, MEMBER),
    route("/{db}/_design/{doc}/_view/{view}", "GET,POST,HEAD", MEMBER, GET=views.get_view, POST=views.post_view),
    route("/{db}/_design/{doc}/_view/{view}/queries", "POST", MEMBER, POST=views.post_queries),
    refused("/{db}/_design/{doc}/_view/{view}/{path...}", refusals.view_method, MEMBER),
    refused("/{db}/_design/{doc}/_search", searches.no_index, MEMBER),
    route(
        "/{db}/_design/{doc}/_search/{index}",
        searches.METHODS,
        MEMBER,
        GET=searches.get_search,
        POST=searches.post_search,
    ),
    refused("/{db}/_design/{doc}/_search/{index}/{path...}", searches.no_index, MEMBER),
    route("/{db}/_design/{doc}/_search_info/{index}", "GET", GET=searches.info),
    route("/{db}/_design/{doc}/_search_disk_size/{index}", "GET", GET=searches.disk_size),
    refused("/{db}/_design/{doc}/_nouveau/{path...}", refusals.no_nouveau, MEMBER),
    refused("/{db}/_design/{doc}/_rewrite", rewrites.rewrite, MEMBER),
    refused("/{db}/_design/{doc}/_rewrite/{path...}", rewrites.rewrite, MEMBER),
    refused("/{db}/_design/{doc}/_show", shows.no_show, MEMBER),
    refused("/{db}/_design/{doc}/_show/{path...}", shows.show, MEMBER),
    refused("/{db}/_design/{doc}/_update", shows.no_update, EDITOR),
    refused("/{db}/_design/{doc}/_update/{path...}", shows.update, EDITOR),
    route("/{db}/_design/{doc}/_list", "GET,POST,HEAD", MEMBER, **dict.fromkeys(lists.METHODS, lists.no_list)),
    route(
        "/{db}/_design/{doc}/_list/{path...}",
        "GET,POST,HEAD",
        MEMBER,
        **dict.fromkeys(lists.METHODS, lists.render_list),
    ),
    route("/{db}/_design/{doc}/_tree", "GET,HEAD", DESIGNS, GET=tree.get_tree),
    route("/{db}/_design/{doc}/_resolve", "POST", DESIGNER, POST=resolve.resolve_document),
    route("/{db}/_design/{doc}/{path...}", ATTACHMENT, DESIGNS, **OF_ATTACHMENT),
    in_system(route("/{db}/_design%2F{doc}", DOCUMENT, DESIGNS, **OF_DOCUMENT | {"GET": refusals.design_path})),
    route("/{db}/_design%2F{doc}/_tree", "GET,HEAD", DESIGNS, GET=refusals.design_path),
    route("/{db}/_design%2F{doc}/_resolve", "POST", DESIGNER, POST=resolve.resolve_document),
    route("/{db}/_design%2F{doc}/{path...}", ATTACHMENT, DESIGNS, **OF_ATTACHMENT | {"GET": refusals.design_path}),
    in_system(route("/{db}/{doc}", DOCUMENT, EDITS, **OF_DOCUMENT)),
    route("/{db}/{doc}/_tree", "GET,HEAD", GET=tree.get_tree),
    route("/{db}/{doc}/_resolve", "POST", EDITOR, POST=resolve.resolve_document),
    in_system(route("/{db}/{doc}/{path...}", ATTACHMENT, EDITS, **OF_ATTACHMENT)),
)

ONCE: frozenset[Handler] = frozenset(
    {
        databases.create,
        databases.delete,
        documents.create_document,
        documents.put_document,
        documents.delete_document,
        documents.copy_document,
        local_docs.put_local,
        local_docs.delete_local,
        uploads.put_attachment,
        attachments.delete_attachment,
        bulk.bulk_docs,
        purge.purge,
        resolve.resolve_document,
        resolve.resolve_many,
    }
)
"""What is carried out once, however often it comes with the same Idempotency-Key. Elsewhere the header says nothing."""

ROUTER = Router(ROUTES, once=ONCE)
