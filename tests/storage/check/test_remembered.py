"""The check finds whatever is wrong with remembered replies."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docstore.storage import keys
from docstore.storage import remembered as replies
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.remembered_rows import (
    ReplyTotals,
    decode_order,
    decode_totals,
    encode_order,
    encode_reply,
    encode_totals,
)
from tests.storage.stores import Store
from tests.storage.test_remembered import new, remember

SCOPE = keys.reply_scope("db")
HEX = SCOPE.hex()
KEY = SCOPE + keys.reply_digest("", "b")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with three replies, of a database that is not there."""
    store = Store(tmp_path)
    remember(store, new("a"), new("b"), new("c"))
    assert store.findings() == []
    yield store
    store.environment.close()


def findings(store: Store, wreck: Callable[[GroupTransaction], object]) -> list[str]:
    with store.write() as txn:
        wreck(txn)
    return store.findings()


def change_totals(**members: object) -> Callable[[GroupTransaction], None]:
    def change(txn: GroupTransaction) -> None:
        value = txn.get(txn.tables.reply_totals, SCOPE)
        assert value is not None
        txn.put(txn.tables.reply_totals, SCOPE, encode_totals(decode_totals(value)._replace(**members)))

    return change


def size_of(store: Store) -> int:
    with store.read() as txn:
        return decode_totals(txn.get(txn.tables.reply_totals, SCOPE) or b"").size


def test_a_reply_is_missing(store: Store) -> None:
    wrong = findings(store, lambda txn: txn.delete(txn.tables.replies, KEY))
    assert wrong == [f"reply 2 of scope {HEX}: is not there"]


def test_a_reply_has_no_place(store: Store) -> None:
    size = size_of(store)
    wrong = findings(store, lambda txn: txn.delete(txn.tables.reply_order, keys.reply_order_key(SCOPE, 2)))
    assert wrong == [
        f"replies of 'db': has 3 of {size} bytes, there are 2 of {size // 3 * 2}",
        f"the reply under key 'b' of scope {HEX}: has no place",
    ]


def test_a_place_says_something_else(store: Store) -> None:
    def wreck(txn: GroupTransaction) -> None:
        place = keys.reply_order_key(SCOPE, 2)
        row = decode_order(txn.get(txn.tables.reply_order, place) or b"")
        txn.put(txn.tables.reply_order, place, encode_order(row._replace(expires=7)))

    [wrong] = findings(store, wreck)
    assert wrong == (
        f"reply 2 of scope {HEX}: is number 2 of {size_of(store) // 3} bytes until 100, not as its place says"
    )


def test_the_totals_are_wrong(store: Store) -> None:
    size = size_of(store)
    wrong = findings(store, change_totals(replies=4, size=size + 1))
    assert wrong == [f"replies of 'db': has 4 of {size + 1} bytes, there are 3 of {size}"]


def test_a_number_is_beyond_the_following(store: Store) -> None:
    assert findings(store, change_totals(following=3)) == ["replies of 'db': number 3 is yet to be given out"]


def test_there_are_no_totals(store: Store) -> None:
    wrong = findings(store, lambda txn: txn.delete(txn.tables.reply_totals, SCOPE))
    assert wrong == [f"replies of scope {HEX}: there are no totals"]


def test_totals_of_nothing(store: Store) -> None:
    scope = keys.reply_scope("empty")
    totals = encode_totals(ReplyTotals("empty"))
    wrong = findings(store, lambda txn: txn.put(txn.tables.reply_totals, scope, totals))
    assert wrong == ["replies of 'empty': has 0 of 0 bytes, there are 0 of 0"]


def test_totals_under_another_scope(store: Store) -> None:
    assert findings(store, change_totals(name="other")) == [
        "replies of 'other': are stored under the scope of another name"
    ]


def test_a_reply_under_another_key(store: Store) -> None:
    def wreck(txn: GroupTransaction) -> None:
        row = replies.find(txn, KEY)
        assert row is not None
        txn.put(txn.tables.replies, KEY, encode_reply(row._replace(key="x")))

    assert findings(store, wreck) == [f"the reply under key 'x' of scope {HEX}: is stored under another key"]


def test_a_row_that_cannot_be_read(store: Store) -> None:
    [wrong] = findings(store, lambda txn: txn.put(txn.tables.replies, KEY, b"?"))
    assert "cannot be read" in wrong
