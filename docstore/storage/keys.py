"""The names of all tables and the layout of every key.

Owns key bytes: nobody else packs one. It must not know what the values hold (``records.py``) nor how a key with a
long id gets its label (``long_ids.py``). ``docs/storage_format.md`` describes the same in words.

Every key of a table that belongs to databases starts with the database's number, 4 bytes big-endian, never reused;
so one database is one key range in each table, and sorts by what follows. Attachments' bytes belong to the store as a
whole: their tables are keyed by the number of a blob or of a staging, 8 bytes big-endian, never reused. Remembered
replies outlive their database: their tables are keyed by a digest of its name.

A document's key is its id in UTF-8, so that the table's order is the order of ``_all_docs``. LMDB takes keys of at
most 511 bytes while ids go up to 7,168: an id of ``LONG_ID_FROM`` bytes or more is keyed by its first
``LONG_ID_FROM`` bytes and a label of 8 bytes. Among ids with the same first bytes (a *group*) labels sort as
the ids do, and the record carries the whole id. A short id has fewer than ``LONG_ID_FROM`` bytes, so it sorts before
every long id that it is a prefix of, as it must.
"""

from hashlib import blake2b
from struct import Struct

FORMAT_VERSION = 2
READABLE_VERSIONS = frozenset({1, FORMAT_VERSION})
"""Those of stores that can be opened; one of an older version has this one from when it is opened to write."""

META = b"meta"
DATABASES = b"databases"
STATES = b"states"
PROPERTIES = b"properties"
SWEEPS = b"sweeps"
DOCS = b"docs"
RUNS = b"runs"
BODIES = b"bodies"
CHANGES = b"changes"
DOC_COUNTS = b"doc_counts"
SEQ_COUNTS = b"seq_counts"
CONFLICTS = b"conflicts"
LOCAL = b"local"
PURGES = b"purges"
PURGE_IDS = b"purge_ids"
BLOBS = b"blobs"
DIGESTS = b"digests"
BLOB_REFS = b"blob_refs"
STAGINGS = b"stagings"
GARBAGE = b"garbage"
UPLOADS = b"uploads"
REPLIES = b"replies"
REPLY_ORDER = b"reply_order"
REPLY_TOTALS = b"reply_totals"
EXPIRIES = b"expiries"
UNIQUE_INDEXES = b"unique_indexes"
UNIQUE_KEYS = b"unique_keys"
UNIQUE_DUPLICATES = b"unique_duplicates"

TABLE_NAMES = (
    META,
    DATABASES,
    STATES,
    PROPERTIES,
    SWEEPS,
    DOCS,
    RUNS,
    BODIES,
    CHANGES,
    DOC_COUNTS,
    SEQ_COUNTS,
    CONFLICTS,
    LOCAL,
    PURGES,
    PURGE_IDS,
    BLOBS,
    DIGESTS,
    BLOB_REFS,
    STAGINGS,
    GARBAGE,
    UPLOADS,
    REPLIES,
    REPLY_ORDER,
    REPLY_TOTALS,
    EXPIRIES,
    UNIQUE_INDEXES,
    UNIQUE_KEYS,
    UNIQUE_DUPLICATES,
)
"""Every table that this format creates."""

LATER_TABLE_NAMES = frozenset(
    {REPLIES, REPLY_ORDER, REPLY_TOTALS, EXPIRIES, UNIQUE_INDEXES, UNIQUE_KEYS, UNIQUE_DUPLICATES}
)
"""Those that stores may lack until they are opened to write: format 1 began without them. They count as empty."""

MAX_TABLES = 64
"""``max_dbs`` of the environment."""

DATABASE_TABLE_NAMES = (
    STATES,
    PROPERTIES,
    DOCS,
    RUNS,
    BODIES,
    CHANGES,
    DOC_COUNTS,
    SEQ_COUNTS,
    CONFLICTS,
    LOCAL,
    PURGES,
    PURGE_IDS,
    UNIQUE_INDEXES,
    UNIQUE_KEYS,
    UNIQUE_DUPLICATES,
)
"""The tables whose keys start with a database number: what a sweep empties and ``sizes.file`` adds up."""

META_FORMAT_VERSION = b"format_version"
META_EPOCH = b"epoch"
META_RUN = b"run"
META_NEXT_DATABASE = b"next_database"
META_SERVER_UUID = b"server_uuid"
META_NEXT_BLOB = b"next_blob"
META_EXPIRIES_RUN = b"expiries_run"
"""The last run that kept ``expiries``; where it is not the last run of all, the table is made anew."""

