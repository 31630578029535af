"""Who may what: security objects, CouchDB's and Cloudant's, and the words of refusals."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.security.access import Access, check_database, check_server
from docstore.core.security.database_security import read_security
from docstore.core.security.user import NOBODY, SERVER, UserContext
from docstore.errors import DocstoreError, Forbidden, Unauthorized

SUE = UserContext("sue", ("dev",))
ANN = UserContext("ann")
ROOT = UserContext("root", ("_admin",))
METRICS = UserContext("prom", ("_metrics",))
OF_DATABASE = [access for access in Access if access.of_database]


def security(**members):
    return read_security(json.dumps(members).encode())


def outcome(access, user, read):
    try:
        check_database(access, user, read)
    except DocstoreError as error:
        return error.error, error.reason
    return None


@pytest.mark.parametrize("access", OF_DATABASE)
def test_a_server_admin_may_all_in_any_database(access):
    for read in (security(), security(admins={"names": ["x"]}, members={"names": ["y"]}), security(cloudant={})):
        assert outcome(access, ROOT, read) is None
        assert outcome(access, SERVER, read) is None


def test_the_default_is_for_admins_alone():
    read = security(members={"roles": ["_admin"]}, admins={"roles": ["_admin"]})
    assert outcome(Access.MEMBER, SUE, read) == ("forbidden", "You are not allowed to access this db.")
    assert outcome(Access.MEMBER, NOBODY, read) == ("unauthorized", "You are not authorized to access this db.")


def test_a_database_without_members_is_public():
    for read in (security(), security(members={"names": [], "roles": []}), security(admins={"names": ["ann"]})):
        assert outcome(Access.MEMBER, NOBODY, read) is None
        assert outcome(Access.WRITER, NOBODY, read) is None


def test_members_and_admins():
    read = security(admins={"names": ["ann"]}, members={"roles": ["dev"]})
    assert [outcome(access, ANN, read) for access in OF_DATABASE] == [None] * len(OF_DATABASE)
    refused = ("forbidden", "You are not a db or server admin.")
    assert {access: told for access in OF_DATABASE if (told := outcome(access, SUE, read))} == {
        Access.MAINTAINER: ("unauthorized", "You are not a server or db admin."),
        Access.DATABASE_ADMIN: refused,
        Access.DESIGNER: refused,
        Access.SECURITY_WRITER: refused,
    }
    assert outcome(Access.DATABASE_ADMIN, NOBODY, security()) == ("unauthorized", "You are not a db or server admin.")


def test_readers_is_the_old_name_of_members():
    assert outcome(Access.MEMBER, SUE, security(readers={"names": ["sue"]})) is None
    assert outcome(Access.MEMBER, ANN, security(readers={"names": ["sue"]})) is not None
    assert outcome(Access.MEMBER, ANN, security(readers={"names": ["ann"]}, members={"names": ["sue"]})) is not None


READS = {Access.MEMBER, Access.REPLICATOR, Access.DESIGN_READER}
WRITES = {Access.WRITER, Access.CREATOR, Access.CHECKPOINTER}
GIVEN = {
    "_reader": READS,
    "_writer": WRITES,
    "_creator": {Access.CREATOR},
    "_replicator": {Access.REPLICATOR, Access.DESIGN_READER, Access.CHECKPOINTER},
    "_design": {Access.DESIGN_READER, Access.DESIGNER},
    "_security": {Access.SECURITY_READER, Access.SECURITY_WRITER},
    "_shards": {Access.SHARDS},
    "_admin": set(OF_DATABASE),
}
"""What each of Cloudant's roles gives, besides that its owner may enter."""


@pytest.mark.parametrize("role", GIVEN)
def test_what_a_role_of_cloudant_gives_and_nothing_more(role):
    read = security(cloudant={"sue": [role]})
    allowed = {access for access in OF_DATABASE if outcome(access, SUE, read) is None}
    assert allowed == GIVEN[role] | {Access.ENTRANT}


def test_roles_of_cloudant_add_up():
    read = security(cloudant={"sue": ["_reader", "_writer"]})
    allowed = {access for access in OF_DATABASE if outcome(access, SUE, read) is None}
    assert allowed == READS | WRITES | {Access.ENTRANT, Access.EDITOR}


