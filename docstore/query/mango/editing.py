"""Making and removing indexes: edits of the design documents that define them.

Owns what such an edit does to a design document, and the names that indexes have if nobody names them: CouchDB's, which
are hashes of what was asked for. It must not know how indexes are built. Two that are made in one design document at
the same time do not lose each other: who comes second reads the document again. Follows ``mango_idx.erl`` (``new``,
``add``, ``remove``, ``gen_name``) and ``mango_httpd.erl``.
"""

import hashlib
from asyncio import to_thread
from struct import Struct
from typing import Final, NamedTuple, cast

from docstore.core.document import Document, parse_document
from docstore.core.erlang_text import erlang_text
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.revision_hash import encode_term
from docstore.core.unique.definition import UNIQUE, Definition, definition_of
from docstore.database.database import Database
from docstore.database.unique_indexes import UniqueIndexes
from docstore.database.write_gate import rounds
from docstore.errors import BadRequest, Conflict, NotFound
from docstore.query.design.document import QUERY, design_id
from docstore.query.mango.definitions import JSON, MangoIndex, partial_of
from docstore.query.mango.options import NewIndex, read_definition
from docstore.query.mango.text_index import TEXT, analyzer_of, read_text_definition
from docstore.query.mango.words import IndexNotSaved, NoIndexService, refused
from docstore.query.search.analyzers import analyzers_of
from docstore.settings import Limits

SERVICES: Final = frozenset({TEXT, "nouveau"})
"""Types of indexes that need a search engine."""

_CONFLICT: Final = "Encountered a conflict while saving the design document."
_UNKNOWN: Final = "Unknown error while saving the design document: {}"
_atom_head = Struct(">cH").pack
_list_head = Struct(">cI").pack


class _Edit(NamedTuple):
    """What becomes of a design document; ``document`` is None where it stays as it is."""

    ddoc: str
    name: str
    document: Document | None


async def make_index(
    database: Database, new: NewIndex, limits: Limits, unique: UniqueIndexes, *, with_text: bool = False
) -> dict[str, JsonValue]:
    """Define an index; the reply of ``_index``. Raises BadRequest in CouchDB's words, NoIndexService, IndexNotSaved.

    ``with_text``: whether there is a search engine.

    Of a unique one the design document is written last, once it is known that no two documents are alike, and that none
    will be; raises DuplicatesExist.
    """
    check_type(new.kind, with_text=with_text)
    if new.kind == TEXT and new.unique:
        raise refused("invalid_index", "Indexes of the type text cannot be unique.")
    if not new.unique:
        return await _define(database, new, limits)
    definition = await to_thread(_unique_definition, database, new, limits)
    async with unique.making(database.number, ddoc_of(new), name_of(new), definition):
        return await _define(database, new, limits)


async def _define(database: Database, new: NewIndex, limits: Limits) -> dict[str, JsonValue]:
    for _ in rounds():
        edit = await to_thread(_with_index, database, new, limits)
        if edit.document is None or await _save(database, edit.document):
            result = "exists" if edit.document is None else "created"
            return {"result": result, "id": edit.ddoc, "name": edit.name}
    raise IndexNotSaved(_CONFLICT)


async def remove_index(database: Database, index: MangoIndex, limits: Limits) -> None:
    """Take an index out of its design document, which goes with its last one. Raises NotFound, IndexNotSaved."""
    if index.ddoc is None:
        raise NotFound
    for _ in rounds():
        member = "views" if index.text is None else "indexes"
        document = await to_thread(_without_index, database, index.ddoc, member, index.name, limits)
        if await _save(database, document):
            return
    raise IndexNotSaved(_CONFLICT)


def _unique_definition(database: Database, new: NewIndex, limits: Limits) -> Definition:
    """What is to be unique. Raises all that can be known before duplicates are looked for."""
    _with_index(database, new, limits)
    index = read_definition(new.raw)
    return definition_of(list(cast("dict[str, JsonValue]", index["fields"])), partial_of(index))


def _with_index(database: Database, new: NewIndex, limits: Limits) -> _Edit:
    if new.kind == TEXT:
        return _with_text_index(database, new, limits)
    definition = read_definition(new.raw)
    ddoc, name = ddoc_of(new), name_of(new)
    design = _open(database, ddoc)
    before = encode(design)
    options: dict[str, JsonValue] = {"def": new.raw} | ({UNIQUE: True} if new.unique else {})
    view: JsonValue = {"map": definition, "reduce": "_count", "options": options}
    views = design.get("views")
    design["views"] = (views if isinstance(views, dict) else {}) | {name: view}
    return _edited(design, before, new, name, limits)


