"""`apply` of remembered commands: the key first, then the effect, and the reply in the same transaction."""

import random
from pathlib import Path

import pytest

from docstore.core.resolution import Resolution, Resolved
from docstore.core.rev import Rev
from docstore.database import commands
from docstore.database.apply.remembered import Answer, ExpireReplies, Receipt, Refused, Remembered, ReplyForm
from docstore.database.apply.reply_forms import BulkForm, ConstantForm, PurgedForm, WrittenForm
from docstore.database.apply.updater import apply
from docstore.errors import (
    Conflict,
    DatabaseExists,
    DatabaseNotFound,
    DocstoreError,
    IdempotencyKeyReused,
    NotFound,
)
from docstore.storage.remembered_rows import StoredReply
from tests.database.apply.test_updater import DB, Store, create, edit, put

DAY = 1_000
MANY = 1_000
OK = StoredReply(200, b'{"ok":true}\n')


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


def once(
    key: str,
    *effects: object,
    form: ReplyForm | None = None,
    fingerprint: str = "f",
    now: int = 0,
    user: str = "",
    database: str = "db",
    replies: int = MANY,
) -> Remembered:
    receipt = Receipt(database, user, key, fingerprint.encode() * 32, now, now + DAY, replies, 1 << 20)
    return Remembered(receipt, effects, form or WrittenForm("a", 201))


def reply_tables(store: Store) -> list[list[tuple[bytes, bytes]]]:
    with store.environment.snapshot() as snapshot:
        tables = snapshot.tables
        return [
            list(snapshot.cursor(one).iternext()) for one in (tables.replies, tables.reply_order, tables.reply_totals)
        ]


def everything(store: Store) -> object:
    return store.tables(), reply_tables(store)


def test_the_reply_is_stored_with_the_effect(store):
    [first] = store.apply(once("k", put("a")))
    assert isinstance(first, Answer)
    [[rev]] = first.results
    assert first.reply.body == b'{"ok":true,"id":"a","rev":"%b"}\n' % str(rev).encode()
    before = everything(store)
    [again] = store.apply(once("k", put("a")))
    assert again == Answer(first.reply, None)
    assert everything(store) == before
    assert store.changed == {}


def test_the_key_is_looked_up_before_the_effect_could_fail(store):
    [first] = store.apply(once("k", put("a")))
    store.apply(commands.DeleteDatabase("db"))
    assert store.apply(once("k", put("a"))) == [Answer(first.reply, None)]
    [missing] = store.apply(once("l", put("a")))
    assert isinstance(missing, DatabaseNotFound)


@pytest.mark.parametrize("same_group", [True, False])
def test_a_key_that_is_used_for_something_else(store, same_group):
    first, other = once("k", put("a")), once("k", put("b"), fingerprint="g")
    results = store.apply(first, other) if same_group else [*store.apply(first), *store.apply(other)]
    assert isinstance(results[0], Answer)
    assert isinstance(results[1], IdempotencyKeyReused)
    assert [doc_id for _, doc_id in store.feed()] == ["a"]


def test_two_at_once(store):
    first, second, other = store.apply(once("k", put("a")), once("k", put("a")), once("l", put("b")))
    assert second == Answer(first.reply, None)
    assert other.results is not None
    assert [doc_id for _, doc_id in store.feed()] == ["a", "b"]


def test_keys_of_others_are_other_keys(store):
    results = store.apply(
        once("k", put("a")),
        once("k", put("b"), user="sue"),
        once("k", create("db2"), form=ConstantForm(OK), database="db2"),
        once("k", put("c"), user="sue"),
    )
    assert [result.results is None for result in results] == [False, False, False, True]
    assert [doc_id for _, doc_id in store.feed()] == ["a", "b"]