PROPERTY_NAME = b"name"
PROPERTY_SECURITY = b"security"
PROPERTY_PROPS = b"props"

PREFIX_BYTES = 4
LONG_ID_FROM = 400
LABEL_BYTES = 8
LABEL_MAX = (1 << 64) - 1
REPLY_SCOPE_BYTES = 16
REPLY_DIGEST_BYTES = 32
LONG_KEY_BYTES = PREFIX_BYTES + LONG_ID_FROM + LABEL_BYTES
MAX_NUMBER = (1 << 32) - 2
"""The last database number that is given out; the one behind it ends the last one's keys."""

MAX_SEQ = (1 << 62) - 1
"""A sequence number shares 8 bytes with two flags in a run entry."""

MERGE_BASE_BIT = 1 << 63
"""In ``bodies``, set in the number of a body that is kept for merges alone."""

SEQ_KEY_BYTES = PREFIX_BYTES + 8
SEQ_BLOCK_BITS = 10
"""``seq_counts`` has one row per 1,024 sequence numbers."""

_NUMBER = Struct(">I")
_SEQ_KEY = Struct(">IQ")
_RUN_KEY = Struct(">IQQ")
_SEQ = Struct(">Q")
_CHUNK_KEY = Struct(">QI")
_DIGEST_KEY = Struct(">32sQ")
_EXPIRY_KEY = Struct(">BQ")
_INDEX_KEY = Struct(">II")
_UNIQUE_KEY = Struct(">II20sQ")

pack_seq_key = _SEQ_KEY.pack
"""``pack_seq_key(db, seq) -> bytes``: the key in ``bodies``, ``changes``, ``purges`` and ``seq_counts`` (there: the
block number, ``seq >> SEQ_BLOCK_BITS``)."""

pack_run_key = _RUN_KEY.pack
"""``pack_run_key(db, owner, block) -> bytes``: the key of a sealed chunk of a document's run in ``runs``."""


pack_chunk_key = _CHUNK_KEY.pack
"""``pack_chunk_key(blob, chunk) -> bytes``: the key in ``blobs`` of a chunk, counted from 0."""

pack_blob_key = _SEQ.pack
"""``pack_blob_key(number) -> bytes``: the key in ``blob_refs``, ``garbage`` (a blob) and ``stagings`` (a staging)."""

pack_digest_key = _DIGEST_KEY.pack
"""``pack_digest_key(sha256, length) -> bytes``: the key in ``digests``."""


pack_index_key = _INDEX_KEY.pack
"""``pack_index_key(db, index) -> bytes``: the key in ``unique_indexes``, and what those of its keys start with."""

pack_unique_key = _UNIQUE_KEY.pack
"""``pack_unique_key(db, index, key, seq) -> bytes``: the key in ``unique_keys`` of a leaf, by the seq of its body."""

UNIQUE_GROUP_BYTES = 28
"""What the keys of all leaves start with that have one key in an index; also the key in ``unique_duplicates``."""


def prefix(db: int) -> bytes:
    """The 4 bytes that start every key of database ``db``."""
    return _NUMBER.pack(db)


def prefix_end(db: int) -> bytes:
    """The first key after the last possible one of database ``db``."""
    return _NUMBER.pack(db + 1)


def number_of(key: bytes) -> int:
    """The database number that a key starts with."""
    number: int = _NUMBER.unpack_from(key)[0]
    return number


def merge_base(seq: int) -> int:
    """The number under which the body of ``seq`` stands in ``bodies`` once it is kept for merges alone."""
    return seq | MERGE_BASE_BIT


def seq_of(key: bytes) -> int:
    """The sequence number of a key made by ``pack_seq_key``."""
    seq: int = _SEQ.unpack_from(key, PREFIX_BYTES)[0]
    return seq


def run_key_parts(key: bytes) -> tuple[int, int, int]:
    """(db, owner, block) of a key made by ``pack_run_key``."""
    db, owner, block = _RUN_KEY.unpack(key)
    return db, owner, block


def is_long_id(doc_id: bytes) -> bool:
    """Whether an id (UTF-8) is too long to be its own key."""
    return len(doc_id) >= LONG_ID_FROM


def short_key(db: int, doc_id: bytes) -> bytes:
    """The key of an id (UTF-8) shorter than ``LONG_ID_FROM`` bytes in ``docs``, ``conflicts`` and ``local``."""
    return _NUMBER.pack(db) + doc_id


