"""The algorithms for ids."""

import itertools
import random

import pytest

from docstore.database.uuids import UuidGenerator
from docstore.settings import UuidAlgorithm


def generator(algorithm, *, clock=lambda: 0, seed=1):
    return UuidGenerator(algorithm, clock, random.Random(seed).randbytes)


HEXADECIMAL = [each for each in UuidAlgorithm if each is not UuidAlgorithm.UTC_ID]


@pytest.mark.parametrize("algorithm", HEXADECIMAL)
def test_ids_are_distinct_and_32_hex_digits(algorithm):
    ids = generator(algorithm).take(10_000)
    assert len(set(ids)) == 10_000
    assert all(len(each) == 32 and int(each, 16) >= 0 and each == each.lower() for each in ids)


def test_sequential_ids_rise_within_a_prefix_and_then_change_it():
    ids = generator(UuidAlgorithm.SEQUENTIAL).take(20_000)
    runs = {prefix: list(run) for prefix, run in itertools.groupby(ids, key=lambda each: each[:26])}
    assert 2 < len(runs) < 20
    assert all(run == sorted(run) for run in runs.values())
    steps = [int(b[26:], 16) - int(a[26:], 16) for run in runs.values() for a, b in itertools.pairwise(run)]
    assert min(steps) >= 1
    assert max(steps) <= 0xFFD
    assert len(set(steps)) > 1000


def test_utc_random_starts_with_the_time():
    ids = iter([0x5_4321_9876_ABCD, 1])
    made = generator(UuidAlgorithm.UTC_RANDOM, clock=lambda: next(ids)).take(2)
    assert made[0].startswith("054321" + "9876abcd")
    assert made[1].startswith("0" * 13 + "1")


def test_randomness_is_handed_in():
    for algorithm in HEXADECIMAL:
        assert generator(algorithm, seed=5).take(3) == generator(algorithm, seed=5).take(3)
        assert generator(algorithm, seed=5).take(3) != generator(algorithm, seed=6).take(3)


def test_utc_id_is_the_time_and_a_suffix_and_rises_whatever_the_clock_does():
    clock = iter([7, 7, 7, 3, 20])
    ids = UuidGenerator(UuidAlgorithm.UTC_ID, lambda: next(clock), random.randbytes, "frog").take(5)
    assert ids == [f"{time:014x}frog" for time in (7, 8, 9, 10, 20)]


async def test_the_algorithm_can_change_while_the_server_runs(server, client):
    for key, word in (("algorithm", "utc_id"), ("utc_id_suffix", "frog")):
        async with client.put(f"/_node/_local/_config/uuids/{key}", json=word) as reply:
            assert reply.status == 200
    async with client.get("/_uuids?count=2") as reply:
        first, second = (await reply.json())["uuids"]
    assert first < second
    assert {first[14:], second[14:]} == {"frog"}
