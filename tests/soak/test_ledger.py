"""The soak's bookkeeping: what it takes for well, and what it finds."""

import pytest

from tests.soak.ledger import Change, Document, Leaf, Ledger

FIRST = {"1-a": Leaf(1)}
EDIT = Change(frozenset({"1-a"}), Leaf(2))


def document(*pending: Change) -> Document:
    return Document(dict(FIRST), list(pending))


def test_what_was_acknowledged_must_be_there() -> None:
    one = document()
    one.apply(EDIT, "2-b")
    assert one.settle({"2-b": Leaf(2)}) is None
    assert one.settle(FIRST) is not None


@pytest.mark.parametrize("seen", [FIRST, {"2-b": Leaf(2)}], ids=["did not happen", "happened"])
def test_a_lost_answer_leaves_two_possibilities(seen: dict[str, Leaf]) -> None:
    one = document(EDIT)
    assert one.settle(seen) is None
    assert one.leaves == seen or one.leaves["2-b"].path == ("b",)
    assert not one.pending


@pytest.mark.parametrize(
    "seen",
    [{}, {"2-b": Leaf(3)}, {"2-b": Leaf(2), "1-c": Leaf(1)}, {"1-a": Leaf(1), "2-b": Leaf(2)}],
    ids=["gone", "another content", "a leaf too many", "both"],
)
def test_and_no_third(seen: dict[str, Leaf]) -> None:
    assert document(EDIT).settle(seen) is not None


def test_a_lost_purge_may_have_happened() -> None:
    assert document(Change(frozenset({"1-a"}), None)).settle({}) is None


def test_a_document_that_nobody_wrote_is_found() -> None:
    ledger = Ledger()
    ledger.docs["a"] = document()
    assert list(ledger.compare({"a": FIRST})) == []
    assert len(list(ledger.compare({"a": FIRST, "b": FIRST}))) == 1
    assert len(list(ledger.compare({}))) == 1


def test_leaves_stand_in_the_order_of_winners() -> None:
    one = Document({"2-a": Leaf(1), "1-f": Leaf(2), "3-a": Leaf(None, deleted=True), "2-b": Leaf(3)})
    assert one.in_order() == ["2-b", "2-a", "1-f", "3-a"]
    assert one.live() == ["2-b", "2-a", "1-f"]
