"""How many distinct keys there are, approximately: HyperLogLog of 2,048 registers.

Owns the registers of ``_approx_count_distinct`` and the estimate. It must not know rows. The precision and the hash are
those of CouchDB (``couch_hyper``: the first 64 bits of the SHA-1 of the key's external term, 11 of them the register),
so equal keys fill equal registers. The estimate is the one of the HyperLogLog++ paper with one difference: its table of
measured biases is replaced by the expectation that the table measures, so that between 1,800 and 10,000 keys the
number may differ from CouchDB's by what both are off.

Registers are kept sparse while few are set: 3 bytes for each, its number and its value, and then all 2,048 of them.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha1
from typing import Final

PRECISION: Final = 11
REGISTERS: Final = 1 << PRECISION
LINEAR_UP_TO: Final = 1_800
"""Up to here the number of empty registers tells more."""

_REST_BITS: Final = 64 - PRECISION
_ALPHA: Final = 0.7213 / (1 + 1.079 / REGISTERS)
_SPARSE, _DENSE = b"s", b"d"
_SPARSE_UP_TO: Final = REGISTERS // 3


def of_terms(terms: Iterable[bytes]) -> bytes:
    """The registers that some external terms fill, packed."""
    values: dict[int, int] = {}
    for term in terms:
        hashed = int.from_bytes(sha1(b"\x83" + term, usedforsecurity=False).digest()[:8])
        register = hashed >> _REST_BITS
        zeros = _REST_BITS - (hashed & ((1 << _REST_BITS) - 1)).bit_length() + 1
        if zeros > values.get(register, 0):
            values[register] = zeros
    return _pack(values)


def union(packed: Sequence[bytes]) -> bytes:
    """The registers of several, each the greatest of them."""
    if len(packed) == 1:
        return packed[0]
    values: dict[int, int] = {}
    dense = [one[1:] for one in packed if one[:1] == _DENSE]
    if dense:
        greatest = bytes(map(max, zip(*dense, strict=True))) if len(dense) > 1 else dense[0]
        values = {register: value for register, value in enumerate(greatest) if value}
    for one in packed:
        if one[:1] == _SPARSE:
            for place in range(1, len(one), 3):
                register = one[place] << 8 | one[place + 1]
                if one[place + 2] > values.get(register, 0):
                    values[register] = one[place + 2]
    return _pack(values)


def estimate(packed: bytes) -> int:
    """About how many distinct keys filled these registers."""
    values = _unpack(packed)
    empty = REGISTERS - len(values)
    mean = empty + sum(2.0**-value for value in values.values())
    raw = _ALPHA * REGISTERS * REGISTERS / mean
    if empty:
        linear = REGISTERS * math.log(REGISTERS / empty)
        if linear <= LINEAR_UP_TO:
            return round(linear)
    return round(_unbiased(raw) if raw <= 5 * REGISTERS else raw)


def _pack(values: dict[int, int]) -> bytes:
    if len(values) <= _SPARSE_UP_TO:
        return _SPARSE + b"".join(b"%c%c%c" % (one >> 8, one & 0xFF, values[one]) for one in sorted(values))
    registers = bytearray(REGISTERS)
    for register, value in values.items():
        registers[register] = value
    return _DENSE + bytes(registers)


def _unpack(packed: bytes) -> dict[int, int]:
    if packed[:1] == _DENSE:
        return {register: value for register, value in enumerate(packed[1:]) if value}
    places = range(1, len(packed), 3)
    return {packed[place] << 8 | packed[place + 1]: packed[place + 2] for place in places}


def _unbiased(raw: float) -> float:
    """The number of keys whose raw estimate is expected to be this one."""
    low, high = 0.0, 2.0 * raw
    for _ in range(40):
        middle = (low + high) / 2
        if _expected_raw(middle) < raw:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=256)
def _expected_raw(count: float) -> float:
    """The raw estimate that ``count`` keys are expected to have, each register with its share of them."""
    share = count / REGISTERS
    mean = math.exp(-share)
    below = mean
    for value in range(1, _REST_BITS + 1):
        up_to = math.exp(-share * 2.0**-value)
        mean += (up_to - below) * 2.0**-value
        below = up_to
    return _ALPHA * REGISTERS / mean
