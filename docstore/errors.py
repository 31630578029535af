"""The error tree: what can go wrong, in CouchDB's own words.

    DocstoreError                      500  unknown_error
      BadRequest                       400  bad_request
        InvalidJson                         bad_request: invalid UTF-8 JSON
        InvalidRev                          bad_request: Invalid rev format
        LastGeneration                      bad_request
        DigestMismatch                      content_md5_mismatch
        InconsistentUploadLength            inconsistent_upload_length
        UploadCompleted                     completed_upload
        QueryParseError                     query_parse_error
        InvalidValue                        invalid_value
        IllegalDocId                        illegal_docid
        IllegalDatabaseName                 illegal_database_name
        DatabaseNameTooLong                 database_name_too_long
        DocValidation                       doc_validation
      Unauthorized                     401  unauthorized
      Forbidden                        403  forbidden
      NotFound                         404  not_found: missing
        DatabaseNotFound                    not_found: Database does not exist.
        DocumentDeleted                     not_found: deleted
      MethodNotAllowed                 405  method_not_allowed
      NotAcceptable                    406  not_acceptable
      Conflict                         409  conflict: Document update conflict.
        OffsetMismatch
        ResolveStaleLeaves                  resolve_stale_leaves
        MergeClash                          merge_clash
        AncestorUnavailable                 ancestor_unavailable
        IdempotencyInFlight                 idempotency_in_flight
      PreconditionFailed               412  precondition_failed
        DatabaseExists                      file_exists
        MissingStub                         missing_stub
      TooLarge                         413  too_large
        DocumentTooLarge                    document_too_large
        AttachmentTooLarge                  attachment_too_large
      UnsupportedMediaType             415  bad_content_type
      RangeNotSatisfiable              416  requested_range_not_satisfiable
      ExpectationFailed                417  expectation_failed
      IdempotencyKeyReused             422  idempotency_key_reused
      ChecksumMismatch                 460  checksum_mismatch
      NotImplementedHere               501  not_implemented
      StorageFailed                    500  storage_failed
      StorageFull                      507  insufficient_storage
      StoreUnusable                    500  store_unusable
        StoreDamaged                        store_damaged
      Unavailable                      503  service_unavailable
        Busy
        BytesGone                           attachment_bytes_gone

Owns the classes and their words. Knows no HTTP: statuses are kept in ``httpd/problems/errors.py``, in one table.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NO_DETAILS: Final[Mapping[str, object]] = MappingProxyType({})


class DocstoreError(Exception):
    """Base of every error that a caller of docstore may meet.

    ``error`` is the short machine word and ``reason`` the sentence of CouchDB's ``{"error", "reason"}`` reply.
    ``details`` are further members (JSON values by name) that problem details show; whoever raises the error sets them.
    ``told`` is any JSON value that stands for the reason in replies. ``attempt`` is what was to be written
    (``database.attempts.Attempt``), where a document was and the database knows it: an explanation is made from it.
    """

    error: str = "unknown_error"
    default_reason: str = "unknown_error"
    details: Mapping[str, object] = NO_DETAILS
    attempt: object | None = None
    told: object = None

    def __init__(self, reason: str | None = None, *, error: str | None = None) -> None:
        self.reason = self.default_reason if reason is None else reason
        if error is not None:
            self.error = error
        super().__init__(self.reason)


class BadRequest(DocstoreError):
    """The request cannot be understood; nothing was changed."""

    error = "bad_request"
    default_reason = "bad_request"


class InvalidJson(BadRequest):
    """The text is not JSON as CouchDB reads it."""

    default_reason = "invalid UTF-8 JSON"


class InvalidRev(BadRequest):
    """A revision that is not ``<generation>-<id>``."""

    default_reason = "Invalid rev format"


class LastGeneration(BadRequest):
    """An edit of a revision of the highest generation: its child's could not be named by any request."""

    default_reason = "The revision has the highest generation there can be, so it cannot be changed; it can be purged."


class DigestMismatch(BadRequest):
    """Bytes that do not have the digest that their sender tells."""

    error = "content_md5_mismatch"
    default_reason = "Possible message corruption."


class InconsistentUploadLength(BadRequest):
    """An upload whose requests do not agree on how many bytes it has."""

    error = "inconsistent_upload_length"


class UploadCompleted(BadRequest):
    """An upload that cannot be changed any more: a revision has its bytes."""

    error = "completed_upload"
    default_reason = "The upload is completed already."


class QueryParseError(BadRequest):
    """A query parameter has a value that it cannot have."""

    error = "query_parse_error"


class InvalidValue(BadRequest):
    """A value that a built-in reduce function cannot reduce."""

    error = "invalid_value"


class IllegalDocId(BadRequest):
    """A document id that no document can have."""

    error = "illegal_docid"
    default_reason = "Only reserved document ids may start with underscore."


class IllegalDatabaseName(BadRequest):
    """A name that no database can have. Give the name; the sentence is CouchDB's."""

    error = "illegal_database_name"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Name: '{name}'. Only lowercase characters (a-z), digits (0-9), and any of the characters"
            " _, $, (, ), +, -, and / are allowed. Must begin with a letter."
        )


class DatabaseNameTooLong(BadRequest):
    """A database name beyond ``max_database_name`` bytes."""

    error = "database_name_too_long"

    def __init__(self, name: str) -> None:
        super().__init__(f"At least one path segment of `{name}` is too long.")


class DocValidation(BadRequest):
    """A document with a member that no document may have."""

    error = "doc_validation"


class Unauthorized(DocstoreError):
    """The request needs a user, or a better one."""

    error = "unauthorized"
    default_reason = "You are not authorized to access this db."