def test_a_key_expires_by_the_time_that_commands_carry(store):
    store.apply(once("k", put("a")))
    [replay] = store.apply(once("k", put("a"), now=DAY - 1))
    assert replay.results is None
    [refused] = store.apply(once("k", put("a"), now=DAY))
    assert isinstance(refused, Conflict)
    [fresh] = store.apply(once("k", put("b"), fingerprint="g", now=DAY))
    assert fresh.results is not None
    [replay] = store.apply(once("k", put("b"), fingerprint="g", now=2 * DAY - 1))
    assert replay.results is None


def test_a_failure_is_not_remembered(store):
    store.apply(put("a"))
    before = everything(store)
    [refused] = store.apply(once("k", put("a")))
    assert isinstance(refused, Conflict)
    assert everything(store) == before
    [fresh] = store.apply(once("k", put("b"), fingerprint="g"))
    assert fresh.results is not None


def test_of_two_at_once_the_first_fails(store):
    store.apply(put("a"))
    first, second, third = store.apply(
        once("k", put("a")), once("k", put("b"), fingerprint="g"), once("k", put("b"), fingerprint="g")
    )
    assert isinstance(first, Conflict)
    assert second.results is not None
    assert third == Answer(second.reply, None)


def test_edits_without_a_key_beside(store):
    first, plain, second, conflict = store.apply(once("k", put("a")), put("b"), once("l", put("c")), put("a"))
    assert [type(first), type(second)] == [Answer, Answer]
    assert isinstance(plain[0], Rev)
    assert isinstance(conflict[0], Conflict)
    assert [doc_id for _, doc_id in store.feed()] == ["a", "b", "c"]


def test_a_bulk_is_stored_with_its_failed_rows(store):
    store.apply(put("a"))
    bulk = commands.EditDocuments(DB, (edit("a"), edit("b")))
    [first] = store.apply(once("k", bulk, form=BulkForm(("a", "b"))))
    assert b'"error":"conflict"' in first.reply.body
    [again] = store.apply(once("k", bulk, form=BulkForm(("a", "b"))))
    assert again == Answer(first.reply, None)


def test_several_effects_are_one(store):
    effects = (
        commands.EditDocuments(DB, (edit("a"),)),
        commands.PutLocal(DB, "_local/x", 1, b"{}"),
        Refused("error", "Invalid rev format"),
        commands.DeleteLocal(DB, "_local/y"),
    )
    form = BulkForm(("a", "_local/x", "_local/z", "_local/y"))
    plain, first, again = store.apply(put("b"), once("k", *effects, form=form), once("k", *effects, form=form))
    assert isinstance(plain[0], Rev)
    assert first.results is not None
    assert isinstance(first.results[2], DocstoreError)
    assert first.reply.body.count(b'"ok":true') == 3
    assert again == Answer(first.reply, None)


def test_no_effect_at_all(store):
    first, again = (store.apply(once("k", form=ConstantForm(OK)))[0] for _ in range(2))
    assert first == Answer(OK, ())
    assert again == Answer(OK, None)


def test_databases(store):
    [made] = store.apply(once("c", create("x"), form=ConstantForm(OK), database="x"))
    [refused] = store.apply(once("d", create("x"), form=ConstantForm(OK), database="x"))
    assert isinstance(refused, DatabaseExists)
    [gone] = store.apply(once("e", commands.DeleteDatabase("x"), form=ConstantForm(OK), database="x"))
    assert gone.results == (made.results[0].number,)
    for key, effect in (("c", create("x")), ("e", commands.DeleteDatabase("x"))):
        assert store.apply(once(key, effect, form=ConstantForm(OK), database="x")) == [Answer(OK, None)]
    store.apply(commands.SweepDatabase(made.results[0].number))
    assert store.apply(once("c", create("x"), form=ConstantForm(OK), database="x")) == [Answer(OK, None)]