def _with_text_index(database: Database, new: NewIndex, limits: Limits) -> _Edit:
    definition = read_text_definition(new.raw)
    ddoc, name = ddoc_of(new), name_of(new)
    design = _open(database, ddoc)
    before = encode(design)
    index: JsonValue = {"index": definition, "analyzer": analyzer_of(definition)}
    analyzers_of(analyzer_of(definition))  # whether there are such
    indexes = design.get("indexes")
    design["indexes"] = (indexes if isinstance(indexes, dict) else {}) | {name: index}
    return _edited(design, before, new, name, limits)


def _edited(design: dict[str, JsonValue], before: bytes, new: NewIndex, name: str, limits: Limits) -> _Edit:
    ddoc = ddoc_of(new)
    _set_partitioned(design, ddoc, new.partitioned)
    if encode(design) == before:
        return _Edit(ddoc, name, None)
    return _Edit(ddoc, name, parse_document(design, doc_id=ddoc, limits=limits))


def _without_index(database: Database, ddoc: str, member: str, name: str, limits: Limits) -> Document:
    design = _open(database, ddoc)
    defined = design.get(member)
    if not isinstance(defined, dict) or name not in defined:
        raise NotFound
    design[member] = {each: one for each, one in defined.items() if each != name}
    if not design[member]:
        del design[member]
    if {each for each in design if each not in ("_id", "_rev")} == {"language"}:
        del design["language"]
        design["_deleted"] = True
    return parse_document(design, doc_id=ddoc, limits=limits)


def check_type(kind: str, *, with_text: bool = False) -> None:
    """Raises NoIndexService, BadRequest for a type of which no index can be made."""
    if kind == TEXT and with_text:
        return
    if kind in SERVICES:
        raise NoIndexService(kind)
    if kind != JSON:
        raise refused("invalid_index", f"Invalid type for index: {kind}")


def _open(database: Database, ddoc: str) -> dict[str, JsonValue]:
    """The design document as it is, or as it begins. Raises BadRequest for one of another language."""
    try:
        design = cast("dict[str, JsonValue]", decode(database.open_doc(ddoc).json))
    except NotFound:
        return {"_id": ddoc, "language": QUERY}
    if design.get("language") != QUERY:
        found = f"{{{erlang_text('language')},{erlang_text(design['language'])}}}" if "language" in design else "false"
        raise refused("invalid_ddoc_lang", f"Existing design doc has an invalid language: {found}")
    return design


def _set_partitioned(design: dict[str, JsonValue], ddoc: str, partitioned: bool | None) -> None:
    options = design.get("options")
    present = options.get("partitioned") if isinstance(options, dict) else None
    if partitioned is present or partitioned == present:
        return
    if "_rev" in design:
        raise refused(
            "invalid_partitioned_option",
            f"Requested partitioned option does not match existing value on design document {ddoc}",
        )
    design["options"] = (options if isinstance(options, dict) else {}) | {"partitioned": partitioned}


async def _save(database: Database, document: Document) -> bool:
    """Write a design document; False if somebody else did so meanwhile. Raises IndexNotSaved."""
    try:
        await database.update_doc(document)
    except Conflict:
        return False
    except BadRequest as error:
        raise IndexNotSaved(_UNKNOWN.format(error.error)) from error
    return True


# --- Names ------------------------------------------------------------------------------------------------------------


def ddoc_of(new: NewIndex) -> str:
    """The design document of a new index."""
    return design_id(hashed_name(new) if new.ddoc is None else new.ddoc)


def name_of(new: NewIndex) -> str:
    """The name of a new index."""
    return hashed_name(new) if new.name is None else new.name


def hashed_name(new: NewIndex) -> str:
    """The name that CouchDB makes: the SHA-1 of what was asked for, as an Erlang term.

    The term is ``{Definition, Options}``; options stand in the order of their names, those not given as atoms. That of
    a unique index is not one of CouchDB's.
    """
    definition = encode_term(new.raw)
    options = (
        ("ddoc", _atom("auto_name") if new.ddoc is None else encode_term(new.ddoc)),
        ("def", definition),
        ("name", _atom("auto_name") if new.name is None else encode_term(new.name)),
        ("partitioned", _atom("db_default") if new.partitioned is None else encode_term(new.partitioned)),
        ("type", encode_term(new.kind)),
        *((("unique", encode_term(True)),) if new.unique else ()),
        ("w", encode_term(new.w)),
    )
    pairs = b"".join(b"h\x02%b%b" % (_atom(name), value) for name, value in options)
    term = b"\x83h\x02%b%b%bj" % (definition, _list_head(b"l", len(options)), pairs)
    return hashlib.sha1(term, usedforsecurity=False).hexdigest()


def _atom(name: str) -> bytes:
    return _atom_head(b"d", len(name)) + name.encode()
