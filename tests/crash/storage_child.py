"""A process with an environment and a writer, for tests that kill it or break its disk.

    python -m tests.crash.storage_child write FOLDER COMMANDS TASKS [LIMIT]
    python -m tests.crash.storage_child compact FOLDER STEP

``write`` prints a line for each command that was answered: ``ack N``, or the name of the error and N; then reads every
acknowledged row again and prints ``lost N`` or, if all are there, ``reads go on``. With LIMIT it may not make files
longer than so many bytes until a command failed; afterwards it goes on without limit. ``compact`` kills itself after
STEP.
"""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from docstore.errors import DocstoreError
from docstore.settings import StorageSettings
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.offline_compaction import compact_offline
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.engine.writer import Writer

VALUE_BYTES = 10_000
IN_THE_COPY = "in the copy"


def key_of(number: int) -> bytes:
    return b"%08d" % number


def value_of(number: int) -> bytes:
    return b"%d " % number * (VALUE_BYTES // (len(str(number)) + 1))


def apply(transaction: GroupTransaction, commands: Sequence[object]) -> list[object]:
    numbers = [number for number in commands if isinstance(number, int)]
    transaction.putmulti(transaction.tables.docs, [(key_of(number), value_of(number)) for number in numbers])
    return list(numbers)


def say(line: str) -> None:
    print(line, flush=True)


def limit_files(longest: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY))


async def write(folder: Path, commands: int, tasks: int, limit: int | None) -> None:
    environment = Environment.open(folder, StorageSettings())
    writer = Writer(environment, apply)
    numbers = iter(range(commands))
    acknowledged: list[int] = []
    say(f"epoch {environment.epoch}")
    if limit is not None:
        limit_files(limit)

    async def task() -> None:
        for number in numbers:
            try:
                await writer.submit(number)
            except DocstoreError as error:
                say(f"{type(error).__name__} {number}")
                limit_files(resource.RLIM_INFINITY)
            else:
                acknowledged.append(number)
                say(f"ack {number}")

    await asyncio.gather(*[task() for _ in range(tasks)])
    lost = 0
    for number in acknowledged:
        with environment.snapshot() as snapshot:
            if snapshot.get(snapshot.tables.docs, key_of(number)) != value_of(number):
                say(f"lost {number}")
                lost += 1
    if not lost:
        say("reads go on")
    await writer.close()
    environment.close()


def compact(folder: Path, step: str) -> None:
    def die(done: str) -> None:
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)
        if (done, step) == ("opened", IN_THE_COPY):  # the kernel kills who writes beyond the limit
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            limit_files(1_000_000)

    compact_offline(folder, StorageSettings(), after_step=die)


def main(arguments: list[str]) -> None:
    mode, folder = arguments[0], Path(arguments[1])
    if mode == "write":
        numbers = [int(argument) for argument in arguments[2:]]
        asyncio.run(write(folder, numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else None))
    else:
        compact(folder, arguments[2])


if __name__ == "__main__":
    main(sys.argv[1:])
