"""Symbols: what they stand for after some answers."""

from tests.differential.knowledge import MADE_UP_REV, OURS, THEIRS, Knowledge


def known():
    knowledge = Knowledge("db")
    knowledge.learn({"docs": [{"_id": "ka", "_rev": "1-a"}]}, [{"id": "ka", "rev": "2-b"}, {"id": "kb", "rev": "1-x"}])
    return knowledge


def test_the_newest_revision_comes_first_and_all_numbers_mean_one():
    symbols = known().symbols(THEIRS)
    assert [symbols(f"${{rev:0:{number}}}") for number in range(4)] == ["2-b", "1-a", "2-b", "1-a"]


def test_a_document_without_revisions_has_one_that_does_not_exist():
    assert known().symbols(THEIRS)("${rev:2:0}") == MADE_UP_REV


def test_symbols_in_the_middle_of_a_text():
    assert known().symbols(THEIRS)("/${db}/ka?rev=${rev:0:0}&x=${hash:0:1}") == "/db/ka?rev=2-b&x=a"


def test_a_child_and_its_history_belong_together():
    symbols = known().symbols(THEIRS)
    assert symbols("${child:0:0:x,y}") == "4-y"
    assert symbols("${revisions:0:0:x,y}") == {"start": 4, "ids": ["y", "x", "b"]}


def test_revisions_of_conflicts_and_feeds_are_learned():
    knowledge = Knowledge("db")
    knowledge.learn(None, {"_id": "ka", "_rev": "2-b", "_conflicts": ["2-c"]})
    knowledge.learn(None, {"results": [{"id": "kb", "changes": [{"rev": "1-q"}]}]})
    assert (knowledge.revs("ka"), knowledge.revs("kb")) == (["2-b", "2-c"], ["1-q"])


def test_each_side_hears_its_own_sequence_and_id():
    knowledge = known()
    knowledge.places.pair("3-x", "7-y")
    assert knowledge.is_pair("a" * 32, "b" * 32)
    assert [knowledge.symbols(side)("${seq:0}") for side in (THEIRS, OURS)] == ["3-x", "7-y"]
    assert [knowledge.symbols(side)("${id:0}") for side in (THEIRS, OURS)] == ["a" * 32, "b" * 32]


def test_an_id_stands_for_one_id_only():
    knowledge = known()
    assert knowledge.is_pair("a" * 32, "b" * 32)
    assert knowledge.is_pair("a" * 32, "b" * 32)
    assert not knowledge.is_pair("a" * 32, "c" * 32)
    assert not knowledge.is_pair("c" * 32, "b" * 32)
