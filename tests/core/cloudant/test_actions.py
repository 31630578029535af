"""Who may what by IAM, as IBM's page on access says it."""

import pytest

from docstore.core.cloudant.actions import GIVEN, ServiceRole, action_of, may

ANY = list(ServiceRole)
DATA = {ServiceRole.MANAGER, ServiceRole.WRITER}
READING = DATA | {ServiceRole.READER}


@pytest.mark.parametrize(
    ("method", "kind", "path", "action", "roles"),
    [
        ("GET", "document", "db/a", "any-document.read", READING),
        ("POST", "_find", "db/_find", "any-document.read", READING),
        ("PUT", "document", "db/a", "data-document.write", DATA),
        ("POST", "database", "db", "data-document.write", DATA),
        ("PUT", "attachment", "db/a/b", "data-document.write", DATA),
        ("PUT", "_design", "db/_design/a", "design-document.write", {ServiceRole.MANAGER}),
        ("PUT", "attachment", "db/_design/a/b", "design-document.write", {ServiceRole.MANAGER}),
        ("PUT", "attachment", "db/_design!a/b", "design-document.write", {ServiceRole.MANAGER}),
        ("COPY", "_design", "db/_design/a", "design-document.write", {ServiceRole.MANAGER}),
        ("COPY", "_local", "db/_local/a", "data-document.write", DATA),
        ("COPY", "document", "db/a", "data-document.write", DATA),
        ("POST", "_index", "db/_index", "design-document.write", {ServiceRole.MANAGER}),
        (
            "PUT",
            "_local",
            "db/_local/a",
            "local-document.write",
            DATA | {ServiceRole.MONITOR, ServiceRole.CHECKPOINTER},
        ),
        ("PUT", "database", "db", "database.create", {ServiceRole.MANAGER}),
        ("DELETE", "database", "db", "database.delete", {ServiceRole.MANAGER}),
        ("GET", "_security", "db/_security", "database-security.read", {ServiceRole.MANAGER}),
        ("GET", "_shards", "db/_shards", "database-shards.read", {ServiceRole.MANAGER, ServiceRole.MONITOR}),
        (
            "GET",
            "_scheduler",
            "_scheduler/jobs",
            "replication-scheduler.read",
            {ServiceRole.MANAGER, "Monitor"},
        ),
        ("GET", "document", "_users/a", "users.read", {ServiceRole.MANAGER}),
        ("PUT", "document", "_users/a", "users.write", {ServiceRole.MANAGER}),
        ("PUT", "database", "_users", "users-database.create", {ServiceRole.MANAGER}),
        ("DELETE", "database", "_users", "users-database.delete", {ServiceRole.MANAGER}),
        ("GET", "database", "_users", "users-database-info.read", {ServiceRole.MANAGER}),
        ("GET", "database", "_replicator", "replicator-database-info.read", {ServiceRole.MANAGER}),
        ("DELETE", "database", "_replicator", "replicator-database.create", {ServiceRole.MANAGER}),
        ("POST", "_replicate", "_replicate", "replication.write", {ServiceRole.MANAGER}),
        ("POST", "_session", "_session", "session.write", READING),
        ("DELETE", "_iam_session", "_iam_session", "iam-session.delete", READING),
    ],
)
def test_actions_and_who_may(method, kind, path, action, roles):
    assert action_of(method, kind, [part.replace("!", "/") for part in path.split("/")]) == action
    assert {role for role in ANY if may([role], action)} == roles


def test_roles_add_up():
    assert may([ServiceRole.READER, ServiceRole.CHECKPOINTER], "local-document.write")
    assert not may([ServiceRole.READER], "local-document.write")
    assert not may([], "any-document.read")


def test_a_writer_may_what_a_reader_may():
    assert GIVEN[ServiceRole.READER] < GIVEN[ServiceRole.WRITER]
