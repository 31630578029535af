"""Documents: which members mean something, what an id may be, and the text of a document."""

import json
from pathlib import Path
from typing import Any

import pytest

from docstore.core import document
from docstore.core.attachment import Inline, Stub
from docstore.core.document import Document, parse_document, quote_id, splice, validate_doc_id
from docstore.core.json_text import decode
from docstore.core.rev import Rev, parse_rev
from docstore.core.revision_hash import EMPTY_BODY_TERM, encode_term, new_revision
from docstore.errors import (
    BadRequest,
    DocstoreError,
    DocumentTooLarge,
    DocValidation,
    IllegalDocId,
    InvalidRev,
)
from docstore.settings import Limits

LIMITS = Limits()
VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "conformance/data/rev_vectors_open.jsonl").read_text("utf-8").splitlines()
]
PLAIN_VECTORS = [vector for vector in VECTORS if not vector["attachments"]]


def parse(text: str, doc_id: str | None = "d", limits: Limits = LIMITS) -> Document:
    return parse_document(decode(text.encode()), doc_id=doc_id, limits=limits)


def refused(text: str, doc_id: str | None = "d") -> tuple[type[DocstoreError], str]:
    with pytest.raises(DocstoreError) as caught:
        parse(text, doc_id)
    return type(caught.value), caught.value.reason


# --- What is recorded -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vector", PLAIN_VECTORS, ids=lambda vector: f"{vector['id']}-{vector['rev'].partition('-')[0]}"
)
def test_every_recorded_document(vector: dict[str, Any]):
    """From the text of a PUT to its revision and to the text of a GET."""
    document = parse(vector["raw"], vector["id"])
    parent = parse_rev(vector["parents"][0]) if vector["parents"] else None
    rev = new_revision(vector["deleted"], parent, document.term)
    assert str(rev) == vector["rev"]
    if "get" in vector:
        assert splice(vector["id"], rev, vector["deleted"], document.body).decode() == vector["get"]


def test_most_vectors_record_a_get():
    assert len(PLAIN_VECTORS) == 328
    assert sum("get" in vector for vector in PLAIN_VECTORS) == 319


# --- Parsing ----------------------------------------------------------------------------------------------------------


def test_a_plain_document():
    assert parse('{ "b": 1, "a": [1.50] }', "x") == Document(
        id="x", rev=None, deleted=False, body=b'{"b":1,"a":[1.5]}', term=encode_term({"b": 1, "a": [1.5]})
    )


def test_an_empty_document():
    assert parse("{}") == Document("d", None, False, b"{}", EMPTY_BODY_TERM)


def test_a_document_with_everything():
    text = (
        '{"_id":"x","a":1,"_revisions":{"start":3,"ids":["c","b","a"]},"_deleted":true,'
        '"_attachments":{},"b":{"_rev":7},"_rev":"3-c"}'
    )
    path = (Rev(3, b"c"), Rev(2, b"b"), Rev(1, b"a"))
    assert parse(text, None) == Document(
        "x", path[0], True, b'{"a":1,"b":{"_rev":7}}', encode_term({"a": 1, "b": {"_rev": 7}}), path
    )


def test_members_given_are_not_changed():
    members: Any = {"_id": "x", "_rev": "1-a", "a": 1}
    parse_document(members, limits=LIMITS)
    assert members == {"_id": "x", "_rev": "1-a", "a": 1}


def test_the_revision_does_not_depend_on_underscore_members():
    plain = parse('{"x":1}')
    dressed = parse('{"_id":"y","_rev":"4-q","x":1,"_conflicts":["1-a"],"_local_seq":5}')
    assert (dressed.term, dressed.body) == (plain.term, plain.body)
    assert str(new_revision(False, None, plain.term)) == "1-0785e9eb543380151003dc452c3a001a"


@pytest.mark.parametrize("text", ["[1,2]", '"x"', "5", "null", "true", "[]", "1.5"])
def test_a_document_is_an_object(text: str):
    assert refused(text) == (BadRequest, "Document must be a JSON object")


@pytest.mark.parametrize(
    "text",
    [
        '{"_foo":1}',
        '{"_rev_tree":1}',
        '{"_":1}',
        '{"__x":1}',
        '{"_attachments":5}',
        '{"_attachments":[]}',
        '{"_attachments":null}',
        '{"_revisions":5}',
        '{"_revisions":[]}',
        '{"_deleted":"true"}',
        '{"_deleted":1}',
        '{"_deleted":null}',
        '{"_é":1}',
        '{"_access":[]}',
    ],
)
def test_members_that_no_document_may_have(text: str):
    name = next(iter(json.loads(text)))
    assert refused(text) == (DocValidation, f"Bad special document member: {name}")


