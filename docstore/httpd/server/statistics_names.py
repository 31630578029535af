"""The numbers that CouchDB's ``_stats`` has, by name: of which kind each is, and what it is said to count.

Owns the names, all of CouchDB 3.5, so that a monitor made for it finds every one; those of methods and statuses are
made by ``statistics.py``. It must not know what is counted here. A line is a name below the last heading, ``counter``,
``gauge`` or ``histogram``, and the description. Follows the ``stats_descriptions.cfg`` of CouchDB's applications.
"""

from typing import Final, NamedTuple


class Number(NamedTuple):
    """``path``  where it stands in ``_stats``."""

    path: tuple[str, ...]
    kind: str
    description: str


_LINES: Final = """
couch_log:
level.alert counter number of logged alert messages
level.critical counter number of logged critical messages
level.debug counter number of logged debug messages
level.emergency counter number of logged emergency messages
level.error counter number of logged error messages
level.info counter number of logged info messages
level.notice counter number of logged notice messages
level.report counter number of logged report messages
level.report_error counter number of failed report messages
level.warning counter number of logged warning messages
couch_replicator:
changes_manager_deaths counter number of failed replicator changes managers
changes_queue_deaths counter number of failed replicator changes work queues
changes_read_failures counter number of failed replicator changes read failures
changes_reader_deaths counter number of failed replicator changes readers
checkpoints.failure counter number of failed checkpoint saves
checkpoints.success counter number of checkpoints successfully saves
connection.acquires counter number of times connections are shared
connection.closes counter number of times a worker is gracefully shut down
connection.creates counter number of connections created
connection.owner_crashes counter number of times a connection owner crashes while owning at least one connection
connection.releases counter number of times ownership of a connection is released
connection.worker_crashes counter number of times a worker unexpectedly terminates
db_scans counter number of times replicator db scans have been started
docs.completed_state_updates counter number of 'completed' state document updates
docs.db_changes counter number of db changes processed by replicator doc processor
docs.dbs_deleted counter number of db shard deletions seen by replicator doc processor
docs.dbs_found counter number of db shard found by replicator doc processor
docs.failed_state_updates counter number of 'failed' state document updates
failed_starts counter number of replications that have failed to start
jobs.adds counter number of jobs added to replicator scheduler
jobs.crashed gauge replicator scheduler crashed jobs
jobs.crashes counter number of job crashed noticed by replicator scheduler
jobs.duplicate_adds counter number of duplicate jobs added to replicator scheduler
jobs.pending gauge replicator scheduler pending jobs
jobs.removes counter number of jobs removed from replicator scheduler
jobs.running gauge replicator scheduler running jobs
jobs.starts counter number of jobs started by replicator scheduler
jobs.stops counter number of jobs stopped by replicator scheduler
jobs.total gauge total number of replicator scheduler jobs
requests counter number of HTTP requests made by the replicator
responses.failure counter number of failed HTTP responses received by the replicator
responses.success counter number of successful HTTP responses received by the replicator
stream_responses.failure counter number of failed streaming HTTP responses received by the replicator
stream_responses.success counter number of successful streaming HTTP responses received by the replicator
worker_deaths counter number of failed replicator workers
workers_started counter number of replicator workers started
couchdb:
auth_cache_hits counter number of authentication cache hits
auth_cache_misses counter number of authentication cache misses
coalesced_updates.interactive counter number of coalesced interactive updates
coalesced_updates.replicated counter number of coalesced replicated updates
collect_results_time histogram microsecond latency for calls to couch_db:collect_results/3
commits counter number of commits performed
couch_server.lru_skip counter number of couch_server LRU operations skipped
database_purges counter number of times a database was purged
database_reads counter number of times a document was read from a database
database_writes counter number of times a database was changed
db_open_time histogram milliseconds required to open a database
dbinfo histogram distribution of latencies for calls to retrieve DB info
document_inserts counter number of documents inserted
document_purges.failure counter number of failed document purge operations
document_purges.success counter number of successful document purge operations
document_purges.total counter number of total document purge operations
document_writes counter number of document write operations
httpd.abandoned_streaming_requests counter number of abandoned streaming requests
httpd.aborted_requests counter number of aborted requests
httpd.all_docs_timeouts counter number of HTTP all_docs timeouts
httpd.bulk_docs histogram distribution of the number of docs in _bulk_docs requests
httpd.bulk_requests counter number of bulk requests
httpd.clients_requesting_changes counter number of clients for continuous _changes
httpd.explain_timeouts counter number of HTTP _explain timeouts
httpd.find_timeouts counter number of HTTP find timeouts
httpd.partition_all_docs_requests counter number of partition HTTP _all_docs requests
httpd.partition_all_docs_timeouts counter number of partition HTTP all_docs timeouts
httpd.partition_explain_requests counter number of partition HTTP _explain requests
httpd.partition_explain_timeouts counter number of partition HTTP _explain timeouts
httpd.partition_find_requests counter number of partition HTTP _find requests
httpd.partition_find_timeouts counter number of partition HTTP find timeouts
httpd.partition_view_requests counter number of partition HTTP view requests
httpd.partition_view_timeouts counter number of partition HTTP view timeouts
httpd.purge_requests counter number of purge requests
httpd.requests counter number of HTTP requests
httpd.temporary_view_reads counter number of temporary view reads
httpd.view_reads counter number of view reads
httpd.view_timeouts counter number of HTTP view timeouts
io_queue.search counter Search IO directly triggered by client requests
io_queue2.search.count counter Search IO directly triggered by client requests
legacy_checksums counter number of legacy checksums found in couch_file instances
local_document_writes counter number of _local document write operations
mrview.emits counter number of invocations of `emit' in map functions in the view server
mrview.map_doc counter number of documents mapped in the view server
open_databases counter number of open databases
open_os_files counter number of file descriptors CouchDB has open
password_hashing_fast counter number of fast password hashing operations
password_hashing_slow counter number of slow password hashing operations
query_server.acquired_processes counter number of acquired external processes
query_server.calls.add_fun counter number of add_fun requests
query_server.calls.ddoc_filter counter number of filter requests
query_server.calls.ddoc_new counter number of ddoc new requests
query_server.calls.ddoc_other counter number of other ddoc requests
query_server.calls.ddoc_vdu counter number of vdu requests
query_server.calls.map counter number of map_doc requests
query_server.calls.other counter number of other requests
query_server.calls.reduce counter number of reduce requests
query_server.calls.reset counter number of reset requests
query_server.calls.spawn_proc counter number of spawned query processes
query_server.process_error_exits counter number of error OS process exits
query_server.process_errors counter number of OS process errors
query_server.process_exits counter number of normal OS process exits
query_server.process_prompts counter number of successful OS process prompts
query_server.process_starts counter number of OS process starts
query_server.time.add_fun counter accumulated number of microseconds spent processing add_fun requests
query_server.time.ddoc_filter counter accumulated number of microseconds spent processing filter requests
query_server.time.ddoc_new counter accumulated number of microseconds spent processing ddoc new requests
query_server.time.ddoc_other counter accumulated number of microseconds spent processing other ddoc requests
query_server.time.ddoc_vdu counter accumulated number of microseconds spent processing vdu requests
query_server.time.map counter accumulated number of microseconds spent processing map_doc requests
query_server.time.other counter accumulated number of microseconds spent processing other requests
query_server.time.reduce counter accumulated number of microseconds spent processing reduce requests
query_server.time.reset counter accumulated number of microseconds spent processing reset requests
query_server.time.spawn_proc counter accumulated number of microseconds spent spawning os query processes
query_server.vdu_process_time histogram duration of validate_doc_update function calls
query_server.vdu_rejects counter number of rejections by validate_doc_update function
request_time histogram length of a request inside CouchDB without MochiWeb
ddoc_cache:
hit counter number of design doc cache hits
miss counter number of design doc cache misses
recovery counter number of design doc cache recoveries
dreyfus:
httpd.search histogram Distribution of overall search request latency as experienced by the end user
index.await histogram length of an dreyfus_index await request
index.group1 histogram length of an dreyfus_index group1 request
index.group2 histogram length of an dreyfus_index group2 request
index.info histogram length of an dreyfus_index info request
index.search histogram length of an dreyfus_index search request
rpc.group1 histogram length of a group1 RPC worker
rpc.group2 histogram length of a group2 RPC worker
rpc.info histogram length of an info RPC worker
rpc.search histogram length of a search RPC worker
fabric:
doc_update.errors counter number of document update errors
doc_update.mismatched_errors counter number of document update errors with multiple error types
doc_update.write_quorum_errors counter number of write quorum errors
open_shard.timeouts counter number of open shard timeouts
read_repairs.failure counter number of failed read repair operations
read_repairs.success counter number of successful read repair operations
worker.timeouts counter number of worker timeouts
fsync:
count counter number of fsync calls
time histogram microseconds to call fsync
global_changes:
db_writes counter number of db writes performed by global changes
event_doc_conflict counter number of conflicted event docs encountered by global changes
listener_pending_updates gauge number of global changes updates pending writes in global_changes_listener
rpcs counter number of rpc operations performed by global_changes
server_pending_updates gauge number of global changes updates pending writes in global_changes_server
mango:
docs_examined counter number of documents examined by mango queries coordinated by this node
evaluate_selector counter number of mango selector evaluations
keys_examined counter number of keys examined by mango queries coordinated by this node
query_invalid_index counter number of mango queries that generated an invalid index warning
query_time histogram length of time processing a mango query
quorum_docs_examined counter number of documents examined by mango queries, using cluster quorum
results_returned counter number of rows returned by mango queries
too_many_docs_scanned counter number of mango queries that generated an index scan warning
unindexed_queries counter number of mango queries that could not use an index
mem3:
shard_cache.eviction counter number of shard cache evictions
shard_cache.hit counter number of shard cache hits
shard_cache.miss counter number of shard cache misses
nouveau:
active_searches counter number of active search requests
connection_closed_errors counter number of times we've retried a request after a connection_closed response
search_latency histogram Distribution of overall search request latency as experienced by the end user
update_latency histogram Distribution of time during search waiting for the index to be updated
pread:
exceed_eof counter number of the attempts to read beyond end of db file
exceed_limit counter number of the attempts to read beyond set limit
rexi:
buffered counter number of rexi messages buffered
down counter number of rexi_DOWN messages handled
dropped counter number of rexi messages dropped from buffers
streams.timeout.init_stream counter number of rexi stream initialization timeouts
streams.timeout.stream counter number of rexi stream timeouts
streams.timeout.wait_for_ack counter number of rexi stream timeouts while waiting for acks
"""


def _read(lines: str) -> list[Number]:
    numbers: list[Number] = []
    heading = ""
    for line in lines.strip().splitlines():
        if line.endswith(":"):
            heading = line[:-1]
            continue
        name, kind, description = line.split(" ", 2)
        numbers.append(Number((heading, *name.split(".")), kind, description))
    return numbers


NUMBERS: Final = _read(_LINES)
