"""`apply`: the commands of one group, inside one transaction."""

from collections import Counter
from pathlib import Path

import pytest

from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.core.revision_hash import EMPTY_BODY_TERM, new_revision
from docstore.database import commands
from docstore.database.apply.updater import apply
from docstore.errors import Conflict, DatabaseExists, DatabaseNotFound
from docstore.settings import Durability, StorageSettings
from docstore.storage.check.store import check
from docstore.storage.documents.documents import get_body, get_record
from docstore.storage.documents.scans import scan_changes
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.rows import change_id
from tests.database.helpers import document, replicated, rev

DB = 1


class Store:
    """An environment to which groups of commands are applied by hand."""

    def __init__(self, folder: Path) -> None:
        self.environment = Environment.open(folder, StorageSettings(durability=Durability.NONE))
        self.apply(create("db"))

    def apply(self, *group: object) -> list[object]:
        transaction = self.environment.begin_write()
        results = apply(transaction, group)
        self.changed = dict(transaction.changed)
        transaction.transaction.commit()
        return results

    def tables(self) -> dict[str, list[tuple[bytes, bytes]]]:
        with self.environment.snapshot() as snapshot:
            return {name: list(snapshot.cursor(table).iternext()) for name, table in snapshot.tables.of_database()}

    def feed(self) -> list[tuple[int, str]]:
        with self.environment.snapshot() as snapshot:
            return [(seq, change_id(row)) for seq, row in scan_changes(snapshot, DB)]

    def close(self) -> None:
        with self.environment.snapshot() as snapshot:
            assert list(check(snapshot)) == []
        self.environment.close()


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


def create(name: str) -> commands.CreateDatabase:
    return commands.CreateDatabase(name, "0" * 32, 5, 2, 1000, 1000)


def put(doc_id: str, on: Rev | str | None = None, *, database: int = DB, n: int = 0) -> commands.EditDocuments:
    return commands.EditDocuments(database, (edit(doc_id, on, n),))


def edit(doc_id: str, on: Rev | str | None = None, n: int = 0) -> Edit:
    sent = document(doc_id, on, n=n)
    return Edit(sent.id, sent.rev, sent.deleted, sent.body, sent.term, path=sent.path)


def push(*documents) -> commands.EditDocuments:
    edits = tuple(Edit(one.id, one.rev, one.deleted, one.body, one.term, path=one.path) for one in documents)
    return commands.EditDocuments(DB, edits, new_edits=False)


def test_each_command_has_its_own_result_and_a_refused_edit_fails_alone(store):
    [[first], [second], bulk] = store.apply(
        put("a"), put("a"), commands.EditDocuments(DB, (edit("c"), edit("b"), edit("a"), edit("a2"), edit("d", "1-x")))
    )
    assert isinstance(first, Rev)
    assert isinstance(second, Conflict)
    assert [type(answer) for answer in bulk] == [Rev, Rev, Conflict, Rev, Conflict]
    assert store.feed() == [(1, "a"), (2, "a2"), (3, "b"), (4, "c")]
    assert store.changed == {DB: 4}


def test_a_command_sees_those_before_it_in_the_group(store):
    first = new_revision(False, None, document("a", n=0).term)
    [[one], [two]] = store.apply(put("a"), put("a", first, n=1))
    assert one == first
    assert two.generation == 2
    assert store.feed() == [(2, "a")]


def test_edits_of_several_databases_keep_apart(store):
    store.apply(create("other"))
    results = store.apply(put("a"), put("a", database=2), put("a", database=3), put("b"))
    assert [type(result) for result in results] == [list, list, DatabaseNotFound, list]
    assert store.changed == {1: 2, 2: 1}


def test_edits_stay_in_order_with_other_commands(store):
    results = store.apply(put("a"), commands.DeleteDatabase("db"), put("b"), create("db"), put("b", database=2))
    assert isinstance(results[0], list)
    assert results[1] == DB
    assert isinstance(results[2], DatabaseNotFound)
    assert results[3].number == 2
    assert isinstance(results[4][0], Rev)
    assert store.changed == {1: -1, 2: 1}