def group_key(db: int, doc_id: bytes) -> bytes:
    """What all keys of the ids that share the first ``LONG_ID_FROM`` bytes of a long id start with."""
    return _NUMBER.pack(db) + doc_id[:LONG_ID_FROM]


def long_key(group: bytes, label: int) -> bytes:
    """The key of a long id: its group's key and its label."""
    return group + _SEQ.pack(label)


def is_long_key(key: bytes) -> bool:
    """Whether a key of ``docs``, ``conflicts`` or ``local`` is that of a long id."""
    return len(key) == LONG_KEY_BYTES


def label_of(key: bytes) -> int:
    """The label of a long id's key."""
    label: int = _SEQ.unpack_from(key, len(key) - LABEL_BYTES)[0]
    return label


def property_key(db: int, name: bytes) -> bytes:
    """The key of one property (``PROPERTY_NAME`` ...) of a database."""
    return _NUMBER.pack(db) + name


def blob_of(key: bytes) -> int:
    """The number of a key made by ``pack_blob_key`` or ``pack_chunk_key``."""
    number: int = _SEQ.unpack_from(key)[0]
    return number


def chunk_of(key: bytes) -> int:
    """The chunk of a key made by ``pack_chunk_key``."""
    chunk: int = _CHUNK_KEY.unpack(key)[1]
    return chunk


def digest_key_parts(key: bytes) -> tuple[bytes, int]:
    """(sha256, length) of a key made by ``pack_digest_key``."""
    sha256, length = _DIGEST_KEY.unpack(key)
    return sha256, length


def upload_key(db: int, uuid: bytes) -> bytes:
    """The key in ``uploads`` of an upload's uuid, 16 bytes."""
    return _NUMBER.pack(db) + uuid


def upload_key_parts(key: bytes) -> tuple[int, bytes]:
    """(db, uuid) of a key made by ``upload_key``."""
    return number_of(key), key[PREFIX_BYTES:]


def purge_id_key(db: int, uuid: bytes) -> bytes:
    """The key in ``purge_ids`` of a purge request's uuid."""
    return _NUMBER.pack(db) + uuid


def reply_scope(database: str) -> bytes:
    """What the keys of all replies start with that are remembered of one database name; the key in ``reply_totals``."""
    return blake2b(database.encode("utf-8", "surrogateescape"), digest_size=REPLY_SCOPE_BYTES).digest()


def reply_digest(user: str, key: str) -> bytes:
    """What tells the replies of one scope apart: a user and a key of theirs."""
    text = f"{len(user)} {user}{key}"
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=REPLY_DIGEST_BYTES).digest()


def reply_key(database: str, digest: bytes) -> bytes:
    """The key in ``replies``."""
    return reply_scope(database) + digest


def digest_of(key: bytes) -> bytes:
    """The digest that a key made by ``reply_key`` ends with."""
    return key[REPLY_SCOPE_BYTES:]


def reply_order_key(scope: bytes, number: int) -> bytes:
    """The key in ``reply_order``: what is remembered of a scope by its place."""
    return scope + _SEQ.pack(number)


def reply_number_of(key: bytes) -> int:
    """The place in a key made by ``reply_order_key``."""
    number: int = _SEQ.unpack_from(key, REPLY_SCOPE_BYTES)[0]
    return number


def scope_of(key: bytes) -> bytes:
    """The scope that a key in ``replies`` or ``reply_order`` starts with."""
    return key[:REPLY_SCOPE_BYTES]


def index_of(key: bytes) -> int:
    """The index in a key of ``unique_indexes``, ``unique_keys`` or ``unique_duplicates``."""
    index: int = _NUMBER.unpack_from(key, PREFIX_BYTES)[0]
    return index


def unique_seq_of(key: bytes) -> int:
    """The seq in a key made by ``pack_unique_key``."""
    seq: int = _SEQ.unpack_from(key, UNIQUE_GROUP_BYTES)[0]
    return seq


def expiry_key(kind: int, expires: int, of: bytes) -> bytes:
    """The key in ``expiries`` of something that expires: its kind, the time in microseconds, and its own key."""
    return _EXPIRY_KEY.pack(kind, expires) + of


def expiry_key_parts(key: bytes) -> tuple[int, int, bytes]:
    """(kind, expires, of) of a key made by ``expiry_key``."""
    kind, expires = _EXPIRY_KEY.unpack_from(key)
    return kind, expires, key[_EXPIRY_KEY.size :]