def test_purge_and_local_documents(store):
    [[rev]] = store.apply(put("a"))
    purge = commands.Purge(DB, (commands.PurgeRequest("u", "a", (rev,)),))
    first, again = (store.apply(once("p", purge, form=PurgedForm(("a",), 9)))[0] for _ in range(2))
    assert str(rev).encode() in first.reply.body
    assert again == Answer(first.reply, None)
    gone = commands.DeleteLocal(DB, "_local/x")
    [missing] = store.apply(once("l", gone, form=WrittenForm("_local/x", 200, must_exist=True)))
    assert isinstance(missing, NotFound)


def test_a_resolution(store):
    revs = [Rev(1, letter * 16) for letter in (b"a", b"b")]
    for rev in revs:
        one = edit("a", n=1)
        store.apply(
            commands.EditDocuments(DB, (one.__class__("a", rev, False, one.body, one.term, path=(rev,)),), False)
        )
    keep = commands.ResolveDocuments(DB, (Resolution("a", tuple(revs), keep=revs[1]),))
    first, again = (store.apply(once("r", keep, form=ConstantForm(OK)))[0] for _ in range(2))
    assert isinstance(first.results[0][0], Resolved)
    assert again == Answer(OK, None)


def test_the_oldest_is_forgotten(store):
    for key in "abc":
        store.apply(once(key, put(key), replies=2))
    assert store.apply(once("c", put("c"), replies=2))[0].results is None
    [conflict] = store.apply(once("a", put("a"), replies=2))
    assert isinstance(conflict, Conflict)


def test_expired_ones_are_forgotten(store):
    store.apply(*(once(key, put(key)) for key in "abc"))
    assert store.apply(ExpireReplies(DAY - 1)) == [None]
    assert reply_tables(store)[0]
    assert store.apply(ExpireReplies(DAY)) == [None]
    assert reply_tables(store) == [[], [], []]


def test_a_defect_in_a_form_leaves_nothing(store):
    before = everything(store)
    transaction = store.environment.begin_write()
    with pytest.raises(TypeError):
        apply(transaction, [put("a"), once("k", commands.PutLocal(DB, "_local/x", 1, b"{}"), form=BulkForm(("a",)))])
    transaction.transaction.abort()
    assert everything(store) == before


def random_commands(seed: int) -> list[object]:
    """Edits of few documents under few keys, some of them expired or pushed out, and other commands between them."""
    choice = random.Random(seed)
    drawn: list[object] = []
    for _ in range(60):
        now = choice.choice([0, 1, DAY, DAY + 1, 2 * DAY])
        doc_id = choice.choice("abcdef")
        bulk = commands.EditDocuments(DB, tuple(edit(one) for one in choice.sample("abcdef", 2)))
        drawn.append(
            choice.choice(
                [
                    put(doc_id),
                    once(
                        choice.choice("klmn"),
                        put(doc_id),
                        fingerprint=doc_id,
                        now=now,
                        replies=choice.choice([1, 2, 3]),
                    ),
                    once(choice.choice("klmn"), put(doc_id), fingerprint=doc_id, now=now, user="sue"),
                    once(
                        choice.choice("kl"),
                        bulk,
                        commands.PutLocal(DB, "_local/x", 1, b"{}"),
                        form=BulkForm(("1", "2", "_local/x")),
                        now=now,
                    ),
                    commands.DeleteLocal(DB, "_local/x"),
                    ExpireReplies(now),
                ]
            )
        )
    return drawn


@pytest.mark.parametrize("seed", range(12))
def test_stores_that_apply_the_same_commands_are_equal_however_they_are_grouped(tmp_path: Path, seed: int) -> None:
    drawn = random_commands(seed)
    outcomes = []
    for number, size in enumerate((1, 7, len(drawn))):
        store = Store(tmp_path / str(number))
        results = [
            result for start in range(0, len(drawn), size) for result in store.apply(*drawn[start : start + size])
        ]
        outcomes.append((everything(store), [repr(result) for result in results]))
        store.close()
    assert outcomes[0] == outcomes[1] == outcomes[2]
