"""How the end of another process is noticed, with the system's help and without."""

import asyncio
import os
import subprocess
import sys

import pytest

from docstore.double import parent


def a_process() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)


@pytest.mark.parametrize("helped", [True, False])
async def test_it_is_noticed(helped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not helped:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
        monkeypatch.setattr(parent, "PATIENCE", 0.01)
    with a_process() as process:
        watching = asyncio.create_task(parent.parent_gone(process.pid))
        await asyncio.sleep(0)
        assert not watching.done()
        process.kill()
        await asyncio.to_thread(process.wait)
        async with asyncio.timeout(10):
            await watching


async def test_one_that_is_gone_already() -> None:
    with a_process() as process:
        process.kill()
    await parent.parent_gone(process.pid)


async def test_nobody_never_goes() -> None:
    watching = asyncio.create_task(parent.parent_gone(0))
    await asyncio.sleep(0)
    assert not watching.done()
    watching.cancel()
