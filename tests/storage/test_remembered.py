"""Remembered replies: found by their key, dropped from the front, forgotten when their time is over."""

from collections.abc import Iterator, Sequence

import pytest

from docstore.storage import keys
from docstore.storage import remembered as replies
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.remembered import NewReply
from docstore.storage.remembered_rows import ReplyTotals, StoredReply, decode_totals
from tests.storage.stores import Store

MANY = 1_000
FINGERPRINT = b"f" * 32


def new(key: str, *, user: str = "", now: int = 0, expires: int = 100, body: bytes = b"{}", **limits: int) -> NewReply:
    reply = StoredReply(201, body)
    digest = keys.reply_digest(user, key)
    return NewReply(
        digest, user, key, FINGERPRINT, reply, now, expires, limits.get("replies", MANY), limits.get("size", 1 << 20)
    )


def remember(store: Store, *added: NewReply, db: str = "db") -> None:
    """All in one call."""
    with store.write() as txn:
        replies.remember(txn, db, added)


def kept(store: Store) -> list[tuple[str, str]]:
    """User and key of everything, oldest first in each scope."""
    with store.read() as txn:
        rows = sorted((keys.scope_of(key), row.number, row.user, row.key) for key, row in replies.scan_replies(txn))
    return [(user, key) for _, _, user, key in rows]


def names(store: Store) -> str:
    return "".join(key for _, key in kept(store))


def totals(store: Store, db: str = "db") -> ReplyTotals | None:
    with store.read() as txn:
        value = txn.get(txn.tables.reply_totals, keys.reply_scope(db))
    return None if value is None else decode_totals(value)


def find(txn: GroupTransaction, key: str, *, user: str = "", db: str = "db") -> bytes | None:
    row = replies.find(txn, keys.reply_key(db, keys.reply_digest(user, key)))
    return None if row is None else row.reply.body


def test_a_reply_is_found_by_database_user_and_key(store: Store) -> None:
    remember(store, new("k", body=b"nobody's"), new("k", user="sue", body=b"sue's"))
    remember(store, new("k", body=b"other's"), db="other")
    with store.read() as txn:
        assert find(txn, "k") == b"nobody's"
        assert find(txn, "k", user="sue") == b"sue's"
        assert find(txn, "k", db="other") == b"other's"
        assert find(txn, "l") is None
        assert find(txn, "k", user="bob") is None
        assert find(txn, "k", db="third") is None


def test_user_and_key_do_not_run_into_each_other(store: Store) -> None:
    remember(store, new("bc", user="a"))
    with store.read() as txn:
        assert find(txn, "c", user="ab") is None
        assert find(txn, "abc") is None


def test_which_of_many_keys_are_there(store: Store) -> None:
    remember(store, new("b"), new("d"))
    wanted = {name: keys.reply_key("db", keys.reply_digest("", name)) for name in "abcd"}
    with store.read() as txn:
        assert replies.find_keys(txn, list(wanted.values())) == {wanted["b"], wanted["d"]}
        assert replies.find_keys(txn, []) == set()


def test_a_key_is_remembered_anew(store: Store) -> None:
    remember(store, new("a", body=b"1"), new("b"))
    remember(store, new("a", body=b"22"))
    with store.read() as txn:
        assert find(txn, "a") == b"22"
    assert names(store) == "ba"
    kept_now = totals(store)
    assert kept_now is not None
    assert (kept_now.replies, kept_now.following) == (2, 4)


def test_the_only_key_is_remembered_anew(store: Store) -> None:
    remember(store, new("a", body=b"1"))
    remember(store, new("a", body=b"2"))
    with store.read() as txn:
        assert find(txn, "a") == b"2"


def test_the_oldest_go_when_there_are_too_many(store: Store) -> None:
    for key in "abcde":
        remember(store, new(key, replies=3))
    assert names(store) == "cde"
    remember(store, new("f", replies=1))
    assert names(store) == "f"


def test_each_database_has_its_own_limit(store: Store) -> None:
    for db in ("x", "y"):
        for key in "abc":
            remember(store, new(key, replies=2), db=db)
    assert [key for _, key in kept(store)] == ["b", "c", "b", "c"]


