"""Ctrl-C and SIGTERM as an orderly end.

Owns the signal handlers for as long as the work lasts: the first signal cancels the work, which may still tidy up.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Interrupted(Exception):
    """The work was ended by a signal, in order."""


def run(
    work: Coroutine[Any, Any, Result], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> Result:
    """Run the work on an event loop of its own. Raises Interrupted, once it has ended, if a signal asked for it."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(_run(work))


async def _run(work: Coroutine[Any, Any, Result]) -> Result:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise Interrupted from None
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