def test_a_handler_that_refuses_fails_alone(store):
    results = store.apply(create("db"), create("new"), put("a"))
    assert isinstance(results[0], DatabaseExists)
    assert results[1].number == 2
    assert isinstance(results[2][0], Rev)


def test_grouping_makes_no_difference(tmp_path):
    group: list[object] = [put(f"d{n % 7}", n=n) for n in range(10)]
    group += [commands.PutLocal(DB, "_local/a", 1, b"{}"), commands.SetRevsLimit(DB, 2)]
    group += [
        push(replicated("d1", "2-b", "1-a"), replicated("d1", "3-c", "2-b"), replicated("é", "1-a", deleted=True))
    ]
    group += [put("d1", rev("3-c")), commands.CompactDatabase(DB, 0), put("z")]
    group += [
        commands.Purge(DB, (commands.PurgeRequest("u", "d1", (rev("3-c"),)),)),
        commands.DeleteLocal(DB, "_local/a"),
    ]
    together, singly = Store(tmp_path / "together"), Store(tmp_path / "singly")
    results = together.apply(*group)
    one_by_one = [result for command in group for result in singly.apply(command)]
    assert [str(result) for result in results] == [str(result) for result in one_by_one]
    assert together.tables() == singly.tables()
    together.close()
    singly.close()


def test_a_group_of_puts_costs_as_few_calls_as_one(store):
    def calls(*group: object) -> Counter[str]:
        transaction = CountingTransaction(store.environment.begin_write())
        apply(transaction, group)
        transaction.transaction.commit()
        return transaction.calls

    one = calls(put("a")).total()
    assert one <= 12
    assert calls(*(put(f"b{n}") for n in range(200))).total() <= one + 3  # now and then a counted block is cut


class CountingTransaction:
    """A transaction that counts the calls that reach LMDB."""

    def __init__(self, inner: GroupTransaction) -> None:
        self.calls: Counter[str] = Counter()
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        value = getattr(self.inner, name)
        if name not in ("get", "getmulti", "put", "putmulti", "delete", "deletemulti"):
            return value

        def counted(*args, **options):
            self.calls[name] += 1
            return value(*args, **options)

        return counted


def test_replicated_edits_of_one_document_are_one_update(store):
    sent = [
        replicated("t", "2-b", "1-a", n=1),
        replicated("t", "2-f", "1-a", n=2),
        replicated("t", "3-d", "2-c", "1-a", n=3, deleted=True),
    ]
    [answers] = store.apply(push(*sent, replicated("u", "1-a")))
    assert answers == [rev("2-b"), rev("2-f"), rev("3-d"), rev("1-a")]
    assert store.feed() == [(1, "t"), (4, "u")]
    with store.environment.snapshot() as snapshot:
        record = get_record(snapshot, DB, "t")
        assert (record.seq, record.winner) == (1, rev("2-f"))
        assert get_body(snapshot, DB, record.body_seq) == b'{"n":2}'


def test_a_known_revision_changes_nothing(store):
    store.apply(push(replicated("t", "1-a", n=1)))
    before = store.tables()
    assert store.apply(push(replicated("t", "1-a", n=2))) == [[rev("1-a")]]
    assert store.tables() == before
    assert store.changed == {}


def test_a_refused_group_changes_nothing(store):
    store.apply(put("a"))
    before = store.tables()
    store.apply(put("a"), put("a", "7-x"))
    assert store.tables() == before
    assert store.changed == {}


def test_deleting_and_creating_again_in_one_command(store):
    [[first]] = store.apply(put("a"))
    gone = Edit("a", first, True, b"{}", EMPTY_BODY_TERM)
    [[deleted, back]] = store.apply(commands.EditDocuments(DB, (gone, edit("a", n=9))))
    assert (deleted.generation, back.generation) == (2, 3)
