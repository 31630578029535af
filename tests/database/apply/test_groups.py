"""Which commands share a group: a group with much work on large trees ends early, and nothing else comes of that."""

import random
from pathlib import Path

import pytest

from docstore.core.rev import Rev
from docstore.database import commands
from docstore.database.apply import updater
from docstore.database.apply.remembered import Answer
from docstore.database.apply.reply_forms import PurgedForm
from docstore.storage.engine.transactions import LATER
from tests.database.apply.test_remembered_commands import everything, once
from tests.database.apply.test_updater import DB, Store, create, push, put
from tests.database.helpers import replicated, rev

BRANCHES = "abc"


def branched(doc_id: str) -> object:
    """A document with three leaves, whose tree is stored whole."""
    return push(*(replicated(doc_id, rev(f"2-{letter}"), rev("1-f")) for letter in BRANCHES))


def filled(folder: Path) -> Store:
    store = Store(folder)
    for command in (create("other"), branched("d"), branched("e")):
        store.apply(command)
    return store


@pytest.fixture
def store(tmp_path: Path):
    store = filled(tmp_path)
    yield store
    store.close()


@pytest.fixture
def ended_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any tree is large."""
    monkeypatch.setattr(updater, "TREES_A_GROUP", 1)


def purge(doc_id: str, letter: str, uuid: str) -> commands.Purge:
    return commands.Purge(DB, (commands.PurgeRequest(uuid, doc_id, (rev(f"2-{letter}"),)),))


@pytest.mark.usefixtures("ended_early")
def test_the_first_command_is_carried_out_and_the_rest_is_left(store):
    group = (put("d", rev("2-a")), put("x"), create("more"), once("k", put("y")), put("z", database=2))
    first, *rest = store.apply(*group)
    assert isinstance(first[0], Rev)
    assert rest == [LATER] * 4
    assert LATER not in store.apply(*group[1:])


@pytest.mark.usefixtures("ended_early")
@pytest.mark.parametrize("second", [purge("e", "a", "u2"), once("k", put("e", rev("2-a")))])
def test_purges_count_too(store, second):
    group = (purge("d", "a", "u1"), second, put("x"))
    first, *rest = store.apply(*group)
    assert first == [[rev("2-a")]]
    assert rest == [LATER] * 2
    assert store.apply(*rest_of(group, [first, *rest]))[1] is LATER


@pytest.mark.usefixtures("ended_early")
def test_the_effects_of_one_key_are_never_parted(store):
    effects = (put("d", rev("2-a")), purge("e", "a", "u1"), put("d", rev("2-b")))
    [answer] = store.apply(once("k", *effects, form=PurgedForm(("d",), 100)))
    assert isinstance(answer, Answer)
    assert LATER not in answer.results


def rest_of(group, results):
    return [command for command, result in zip(group, results, strict=True) if result is LATER]


def some_commands(dice: random.Random) -> list[object]:
    """Commands of two databases, about documents with branches and without, some with a key that comes twice."""
    made: list[object] = []
    for number in range(30):
        doc_id, letter = dice.choice("dexy"), dice.choice(BRANCHES)
        one = dice.choice(
            [
                put(doc_id, dice.choice([None, rev(f"2-{letter}")]), n=number),
                put(doc_id, database=2),
                purge(dice.choice("de"), letter, f"u{number}"),
                push(replicated(doc_id, rev(f"3-{letter}"), rev(f"2-{dice.choice(BRANCHES)}"), rev("1-f"))),
            ]
        )
        if isinstance(one, commands.EditDocuments) and dice.random() < 0.3:
            one = once(f"k{dice.randrange(5)}", one)
        made.append(one)
    return made


@pytest.mark.parametrize("seed", range(6))
def test_what_is_left_and_done_later_comes_to_the_same(tmp_path, monkeypatch, seed):
    group = some_commands(random.Random(seed))
    stores = []
    for name, bound in (("whole", 1 << 40), ("parts", 1)):
        monkeypatch.setattr(updater, "TREES_A_GROUP", bound)
        store = filled(tmp_path / name)
        stores.append(store)
        waiting, groups = group, 0
        while waiting:
            waiting, groups = rest_of(waiting, store.apply(*waiting)), groups + 1
        assert (groups > 1) == (bound == 1)
    assert everything(stores[0]) == everything(stores[1])
    for store in stores:
        store.close()
