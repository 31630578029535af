"""Ids for documents that come without one: ``sequential``, ``random``, ``utc_random`` and ``utc_id``.

Owns the four algorithms, which follow ``couch_uuids``. Clock and randomness are handed in.
"""

from collections.abc import Callable

from docstore.settings import UuidAlgorithm

PREFIX_BYTES = 13
SUFFIX_DIGITS = 6
LAST_SUFFIX = 0xFFF000
MAX_STEP = 0xFFD
UTC_DIGITS = 14
UTC_RANDOM_BYTES = 9


class UuidGenerator:
    """Makes ids of 32 hex digits; those of ``utc_id`` are 14, and ``suffix``.

    ``clock`` gives microseconds since 1970, ``random_bytes`` that many random bytes. ``sequential`` ids share a random
    prefix and grow by random steps, so that they go to one place of the index and yet cannot be guessed; the prefix is
    changed when its numbers are used up.
    """

    def __init__(
        self,
        algorithm: UuidAlgorithm,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        suffix: str = "",
    ) -> None:
        self.algorithm = algorithm
        self._clock = clock
        self._random_bytes = random_bytes
        self._utc_suffix = suffix
        self._told = 0
        self._prefix = ""
        self._suffix = LAST_SUFFIX
        self._make = {
            UuidAlgorithm.SEQUENTIAL: self._sequential,
            UuidAlgorithm.RANDOM: self._random,
            UuidAlgorithm.UTC_RANDOM: self._utc_random,
            UuidAlgorithm.UTC_ID: self._utc_id,
        }[algorithm]

    def next(self) -> str:
        """The next id."""
        return self._make()

    def take(self, count: int) -> list[str]:
        """The next ``count`` ids."""
        return [self._make() for _ in range(count)]

    def _sequential(self) -> str:
        self._suffix += self._step()
        if self._suffix >= LAST_SUFFIX:
            self._prefix = self._random_bytes(PREFIX_BYTES).hex()
            self._suffix = self._step()
        return f"{self._prefix}{self._suffix:0{SUFFIX_DIGITS}x}"

    def _step(self) -> int:
        return 1 + int.from_bytes(self._random_bytes(2)) % MAX_STEP

    def _random(self) -> str:
        return self._random_bytes(16).hex()

    def _utc_random(self) -> str:
        return f"{self._clock():0{UTC_DIGITS}x}{self._random_bytes(UTC_RANDOM_BYTES).hex()}"

    def _utc_id(self) -> str:
        """The time, or the next microsecond that none was made of; so also while the clock goes back."""
        self._told = max(self._clock(), self._told + 1)
        return f"{self._told:0{UTC_DIGITS}x}{self._utc_suffix}"