class Forbidden(DocstoreError):
    """The user is known and may not do this."""

    error = "forbidden"
    default_reason = "You are not allowed to access this db."


class NotFound(DocstoreError):
    """There is no such thing."""

    error = "not_found"
    default_reason = "missing"


class DatabaseNotFound(NotFound):
    """There is no database of this name."""

    default_reason = "Database does not exist."


class DocumentDeleted(NotFound):
    """The document's winning revision is a deletion."""

    default_reason = "deleted"


class MethodNotAllowed(DocstoreError):
    """The path exists, the method does not. ``allowed`` is the list for the Allow header, in CouchDB's order."""

    error = "method_not_allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"Only {allowed} allowed")
        self.allowed = allowed


class Gone(DocstoreError):
    """Something that CouchDB had once."""

    error = "gone"


class NotAcceptable(DocstoreError):
    """What there is cannot be had in a form that the client takes."""

    error = "not_acceptable"
    default_reason = "unsupported encoding"


class Conflict(DocstoreError):
    """The edit's parent is not a leaf that may be edited."""

    error = "conflict"
    default_reason = "Document update conflict."


class OffsetMismatch(Conflict):
    """Bytes that were to be appended elsewhere than at the end. ``offset`` is where the end is."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"The upload has {offset} bytes.")
        self.offset = offset


class ResolveStaleLeaves(Conflict):
    """The live leaves of a document are not those that its conflict was to be resolved for.

    ``details`` has the live ones (``leaves``) and those that were supplied.
    """

    error = "resolve_stale_leaves"
    default_reason = "The document's leaves are no longer the ones that were named."


class MergeClash(Conflict):
    """Leaves that cannot be merged without a choice. ``details`` names the places (``clashes``, JSON Pointers)."""

    error = "merge_clash"
    default_reason = "The leaves changed the same places differently."


class AncestorUnavailable(Conflict):
    """A three-way merge needs the common ancestor's body, which is not here. ``details`` has its revision, if known."""

    error = "ancestor_unavailable"
    default_reason = "The body of the leaves' common ancestor is not stored here."


class IdempotencyInFlight(Conflict):
    """A request with the same idempotency key is still being carried out."""

    error = "idempotency_in_flight"
    default_reason = "A request with this Idempotency-Key is still being carried out; try again later."


class PreconditionFailed(DocstoreError):
    """A condition that the request states does not hold."""

    error = "precondition_failed"
    default_reason = "Precondition Failed"


class DatabaseExists(PreconditionFailed):
    """The database to be created exists."""

    error = "file_exists"
    default_reason = "The database could not be created, the file already exists."


class MissingStub(PreconditionFailed):
    """An attachment stub that names nothing on the parent revision."""

    error = "missing_stub"


class TooLarge(DocstoreError):
    """A request or one of its parts is beyond its limit."""

    error = "too_large"
    default_reason = "the request entity is too large"


class DocumentTooLarge(TooLarge):
    """A document beyond ``max_document_size``. The reason is the document's id, as in CouchDB."""

    error = "document_too_large"


class AttachmentTooLarge(TooLarge):
    """An attachment beyond ``max_attachment_size``. The reason is the attachment's name, as in CouchDB."""

    error = "attachment_too_large"


class UnsupportedMediaType(DocstoreError):
    """The body's content type is not one that this endpoint reads."""

    error = "bad_content_type"
    default_reason = "Content-Type must be application/json"


class ExpectationFailed(DocstoreError):
    """The request expects something that this server does not do."""

    error = "expectation_failed"
    default_reason = "The only expectation that can be met is 100-continue."


class RangeNotSatisfiable(DocstoreError):
    """None of the bytes that were asked for is there."""

    error = "requested_range_not_satisfiable"
    default_reason = "Requested range not satisfiable"


class IdempotencyKeyReused(DocstoreError):
    """An idempotency key that was used for another request."""

    error = "idempotency_key_reused"
    default_reason = "This Idempotency-Key was used for another request."


class ChecksumMismatch(DocstoreError):
    """Bytes of an upload that do not have the checksum sent with them; they do not count."""

    error = "checksum_mismatch"
    default_reason = "The bytes do not have this checksum; they were not kept."


class NotImplementedHere(DocstoreError):
    """An endpoint of CouchDB, or an option, that docstore does not have."""

    error = "not_implemented"


class StorageFailed(DocstoreError):
    """The disk refused a sync: writes stop until restart, so that nothing unsafe is acknowledged."""

    error = "storage_failed"
    default_reason = "A disk write failed earlier; writes are stopped until the server is restarted."


class StorageFull(DocstoreError):
    """The disk or the map is full, or the disk read-only: nothing of this write was kept, all acknowledged is safe."""

    error = "insufficient_storage"
    default_reason = "The disk is full."


class StoreUnusable(DocstoreError):
    """A data folder that cannot be opened: no store, not a store, or of a format that this version does not know."""

    error = "store_unusable"


class StoreDamaged(StoreUnusable):
    """A store whose file is not as it was written: cut off, overwritten, or with rows that cannot be read."""

    error = "store_damaged"


class Unavailable(DocstoreError):
    """The server cannot take this now (shutting down, too many open snapshots, no more files or memory)."""

    error = "service_unavailable"
    default_reason = "The server is shutting down."


class Busy(Unavailable):
    """The requests in flight have all the memory that there is for them. ``retry_after``: seconds to wait."""

    default_reason = "The server has too much to do at the moment; try again later."
    retry_after = 5


class BytesGone(Unavailable):
    """Bytes that were stored for an attachment are not there any more: they waited too long for their edit."""

    error = "attachment_bytes_gone"
    default_reason = "The attachment's bytes are not stored any more; send them again."
