"""Every setting and limit, with its default, in one frozen dataclass.

Owns names and defaults. It reads neither the environment nor files nor arguments: the command line does that and
hands a ``Settings`` down. Sizes are bytes, times are seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

# Of unique indexes. They hold inside the write transaction, where all must come to the same, so nobody sets them.
MAX_UNIQUE_INDEXES: Final = 32
"""Of one database. Those of design documents beyond are not enforced."""
MAX_UNIQUE_FIELDS: Final = 16
MAX_UNIQUE_SELECTOR: Final = 4 * KIB
"""Bytes of the normal form of a ``partial_filter_selector``, and characters of all fields together."""
UNIQUE_SELECTOR_STEPS: Final = 2_000
"""Of one document, about a millisecond; one for which they run out counts as one that the selector matches."""


# Of a server for tests, which keeps its snapshots in memory.
MAX_SNAPSHOTS: Final = 1_000
MAX_SNAPSHOT_BYTES: Final = 1 * GIB
"""Of the rows of all of them."""


class Durability(StrEnum):
    """What a power cut may take (docs/architecture.md, Durability)."""

    FSYNC = "fsync"
    RELAXED = "relaxed"
    NONE = "none"


class Profile(StrEnum):
    """The service whose surface a server has (docs/cloudant.md)."""

    COUCHDB = "couchdb"
    CLOUDANT = "cloudant"
    CLOUDANT_GEN2 = "cloudant-gen2"


class UuidAlgorithm(StrEnum):
    """How ids are made for documents that come without one."""

    SEQUENTIAL = "sequential"
    RANDOM = "random"
    UTC_RANDOM = "utc_random"
    UTC_ID = "utc_id"


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """What the LMDB store needs to know.

    ``command_max_work``  edits beyond become a further command, in units of ``database/apply/edit_work.py``: 2,000 of
                          small documents, about 40 ms of the writer
    ``shared_command_max_work``  the same while others write single documents: 125 edits
    ``keyed_command_max_work``  of a write with an idempotency key, which is one command; beyond it is refused
    ``max_snapshots``     open at a time, of which readers that work in slices may have all but ``snapshot_reserve``
    ``snapshot_max_age``  a reader that lasts longer goes on in a newer one
    ``snapshot_linger``   a reader whose client is waited for gives his back after so long
    ``map_growth_patience``  a thread that reads for longer makes the writes fail that need a larger map
    ``close_patience``    a thread that reads for longer keeps the file open when the store is closed
    """

    durability: Durability = Durability.FSYNC
    map_size: int = 1 * TIB
    map_size_smallest: int = 1 * GIB
    max_snapshots: int = 64
    snapshot_reserve: int = 16
    snapshot_max_age: float = 5.0
    snapshot_linger: float = 0.025
    map_growth_patience: float = 30.0
    close_patience: float = 10.0
    group_commit_max_commands: int = 1024
    group_commit_max_bytes: int = 16 * MIB
    command_max_work: int = 8_000
    shared_command_max_work: int = 500
    keyed_command_max_work: int = 40_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may not exceed.

    ``max_documents``  of one ``_bulk_docs``
    ``max_form_files``  fields of a form, files among them
    ``max_login_form`` bytes of a body that logs in, or asks for a token
    ``max_inflation``  how many times its size a gzipped body may have, beyond ``max_small_inflation``
    ``max_memory``     of all requests in flight (``httpd/wire/memory.py``)
    ``max_user_name``  bytes of a name that logs in, which goes into the cookie of the session
    ``max_small_memory``  a request that takes no more than this never waits
    ``max_memory_wait``   how long the others do before they are refused
    ``max_regex_time``    seconds that a ``$regex`` of a kind which may try endlessly has for a string
    ``max_connections``   at a time, or as many fewer as the system grants files
    ``max_idle_time``     of a connection without a request
    ``max_header_time``   from the first byte of a request to the end of its headers
    ``max_body_wait``     in which ``min_body_rate`` bytes a second have to come of a body that is waited for
    ``max_answer_wait``   in which a client has to read something of an answer that waits for it
    ``max_databases``  whose names do not begin with an underscore; 0 for any
    ``max_settings``   changed while the server runs, and ``max_settings_bytes`` of their names and words
    """

    max_document_size: int = 8_000_000
    max_attachment_size: int = 4 * GIB
    max_request_body: int = 256 * MIB
    max_json_depth: int = 500
    max_documents: int = 100_000
    max_form_files: int = 1_000
    max_login_form: int = 64 * KIB
    max_inflation: int = 100
    max_small_inflation: int = 64 * KIB
    max_memory: int = 1 * GIB
    max_small_memory: int = 1 * MIB
    max_memory_wait: float = 10.0
    max_doc_id: int = 7_168
    max_database_name: int = 238
    max_databases: int = 0
    max_user_name: int = 512
    max_url: int = 64 * KIB
    max_header: int = 32 * KIB
    max_uuids: int = 1_000
    max_stored_reply: int = 1 * MIB
    max_stored_replies: int = 100_000
    max_stored_reply_bytes: int = 64 * MIB
    parse_off_loop_from: int = 256 * KIB
    max_filter_steps: int = 10_000_000
    max_regex_time: float = 0.1
    max_connections: int = 10_000
    max_idle_time: float = 300.0
    max_header_time: float = 30.0
    max_body_wait: float = 60.0
    min_body_rate: int = 100
    max_answer_wait: float = 120.0
    max_settings: int = 1_000
    max_settings_bytes: int = 1 * MIB


