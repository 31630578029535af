"""The threads that hash passwords: off the loop, bounded, and done with when the server stops."""

import asyncio
import threading

import pytest

from docstore.accounts.hasher import PasswordHasher
from docstore.errors import Busy
from docstore.settings import AccountSettings

ONE = AccountSettings(hash_threads=1, max_waiting_hashes=1)


async def test_work_is_done_on_a_thread_of_its_own():
    hasher = PasswordHasher(ONE)
    assert (await hasher.run(lambda: threading.current_thread().name)).startswith("docstore-passwords")
    with pytest.raises(ZeroDivisionError):
        await hasher.run(lambda: 1 // 0)
    assert hasher.under_way == 0
    await hasher.stop()


async def test_what_comes_beyond_those_that_may_wait_is_refused():
    hasher = PasswordHasher(ONE)
    gate = threading.Event()
    first, second = (asyncio.ensure_future(hasher.run(gate.wait)) for _ in range(2))
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="Too many logins"):
        await hasher.run(gate.wait)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    with pytest.raises(Busy):  # it still works
        await hasher.run(gate.wait)
    gate.set()
    assert await second
    assert await hasher.run(lambda: 5) == 5
    await hasher.stop()


async def test_it_can_be_stopped_unused():
    await PasswordHasher(ONE).stop()
