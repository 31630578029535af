"""Blocks of throughput, and how a change takes its time."""

import pytest

from docstore.core.cloudant.capacity import CONVERGING, Capacity, rates, read_blocks
from docstore.core.cloudant.throughput import RequestClass
from docstore.errors import BadRequest


def test_a_block():
    assert rates(5) == {RequestClass.QUERY: 25, RequestClass.READ: 500, RequestClass.WRITE: 250}


def test_the_present_capacity_becomes_the_target_later():
    changed = Capacity(5, 5).changed(10, 100.0)
    assert (changed.current, changed.target) == (5, 10)
    assert changed.at(100.0 + CONVERGING - 0.1).current == 5
    assert changed.at(100.0 + CONVERGING).current == 10
    # another change meanwhile begins from what holds then
    assert changed.changed(20, 100.5).at(101.2).current == 5
    assert changed.changed(20, 101.5).current == 10


def test_a_clock_that_is_set_back_keeps_nobody_waiting():
    assert Capacity(5, 5).changed(10, 100.0).at(50.0).current == 10


def test_as_it_is_told():
    assert Capacity(5, 10).members() == {
        "current": {"throughput": {"blocks": 5, "query": 25, "read": 500, "write": 250}},
        "target": {"throughput": {"blocks": 10, "query": 50, "read": 1000, "write": 500}},
    }


@pytest.mark.parametrize(
    "told", [{}, {"blocks": 0}, {"blocks": 101}, {"blocks": True}, {"blocks": 1.0}, {"blocks": "1"}]
)
def test_what_is_no_number_of_blocks(told):
    with pytest.raises(BadRequest, match="from 1 to 100"):
        read_blocks(told)
    assert read_blocks({"blocks": 100}) == 100