HIGHEST_LIMIT: Final = 2**59 - 1
"""Rows that a query may ask for at most, in CouchDB too."""


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """What a function of a design document may take.

    ``time``    of a call; what takes longer is ended and fails (``os_process_timeout`` of CouchDB)
    ``memory``  of the engine that runs it, the documents that it is given included
    ``stack``   of its calls in calls
    ``result``  JSON text that a call gives: a document's rows, a reduction, a reply
    ``log``     text that a call may log; the rest is left out
    ``log_lines``  lines of one function in the server's log in a second; the others are counted
    ``list_rows``  rows of a view, as JSON text, that a list function is given at once
    ``list_patience``  a client that takes nothing of a list for so long is left
    ``reduce_limit``  whether reductions have to shrink
    ``query_limit``, ``partition_query_limit``  rows that a query of a view or listing may ask for, and is given; the
        latter one of a partition
    ``secure_rewrites``  whether the targets of ``rewrites`` stay in their database
    ``rewrite_limit``    how often one request may be rewritten
    ``batch``   JSON text of the rows of documents that are mapped at once; what comes to more is mapped by halves
    ``line``    bytes of a line that a query server answers with
    ``servers`` query servers that one worker process keeps
    ``server_memory``  address space of a query server, 0 for any
    """

    time: float = 5.0
    memory: int = 256 * MIB
    stack: int = 2 * MIB
    result: int = 16 * MIB
    log: int = 16 * KIB
    list_rows: int = 256 * KIB
    list_patience: float = 60.0
    reduce_limit: bool = True
    query_limit: int = HIGHEST_LIMIT
    partition_query_limit: int = HIGHEST_LIMIT
    secure_rewrites: bool = True
    rewrite_limit: int = 100
    batch: int = 64 * MIB
    line: int = 64 * MIB
    servers: int = 8
    server_memory: int = 4 * GIB
    log_lines: int = 10


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """How indexes are kept up to date.

    ``background``  whether an index that somebody has asked for follows its database unasked
    ``background_delay``  so long after the first write that it does not show
    """

    background: bool = True
    background_delay: float = 1.0


