"""User documents: who may write which, who sees what."""

import pytest

from docstore.core.security import user_documents
from docstore.errors import Forbidden, NotFound

SUE = {"name": "sue", "type": "user", "roles": []}
ID = "org.couchdb.user:sue"


def check(members, before=None, *, name="sue", deleted=False, is_admin=False, doc_id=ID):
    user_documents.check_user(doc_id, members, before, name, deleted=deleted, is_admin=is_admin)


def test_what_may_be_written():
    check(SUE)
    check(SUE, name=None)
    check(SUE | {"age": 5}, SUE)
    check(SUE | {"roles": ["a"]}, SUE, name="root", is_admin=True)
    check(SUE | {"roles": ["_metrics"]}, name="root", is_admin=True)
    check(SUE | {"roles": ["b", "a"]}, SUE | {"roles": ["a", "b"]})
    check({}, SUE, deleted=True)
    check({}, SUE, name=None, deleted=True, is_admin=True)
    check({"anything": 1}, doc_id="_design/a", is_admin=True)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "doc.type must be user"),
        ({"type": "user"}, "doc.name is required"),
        ({"type": "user", "name": "sue"}, "doc.roles must exist"),
        (SUE | {"roles": {}}, "doc.roles must be an array"),
        (SUE | {"roles": [1]}, "doc.roles can only contain strings"),
        (SUE | {"name": "ann"}, "Doc ID must be of the form org.couchdb.user:name"),
        (SUE | {"name": 5}, "Doc ID must be of the form org.couchdb.user:name"),
        (SUE | {"password_sha": "x"}, "Users with password_sha must have a salt."),
        (SUE | {"password_scheme": "x"}, "Password scheme `x` not supported."),
        (SUE | {"password_scheme": "pbkdf2"}, "iterations must be a number."),
        (SUE | {"password_scheme": "pbkdf2", "iterations": 1}, "derived_key must be a string."),
        (SUE | {"roles": ["a"]}, "Only _admin may set roles"),
    ],
)
def test_what_a_new_user_may_not_say(members, words):
    with pytest.raises(Forbidden, match=words):
        check(members)


@pytest.mark.parametrize(
    ("members", "before", "name", "words"),
    [
        (SUE, {"name": "x"}, "sue", "Usernames can not be changed."),
        (SUE, SUE, "ann", "You may only update your own user document."),
        (SUE, SUE, None, "You may only update your own user document."),
        (SUE | {"roles": ["a"]}, SUE, "sue", "Only _admin may edit roles"),
        (SUE, SUE | {"roles": ["a"]}, "sue", "Only _admin may edit roles"),
    ],
)
def test_what_may_not_be_changed(members, before, name, words):
    with pytest.raises(Forbidden, match=words):
        check(members, before, name=name)


@pytest.mark.parametrize("name", ["ann", None])
def test_who_may_not_delete(name):
    with pytest.raises(Forbidden, match="Only admins may delete other user docs"):
        check({}, SUE, name=name, deleted=True)


@pytest.mark.parametrize("role", ["_admin", "_replicator", "_x"])
def test_no_system_roles_not_even_by_admins(role):
    with pytest.raises(Forbidden, match="No system roles"):
        check(SUE | {"roles": [role]}, is_admin=True)


@pytest.mark.parametrize(
    ("name", "words"), [("_sue", "Username may not start with underscore."), ("a:b", "Character `:` is not allowed")]
)
def test_names(name, words):
    with pytest.raises(Forbidden, match=words):
        check(SUE | {"name": name}, is_admin=True, doc_id=f"org.couchdb.user:{name}")


def test_writers():
    user_documents.check_writer(ID, "sue", is_admin=False)
    user_documents.check_writer(ID, None, is_admin=False)
    user_documents.check_writer(ID, "root", is_admin=True)
    for doc_id in (ID, "x"):
        with pytest.raises(NotFound):
            user_documents.check_writer(doc_id, "ann", is_admin=False)


def test_readers():
    assert user_documents.check_reader(ID, "sue", is_admin=False)
    assert user_documents.check_reader("_design/a", None, is_admin=True)
    assert not user_documents.check_reader(ID, "ann", is_admin=False)
    assert not user_documents.check_reader("x", None, is_admin=False)
    with pytest.raises(Forbidden, match="Only administrators can view design docs"):
        user_documents.check_reader("_design/a", "sue", is_admin=False)


def test_public_fields():
    members = {"_id": ID, "_rev": "1-a", "name": "sue", "salt": "x", "_attachments": {}}
    assert user_documents.public_members(members, ("name", "_attachments")) == {
        "_id": ID,
        "_rev": "1-a",
        "name": "sue",
    }
    for fields in ((), ("age",), ("_id",)):
        with pytest.raises(NotFound):
            user_documents.public_members(members, fields)


def test_names_and_ids():
    assert user_documents.user_id("sue") == ID
    assert user_documents.user_name(ID) == "sue"
    assert user_documents.user_name("sue") is None
    assert user_documents.roles_of({"roles": ["a", 5]}) == ("a",)
    assert user_documents.roles_of({}) == ()