@pytest.mark.parametrize("name", ["_revs_info", "_local_seq", "_conflicts", "_deleted_conflicts"])
def test_read_only_members_are_dropped(name: str):
    assert parse(f'{{"{name}":["x"],"x":1}}').body == b'{"x":1}'


@pytest.mark.parametrize(
    "name",
    [
        "_replication_state",
        "_replication_state_time",
        "_replication_state_reason",
        "_replication_id",
        "_replication_stats",
    ],
)
def test_marks_of_the_replicator_belong_to_the_body(name: str):
    document = parse(f'{{"_id":"x","{name}":{{"a":1}},"b":2}}')
    assert document.body == f'{{"{name}":{{"a":1}},"b":2}}'.encode()
    assert document.term == encode_term({name: {"a": 1}, "b": 2})


def test_nested_members_may_begin_with_an_underscore():
    text = '{"x":{"_nested":1,"_id":2}}'
    document = parse(text)
    assert document.body == text.encode()
    assert str(new_revision(False, None, document.term)) == "1-3f8444a6febe0d251a60089e4245e2df"


def test_false_is_not_deleted():
    assert not parse('{"_deleted":false}').deleted
    assert parse('{"_deleted":true}').deleted


def test_the_first_fault_is_reported():
    assert refused('{"_foo":1,"_id":5}')[0] is DocValidation
    assert refused('{"_id":5,"_foo":1}')[0] is IllegalDocId


# --- Ids --------------------------------------------------------------------------------------------------------------


def test_the_path_goes_before_the_member():
    assert parse('{"_id":"b","x":1}', "a").id == "a"
    assert parse('{"_id":"b","x":1}', None).id == "b"


@pytest.mark.parametrize("doc_id", ["a", None])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("5", "Document id must be a string"),
        ("null", "Document id must be a string"),
        ('""', "Document id must not be empty"),
        ('"_underscore"', "Only reserved document ids may start with underscore."),
    ],
)
def test_the_member_must_be_valid_even_if_the_path_goes_before(doc_id: str | None, value: str, reason: str):
    assert refused(f'{{"_id":{value}}}', doc_id) == (IllegalDocId, reason)


def test_the_path_must_be_valid_too():
    assert refused('{"_id":"fine"}', "_foo")[0] is IllegalDocId
    assert refused("{}", "")[0] is IllegalDocId


def test_a_document_without_an_id_gets_a_new_one():
    ids = iter(["first", "second"])
    made = [
        parse_document(members, limits=LIMITS, new_id=ids.__next__) for members in ({}, {"_id": "own"}, {"a": None})
    ]
    assert [document.id for document in made] == ["first", "own", "second"]


def test_no_document_is_without_an_id():
    assert refused("{}", None) == (IllegalDocId, "Document id must not be empty")


@pytest.mark.parametrize(
    "doc_id",
    ["a", "a/b", "x+y", "sp ace", "é", "😀", "a?b&c=#", "_design/x", "_design/c/d", "_local/x", "\x00", " ", "-_", "%"],
)
def test_ids_that_are_allowed(doc_id: str):
    assert validate_doc_id(doc_id, LIMITS) == doc_id


@pytest.mark.parametrize(
    ("doc_id", "reason"),
    [
        ("", "Document id must not be empty"),
        ("_foo", "Only reserved document ids may start with underscore."),
        ("_", "Only reserved document ids may start with underscore."),
        ("_design", "Only reserved document ids may start with underscore."),
        ("_local", "Only reserved document ids may start with underscore."),
        ("_designs/x", "Only reserved document ids may start with underscore."),
        ("_design/", "Illegal document id `_design/`"),
        ("_local/", "Illegal document id `_local/`"),
        ("\ud800", "Document id must be valid UTF-8"),
        (5, "Document id must be a string"),
        (None, "Document id must be a string"),
        (b"x", "Document id must be a string"),
        (["x"], "Document id must be a string"),
    ],
)
def test_ids_that_are_not_allowed(doc_id: object, reason: str):
    with pytest.raises(IllegalDocId) as caught:
        validate_doc_id(doc_id, LIMITS)
    assert (caught.value.error, caught.value.reason) == ("illegal_docid", reason)