def test_who_has_no_role_may_not_enter():
    for read in (security(cloudant={}), security(cloudant={"sue": []}), security(cloudant={"sue": ["_db_updates"]})):
        for access in OF_DATABASE:
            assert outcome(access, SUE, read) == ("forbidden", "You are not allowed to access this db.")


def test_nobody_is_who_has_not_logged_in_and_nobody_else():
    read = security(cloudant={"nobody": ["_reader"], "ann": ["_writer"]})
    assert outcome(Access.MEMBER, NOBODY, read) is None
    assert outcome(Access.MEMBER, ANN, read) is not None
    assert outcome(Access.MEMBER, SUE, read) is not None
    assert outcome(Access.WRITER, NOBODY, read) == ("unauthorized", "You are not authorized to access this db.")


def test_members_of_couchdbs_half_read_and_write_beside_cloudants_roles():
    read = security(cloudant={"ann": ["_reader"]}, members={"names": ["sue"]})
    assert outcome(Access.EDITOR, SUE, read) is None
    assert outcome(Access.WRITER, ANN, read) is not None
    assert outcome(Access.MEMBER, NOBODY, read) is not None


def test_couchdb_auth_only_takes_cloudants_roles_away():
    read = security(couchdb_auth_only=True, cloudant={"nobody": ["_admin"]}, members={"names": ["sue"]})
    assert outcome(Access.MEMBER, SUE, read) is None
    assert outcome(Access.MEMBER, ANN, read) is not None


def test_a_name_that_is_none_is_nobody():
    # a database whose members have nobody's name would not let nobody in
    assert outcome(Access.MEMBER, NOBODY, security(members={"names": ["null", ""]})) is not None


NAMES = st.lists(st.sampled_from(["sue", "ann", "nobody"]), max_size=2)
ROLES = st.lists(st.sampled_from(["dev", "ops"]), max_size=2)
GROUPS = st.fixed_dictionaries({}, optional={"names": NAMES, "roles": ROLES})
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "admins": GROUPS,
        "members": GROUPS,
        "cloudant": st.dictionaries(
            st.sampled_from(["sue", "ann", "nobody"]), st.lists(st.sampled_from(list(GIVEN)), max_size=3)
        ),
    },
)
USERS = st.builds(UserContext, st.sampled_from([None, "sue", "ann"]), ROLES.map(tuple))


@given(OBJECTS, USERS)
def test_more_rights_hold_less_ones(value, user):
    read = security(**value)
    allowed = {access for access in OF_DATABASE if outcome(access, user, read) is None}
    if Access.DATABASE_ADMIN in allowed:
        assert allowed == set(OF_DATABASE)
    if allowed:
        assert Access.ENTRANT in allowed
    if Access.MEMBER in allowed:
        assert allowed >= READS
    if Access.WRITER in allowed:
        assert allowed >= WRITES
    assert (Access.EDITOR in allowed) == (allowed >= {Access.MEMBER, Access.WRITER})


@given(OBJECTS, USERS)
def test_a_role_more_takes_nothing_away(value, user):
    read = security(**value)
    before = {access for access in OF_DATABASE if outcome(access, user, read) is None}
    more = UserContext(user.name, (*user.roles, "ops"))
    assert before <= {access for access in OF_DATABASE if outcome(access, more, read) is None}


def test_rights_in_the_server():
    for access in (Access.SERVER_ADMIN, Access.LISTER):
        with pytest.raises(Unauthorized, match="You are not a server admin"):
            check_server(access, SUE)
    with pytest.raises(Unauthorized, match="read-only metrics user"):
        check_server(Access.METRICS, SUE)
    with pytest.raises(Unauthorized, match="You are not an authenticated user"):
        check_server(Access.NAMED, NOBODY)
    check_server(Access.NAMED, SUE)
    check_server(Access.METRICS, METRICS)
    check_server(Access.ANYBODY, NOBODY)
    for access in Access:
        if not access.of_database:
            check_server(access, ROOT)
    with pytest.raises(Unauthorized):
        check_server(Access.SERVER_ADMIN, METRICS)


def test_forbidden_and_unauthorized_are_what_they_say():
    with pytest.raises(Forbidden):
        check_database(Access.MEMBER, SUE, security(members={"names": ["ann"]}))
    with pytest.raises(Unauthorized):
        check_database(Access.MEMBER, NOBODY, security(members={"names": ["ann"]}))
