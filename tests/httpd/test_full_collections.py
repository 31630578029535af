"""A full collection waits for a calm moment, but not for ever."""

import asyncio
import gc
import weakref

import pytest

from docstore.httpd import full_collections
from docstore.httpd.full_collections import CALM, DUE, MIDDLE, OVERDUE, YOUNG, FullCollections, middle_collections


class Story:
    """An interpreter whose counts are told."""

    def __init__(self) -> None:
        self.middle = 1_000
        self.taken = 0
        self.made = 0
        self.collections = FullCollections(lambda: self.taken, lambda: self.middle, self.collect)

    def collect(self) -> None:
        self.made += 1

    def after(self, middle: int, taken: int) -> int:
        """How many full collections there were after so many more of the middle generation."""
        self.middle += middle
        self.taken = taken
        self.collections.look()
        return self.made


def test_none_is_made_before_it_is_due():
    assert Story().after(DUE - 1, 0) == 0


def test_one_that_is_due_is_made_when_it_is_calm_and_then_not_again():
    story = Story()
    assert story.after(DUE, CALM) == 1
    assert story.after(DUE - 1, 0) == 1
    assert story.after(1, 0) == 2


def test_one_that_is_due_waits_for_large_requests():
    story = Story()
    assert story.after(DUE, CALM + 1) == 0
    assert story.after(OVERDUE - DUE - 1, CALM + 1) == 0
    assert story.after(0, CALM) == 1


def test_it_does_not_wait_for_ever():
    story = Story()
    assert story.after(OVERDUE, CALM + 1) == 1


def test_the_interpreter_counts_collections_of_its_middle_generation():
    before = middle_collections()
    gc.collect(1)
    assert middle_collections() == before + 1


async def test_rings_go_when_it_looks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(full_collections, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(full_collections, "DUE", 0)
    gone = asyncio.Event()

    class Ring:
        def __init__(self) -> None:
            self.itself = self

    weakref.finalize(Ring(), gone.set)
    looking = asyncio.create_task(FullCollections(lambda: 0).keep_looking())
    await gone.wait()
    looking.cancel()


def test_taking_over_leaves_no_full_collection_to_the_interpreter():
    thresholds = gc.get_threshold()
    try:
        FullCollections(lambda: 0).take_over()
        young, middle, full = gc.get_threshold()
        assert (young, middle) == (YOUNG, MIDDLE)
        assert full > 10**9
        assert gc.get_freeze_count() > 0
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