@pytest.mark.parametrize("letter", ["a", "é", "日", "😀"])
def test_the_length_of_an_id_counts_bytes(letter: str):
    limits = Limits(max_doc_id=24)
    longest = letter * (24 // len(letter.encode()))
    assert validate_doc_id(longest, limits) == longest
    with pytest.raises(IllegalDocId, match="Document id is too long"):
        validate_doc_id(longest + letter, limits)


def test_the_length_of_an_id_by_default():
    assert validate_doc_id("x" * 7_168, LIMITS)
    with pytest.raises(IllegalDocId, match="too long"):
        validate_doc_id("x" * 7_169, LIMITS)


# --- Revisions --------------------------------------------------------------------------------------------------------


def test_the_revision_of_a_document():
    document = parse('{"_rev":"3-abc"}')
    assert (document.rev, document.path) == (Rev(3, b"abc"), (Rev(3, b"abc"),))


@pytest.mark.parametrize("value", ["null", "7", '""', '"foo"', '"1"', "[]", "{}", "true", '"1-%s"' % ("g" * 32)])
def test_what_is_no_revision(value: str):
    assert refused(f'{{"_rev":{value}}}') == (InvalidRev, "Invalid rev format")


@pytest.mark.parametrize(
    "text",
    [
        '{"_rev":"1-aaa","_revisions":{"start":2,"ids":["b","a"]}}',
        '{"_revisions":{"start":2,"ids":["b","a"]},"_rev":"1-aaa"}',
        '{"_revisions":{"ids":["b","a"],"start":2,"more":0},"_rev":"nonsense"}',
    ],
)
def test_revisions_go_before_rev(text: str):
    document = parse(text)
    assert (document.rev, document.path) == (Rev(2, b"b"), (Rev(2, b"b"), Rev(1, b"a")))


def test_revisions_of_hashes():
    document = parse(json.dumps({"_revisions": {"start": 7, "ids": ["a" * 32, "B" * 32]}}))
    assert document.path == (Rev(7, b"\xaa" * 16), Rev(6, b"\xbb" * 16))


def test_a_rev_before_revisions_must_be_valid():
    assert refused('{"_rev":"nonsense","_revisions":{"start":2,"ids":["b","a"]}}')[0] is InvalidRev


@pytest.mark.parametrize("text", ['{"_revisions":{"start":0,"ids":[]}}', '{"_revisions":{"start":3,"ids":[]}}'])
def test_empty_revisions_name_none(text: str):
    document = parse(text)
    assert (document.rev, document.path) == (None, ())
    assert parse(text[:-1] + ',"_rev":"1-a"}').rev == Rev(1, b"a")


def test_the_revision_of_a_local_document_may_stand_in_revisions():
    assert parse('{"_revisions":{"start":0,"ids":["4","3"]}}').path == (Rev(0, b"4"),)


def test_negative_generations_are_refused():
    assert refused('{"_revisions":{"start":-1,"ids":["a"]}}')[0] is DocValidation
    assert parse('{"_revisions":{"start":-1,"ids":[]}}').path == ()


def test_ids_beyond_the_first_generation_are_left_out():
    assert parse('{"_revisions":{"start":2,"ids":["c","b","a"]}}').path == (Rev(2, b"c"), Rev(1, b"b"))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{}", "_revisions.start isn't an integer."),
        ('{"start":"1","ids":[]}', "_revisions.start isn't an integer."),
        ('{"start":1.0,"ids":["a"]}', "_revisions.start isn't an integer."),
        ('{"start":true,"ids":["a"]}', "_revisions.start isn't an integer."),
        ('{"start":1}', "_revisions.ids isn't a array."),
        ('{"start":1,"ids":"a"}', "_revisions.ids isn't a array."),
        ('{"start":1,"ids":{}}', "_revisions.ids isn't a array."),
        ('{"start":1,"ids":[5]}', "RevId isn't a string"),
        ('{"start":2,"ids":["a",null]}', "RevId isn't a string"),
        ('{"start":1,"ids":["%s"]}' % ("g" * 32), "RevId isn't a valid hexadecimal"),
        ('{"start":1%s,"ids":["a"]}' % ("0" * 18), "_revisions.start is too large."),
    ],
)
def test_revisions_that_are_none(value: str, reason: str):
    assert refused(f'{{"_revisions":{value}}}') == (DocValidation, reason)


# --- Sizes and attachments --------------------------------------------------------------------------------------------


