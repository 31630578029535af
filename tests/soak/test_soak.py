"""A soak of a few rounds; and that it finds a server that forgets."""

from pathlib import Path

import pytest

from tests.soak.soak import TROUBLES, Soak

ROUNDS = 2
ROUNDS_LONG = 24
FORGOTTEN = 150
"""Requests that were acknowledged."""


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, ROUNDS), pytest.param(2, ROUNDS_LONG, marks=pytest.mark.long)], ids=["short", "long"]
)
async def test_nothing_breaks(tmp_path: Path, seed: int, rounds: int) -> None:
    soak = Soak(tmp_path, seed)
    assert await soak.run(rounds=rounds) == []
    assert soak.acknowledged
    assert soak.troubles.total() == rounds


class Forgetful(Soak):
    """Its server goes back to an earlier state, and nobody tells the clients."""

    async def _kill_main(self) -> None:
        place = self.folder / "earlier"
        await self._main.kill()
        self._main.copy_to(place)
        await self._again(self._main)
        before = self.acknowledged
        while self.acknowledged < before + FORGOTTEN and not self.findings:  # so much that some of it must be missed
            await self._load()
        await self._quiet()
        await self._main.kill()
        self._main.restore_from(place)
        await self._again(self._main)


async def test_a_server_that_forgets_is_found(tmp_path: Path) -> None:
    assert "kill_main" in TROUBLES
    findings = await Forgetful(tmp_path, 1, troubles={"kill_main": 1}).run(rounds=1)
    assert findings