def test_the_oldest_go_when_they_take_too_many_bytes(store: Store) -> None:
    remember(store, *(new(key, body=bytes(1_000)) for key in "abcd"))
    remember(store, new("e", body=bytes(1_000), size=3_500))
    assert names(store) == "cde"


def test_the_newest_stays_however_large_it_is(store: Store) -> None:
    remember(store, new("a"))
    remember(store, new("b", body=bytes(1_000), size=100))
    assert names(store) == "b"
    remember(store, new("c", replies=0))
    assert names(store) == "c"


def test_whoever_remembers_takes_away_some_that_have_expired(store: Store) -> None:
    remember(store, *(new(key, expires=10) for key in "abcdef"))
    remember(store, new("g", now=9))
    assert names(store) == "abcdefg"
    remember(store, new("h", now=10))
    assert replies.STEP_EXPIRED == 4
    assert names(store) == "efgh"


def test_what_expires_later_keeps_what_stands_behind(store: Store) -> None:
    remember(store, new("a", expires=50), new("b", expires=10))
    remember(store, new("c", now=20))
    assert names(store) == "abc"
    remember(store, new("d", now=50))
    assert names(store) == "cd"


def test_nothing_is_left_of_what_has_expired(store: Store) -> None:
    for db in ("x", "y", "z"):
        remember(store, *(new(key, expires=10) for key in "abc"), db=db)
    with store.write() as txn:
        assert replies.any_stored(txn)
        assert replies.expire(txn, 9) is None
    assert len(kept(store)) == 9
    with store.write() as txn:
        assert replies.expire(txn, 10) is None
        assert not replies.any_stored(txn)
        for table in (txn.tables.replies, txn.tables.reply_order, txn.tables.reply_totals):
            assert txn.transaction.stat(table)["entries"] == 0


@pytest.mark.parametrize("limits", [{"rows": 2}, {"scopes": 2}, {"rows": 1, "scopes": 1}])
def test_expiry_goes_in_steps(store: Store, limits: dict[str, int]) -> None:
    for db in ("u", "v", "x", "y", "z"):
        remember(store, *(new(key, expires=10) for key in "abc"), new("d", expires=20), db=db)
    position: bytes | None = b""
    steps = 0
    while position is not None:
        before = len(kept(store))
        with store.write() as txn:
            position = replies.expire(txn, 10, position, **limits)
        assert before - len(kept(store)) <= limits.get("rows", 15)
        assert store.findings() == []
        steps += 1
    assert steps > 2
    assert names(store) == "ddddd"


def test_a_position_may_be_gone(store: Store) -> None:
    for db in ("u", "v", "x"):
        remember(store, new("a", expires=10), db=db)
    scopes = sorted(map(keys.reply_scope, ("u", "v", "x")))
    with store.write() as txn:
        position = replies.expire(txn, 10, scopes=1)
        assert position == scopes[1]
        assert replies.expire(txn, 10) is None
        assert replies.expire(txn, 10, position) is None


def sequences() -> Iterator[Sequence[NewReply]]:
    """What has to come out alike, remembered in one call or one by one."""
    yield [new(key, replies=2) for key in "abcd"]
    yield [new("a", replies=2), new("e", replies=2), new("b", replies=2), new("f", replies=2)]
    yield [new("g", replies=1), new("a", replies=3), new("h", replies=2)]
    yield [new("g", now=60), new("b", now=10), new("h", now=200), new("i", now=0)]
    yield [new("g", body=bytes(500), size=600), new("c", body=bytes(300), size=900), new("i", size=2_000)]


@pytest.mark.parametrize("added", list(sequences()))
def test_it_makes_no_difference_how_many_are_remembered_in_one_call(store: Store, added: list[NewReply]) -> None:
    def begin() -> None:
        remember(store, *(new(key, expires=50) for key in "abc"))

    def dump() -> list[list[tuple[bytes, bytes]]]:
        with store.read() as txn:
            tables = (txn.tables.replies, txn.tables.reply_order, txn.tables.reply_totals)
            return [list(txn.cursor(table).iternext()) for table in tables]

    begin()
    remember(store, *added)
    at_once = dump()
    assert store.findings() == []
    with store.write() as txn:
        for table in (txn.tables.replies, txn.tables.reply_order, txn.tables.reply_totals):
            txn.transaction.drop(table, delete=False)
    begin()
    for one in added:
        remember(store, one)
    assert dump() == at_once