def test_the_size_of_a_document_is_that_of_its_stored_body():
    limits = Limits(max_document_size=20)
    roomy = '{ "_id":"a long name", "x" : "%s" , "_rev":"1-aaaaaaaaaaaaaaaaa" }'
    assert len(parse(roomy % ("y" * 12), None, limits).body) == 20
    with pytest.raises(DocumentTooLarge) as caught:
        parse(roomy % ("y" * 13), None, limits)
    assert (caught.value.error, caught.value.reason) == ("document_too_large", "a long name")


def test_no_attachments_are_none():
    assert parse('{"_attachments":{}}').attachments == ()
    assert parse('{"_attachments":{"a":5,"b":null,"c":[]}}').attachments == ()


def test_attachments_stand_in_the_order_sent():
    document = parse('{"a":1,"_attachments":{"z":{"stub":true},"b":{"data":"aGk=","content_type":"text/plain"}}}')
    assert document.attachments == (Stub("z"), Inline("b", "text/plain", b"hi"))
    assert document.body == b'{"a":1}'


def test_the_faults_of_members_come_before_those_of_attachments():
    assert refused('{"_attachments":{"f":{"data":5}},"_x":1}') == (DocValidation, "Bad special document member: _x")
    assert refused('{"_attachments":{"f":{"data":5}}}') == (BadRequest, "Invalid attachment data for f")


def test_a_local_document_loses_its_attachments():
    assert parse('{"_attachments":{"f":{"stub":true}},"a":1}', "_local/x").attachments == ()
    assert refused('{"_attachments":{"f":{"data":5}}}', "_local/x") == (BadRequest, "Invalid attachment data for f")


# --- Text -------------------------------------------------------------------------------------------------------------

REV = Rev(2, b"x")


@pytest.mark.parametrize(
    ("deleted", "body", "extra", "text"),
    [
        (False, b"{}", b"", '{"_id":"d","_rev":"2-x"}'),
        (False, b'{"a":1}', b"", '{"_id":"d","_rev":"2-x","a":1}'),
        (True, b"{}", b"", '{"_id":"d","_rev":"2-x","_deleted":true}'),
        (True, b'{"n":"4d"}', b"", '{"_id":"d","_rev":"2-x","n":"4d","_deleted":true}'),
        (False, b"{}", b'"_local_seq":5', '{"_id":"d","_rev":"2-x","_local_seq":5}'),
        (
            True,
            b'{"a":{}}',
            [b'"_revisions":{"start":2,"ids":["x"]}', b'"_local_seq":5'],
            '{"_id":"d","_rev":"2-x","a":{},"_deleted":true,"_revisions":{"start":2,"ids":["x"]},"_local_seq":5}',
        ),
        (False, b"{}", [], '{"_id":"d","_rev":"2-x"}'),
    ],
)
def test_the_text_of_a_document(deleted: bool, body: bytes, extra: bytes | list[bytes], text: str):
    assert splice("d", REV, deleted, body, extra).decode() == text
    assert json.loads(text)["_rev"] == "2-x"


@pytest.mark.parametrize(
    ("doc_id", "quoted"), [("a", '"a"'), ('"\\\n', '"\\"\\\\\\n"'), ("\x1f", '"\\u001F"'), ("é/😀", '"é/😀"')]
)
def test_ids_are_quoted(doc_id: str, quoted: str):
    assert quote_id(doc_id) == quoted.encode()
    assert splice(doc_id, REV, False, b"{}") == b'{"_id":%b,"_rev":"2-x"}' % quoted.encode()


def test_a_revision_of_odd_letters_is_quoted():
    assert splice("d", Rev(1, b'a"b'), False, b"{}") == b'{"_id":"d","_rev":"1-a\\"b"}'


def test_a_text_can_be_parsed_again():
    document = parse('{"_id":"d","a":1,"_deleted":true}')
    again = parse(splice("d", REV, True, document.body).decode(), None)
    assert again == Document("d", REV, True, document.body, document.term, (REV,))


def test_a_document_whose_strings_are_too_much_is_refused_before_it_is_printed(monkeypatch):
    """Printed, it would be in memory twice more: a control character is one there and six in the text."""
    monkeypatch.setattr(document, "encode", None)
    members = {"text": "\x01" * 101, "_attachments": {"a": {"data": "x" * 500}}}
    with pytest.raises(DocumentTooLarge):
        document.parse_document(members, doc_id="d", limits=Limits(max_document_size=100), length=700)