@dataclass(frozen=True, slots=True)
class FindSettings:
    """Queries of Mango.

    ``default_limit``  documents in a reply, where the query does not say
    ``scan_warning``   a reply warns if more documents were looked at for each that it shows; 0 for never
    """

    default_limit: int = 25
    scan_warning: int = 10


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Full-text search.

    ``enabled``   whether there is any; without it is answered as CouchDB without Clouseau does
    ``default_limit``, ``default_partition_limit``  rows of a reply, where nobody says
    ``max_limit``, ``max_partition_limit``  rows of a reply, in partitioned databases the second
    ``max_group_limit``  groups of a reply
    ``max_query_length``, ``max_query_depth``, ``max_query_clauses``  characters, open brackets, words of a query
    ``max_sort_fields``  of one ``sort``
    ``max_names``  fields that are counted, marked or shown, and values that are chosen, of one question
    ``max_find_patterns``  beginnings and ranges of texts that a ``_find`` asks a text index for
    ``max_time``  of a search, and that it waits for its turn; then it is ended
    ``process_from``  bytes of documents and terms that a query looks at from which on it has a process of its own
    ``max_answer``  bytes of what an answer shows: stored fields, highlights, counts
    ``max_document_terms``  terms and fields of one document; the others are not searched for
    ``max_facet_values``  that ``counts`` tells of a field: the most frequent ones
    ``max_facets``  fields of an index that are facets
    ``max_columns``  fields of an index, of texts and of numbers each, by which can be sorted
    ``max_open``  indexes whose files are open while nobody asks them
    ``writer_memory``  of an index that is being written
    ``at_once``   searches that run at the same time
    """

    enabled: bool = True
    default_limit: int = 25
    default_partition_limit: int = 2_000
    max_limit: int = 200
    max_partition_limit: int = 2_000
    max_group_limit: int = 200
    max_query_length: int = 64 * KIB
    max_query_depth: int = 100
    max_query_clauses: int = 1_024
    max_sort_fields: int = 16
    max_names: int = 100
    max_find_patterns: int = 64
    max_time: float = 10.0
    process_from: int = 16 * MIB
    max_answer: int = 64 * MIB
    max_document_terms: int = 1_000_000
    max_facet_values: int = 10_000
    max_facets: int = 1_000
    max_columns: int = 128
    max_open: int = 16
    writer_memory: int = 32 * MIB
    at_once: int = 2


@dataclass(frozen=True, slots=True)
class ReplicatorSettings:
    """How many replications run at a time, and how long they are remembered.

    ``max_jobs``    replications that run at the same time; others wait for their turn
    ``interval``    time after which continuous ones make room for those that wait, at most ``max_churn`` of them
    ``max_history`` events remembered of a replication
    ``health_threshold``  a run that lasted longer is not counted among failures in a row
    ``stop_grace``  time that a replication gets to write its last checkpoint when it is stopped
    ``update_docs`` also the states ``triggered`` and ``error`` are written into replication documents
    """

    max_jobs: int = 500
    interval: float = 60.0
    max_churn: int = 20
    max_history: int = 20
    health_threshold: float = 120.0
    stop_grace: float = 5.0
    update_docs: bool = False


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The worker processes.

    ``processes``   as many; 0 for as many as there are cores less one, and at least one
    ``job_timeout`` wall-clock time of a job that names none; then its process is killed
    ``start_patience``  a process that is not ready after so long counts as one that cannot be started
    ``start_again``  time after which it is tried again where processes could not be started
    ``build_patience``  a build that has waited for so long goes before somebody who waits
    ``max_waiting``, ``max_waiting_bytes``  jobs that wait in a queue, and their bytes; what comes beyond is refused
    ``parse_from``  bytes of a request from which on its documents are read and hashed in worker processes too
    ``max_result``  bytes of a job's result
    ``max_memory``  address space of a process, 0 for any
    ``keep_memory``  bytes; a process that still has more memory after a job is replaced
    ``reserved``    processes beside these for work in several steps, each a list function over a view
    ``reserved_patience``  who has waited for one of them for so long is refused
    """

    processes: int = 0
    job_timeout: float = 60.0
    start_patience: float = 30.0
    start_again: float = 60.0
    build_patience: float = 1.0
    parse_from: int = 64 * KIB
    max_waiting: int = 1_000
    max_waiting_bytes: int = 256 * MIB
    max_result: int = 256 * MIB
    max_memory: int = 4 * GIB
    keep_memory: int = 512 * MIB
    reserved: int = 16
    reserved_patience: float = 5.0


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What logging in may take.

    ``hash_threads``  threads that hash passwords; 0 for as many as there are cores less one, and at least one
    ``max_waiting_hashes``  passwords that wait for a thread; what comes beyond is refused
    """

    hash_threads: int = 0
    max_waiting_hashes: int = 64


@dataclass(frozen=True, slots=True)
class CloudantSettings:
    """What a server with Cloudant's surface has besides; heeded in that profile alone.

    ``blocks``  of provisioned throughput: 100 reads, 50 writes and 5 global queries a second each
    ``event_types``  the events that an activity tracker would be told; remembered, and told again
    ``any_api_key``  whether every API key is a manager's where none is configured: in servers for tests alone
    """

    blocks: int = 100
    event_types: tuple[str, ...] = ("management",)
    any_api_key: bool = False


@dataclass(frozen=True, slots=True)
class Admin:
    """An administrator that a server is started with, besides those of its configuration."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one node.

    ``system_databases``  that ``docstore serve`` makes where they are missing
    ``utc_id_suffix``  what is behind the time in ids of that algorithm
    ``decode_plus_to_space``  whether a plus sign in a path is a blank, as it is in a query string
    ``conflict_lines``  refused edits that are logged one by one in a second; the others of it are told in one line
    ``query_servers``   language -> the words of the command that runs its functions (docs/query_servers.md)
    ``utils``           the folder of another web page for ``/_utils/``, None for docstore's own
    ``utils_max_size``  bytes of all files of such a folder, which are kept in memory
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 5984
    server_uuid: str | None = None
    admin: Admin | None = None
    uuid_algorithm: UuidAlgorithm = UuidAlgorithm.SEQUENTIAL
    utc_id_suffix: str | None = None
    cookie_lifetime: float = 600.0
    upload_lifetime: float = 86_400.0
    idempotency_lifetime: float = 86_400.0
    idempotency_wait: float = 30.0
    changes_heartbeat: float = 60.0
    changes_timeout: float = 60.0
    shutdown_grace: float = 10.0
    conflict_lines: int = 10
    system_databases: tuple[str, ...] = ("_users", "_replicator", "_global_changes")
    decode_plus_to_space: bool = True
    query_servers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    profile: Profile = Profile.COUCHDB
    utils: Path | None = None
    utils_max_size: int = 64 * 1024 * 1024
    revs_limit: int = 1_000
    purged_infos_limit: int = 1_000
    storage: StorageSettings = field(default_factory=StorageSettings)
    limits: Limits = field(default_factory=Limits)
    functions: FunctionSettings = field(default_factory=FunctionSettings)
    replicator: ReplicatorSettings = field(default_factory=ReplicatorSettings)
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    views: ViewSettings = field(default_factory=ViewSettings)
    find: FindSettings = field(default_factory=FindSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    accounts: AccountSettings = field(default_factory=AccountSettings)
    cloudant: CloudantSettings = field(default_factory=CloudantSettings)
