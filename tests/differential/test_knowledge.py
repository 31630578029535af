"""Symbols: what they stand for after some answers."""

from tests.differential.knowledge import MADE_UP_REV, OURS, THEIRS, Knowledge
from tests.differential.steps import Json, Step, render


def known():
    knowledge = Knowledge("db")
    knowledge.learn({"docs": [{"_id": "ka", "_rev": "1-a"}]}, [{"id": "ka", "rev": "2-b"}, {"id": "kb", "rev": "1-x"}])
    return knowledge


def test_the_newest_revision_comes_first_and_all_numbers_mean_one():
    symbols = known().symbols(THEIRS)
    assert [symbols(f"${{rev:0:{number}}}") for number in range(4)] == ["2-b", "1-a", "2-b", "1-a"]


def test_a_document_without_revisions():
    symbols = known().symbols(THEIRS)
    assert symbols("${rev:2:0}") is None
    assert symbols("${some:2:0}") == MADE_UP_REV
    assert symbols("kc?rev=${rev:2:0}") == f"kc?rev={MADE_UP_REV}"
    step = Step(
        "x",
        "PUT",
        "/",
        (("rev", "${rev:2:0}"),),
        (("If-Match", "${rev:2:0}"),),
        Json({"a": ["${rev:2:0}"], "_rev": "${rev:2:0}"}),
    )
    request = render(step, symbols)
    assert (request.target, request.headers[:-1], request.body) == ("/", [], b'{"a":[]}')


def test_symbols_in_the_middle_of_a_text():
    assert known().symbols(THEIRS)("/${db}/ka?rev=${rev:0:0}&x=${hash:0:1}") == "/db/ka?rev=2-b&x=a"


def test_a_child_and_its_history_belong_together():
    symbols = known().symbols(THEIRS)
    history = symbols("${revisions:0:0:x,y}")
    assert (history["start"], len(history["ids"]), history["ids"][-1]) == (4, 3, "b")
    assert symbols("${child:0:0:x,y}") == f"4-{history['ids'][0]}"
    assert symbols("${revisions:0:0:x}")["ids"] == history["ids"][1:]
    assert symbols("${revisions:0:1:x,y}")["ids"][:2] != history["ids"][:2]


def test_a_root_has_nothing_above_it():
    symbols = known().symbols(THEIRS)
    history = symbols("${roots:3:x,long}")
    assert (history["start"], len(history["ids"])) == (4, 2)
    assert symbols("${root:3:x,long}") == f"4-{history['ids'][0]}"
    assert history["ids"][0].startswith("long")
    assert len(history["ids"][1]) == 32


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
