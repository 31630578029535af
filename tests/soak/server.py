"""One server of a soak: a child process that is killed, stopped, starved of disk, set back to a copy, started again.

Owns the process, its folder and its log. It knows nothing of what is written.
"""

import asyncio
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

from docstore.settings import Durability

MIB = 1 << 20
START_SECONDS = 60.0
STOP_SECONDS = 60.0
SMALL_MAPS = (2 * MIB, 16 * MIB, 1 << 40)
ROOM_ON_A_FULL_DISK = 64 * 1024
NOISE = ("INFO", "WARNING")


class Server:
    """``url`` stays the same over all restarts. ``up`` is set while requests have a chance.

    ``full`` counts how often its disk became full or had room again, ``ends`` how often the process ended, so that a
    client can tell whether either happened during its request.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.data = folder / name
        self.log = folder / f"{name}.log"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.up = asyncio.Event()
        self.is_full = False
        self.full = 0
        self.ends = 0
        self.logged = 0
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, choice: Random) -> str | None:
        """Start it, with another durability and map than before perhaps. A complaint if it does not come up."""
        durability = choice.choice(list(Durability))
        command = [sys.executable, "-m", "tests.soak.child", "--data", str(self.data), "--port", str(self.port)]
        command += ["--durability", durability.value, "--map-size", str(choice.choice(SMALL_MAPS))]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: ASYNC220
        for _ in range(int(START_SECONDS / 0.05)):
            if self._process.poll() is not None:
                return f"{self.name} ended at its start with {self._process.returncode}: {self._tail()}"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            self.up.set()
            return None
        return f"{self.name} did not start within {START_SECONDS} s: {self._tail()}"

    async def kill(self) -> None:
        """SIGKILL."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> str | None:
        """SIGTERM; a complaint if that did not end it well."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> str | None:
        assert self._process is not None
        self.up.clear()
        self.ends += 1
        self._turn_full(is_full=False)
        died_before = self._process.poll()
        self._process.send_signal(number)
        try:
            status = await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return f"{self.name} did not stop within {STOP_SECONDS} s of signal {number.name}"
        if died_before is not None:
            return f"{self.name} had ended by itself with {died_before}: {self._tail()}"
        if number is signal.SIGTERM and status:
            return f"{self.name} stopped with {status}: {self._tail()}"
        return None

    def ended_by_itself(self) -> bool:
        """Whether the process is gone without having been told to go."""
        return self.up.is_set() and self._process is not None and self._process.poll() is not None

    def fill_disk(self) -> None:
        """From now on no file of it grows much beyond what it has."""
        largest = max(path.stat().st_size for path in self.data.iterdir())
        self._limit_files(largest + ROOM_ON_A_FULL_DISK)
        self._turn_full(is_full=True)

    def clear_disk(self) -> None:
        """There is room again."""
        self._limit_files(resource.RLIM_INFINITY)
        self._turn_full(is_full=False)

    def was_full(self, full: int) -> bool:
        """Whether its disk was full at any time since ``full`` was counted."""
        return self.is_full or self.full != full

    def copy_to(self, place: Path) -> None:
        """A copy of the folder of a server that does not run."""
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.data, place)

    def restore_from(self, place: Path) -> None:
        """Back to a copy, of a server that does not run."""
        shutil.rmtree(self.data)
        shutil.copytree(place, self.data)

    async def check(self) -> list[str]:
        """What ``docstore check`` finds in the folder, a line each."""
        script = Path(sys.executable).parent / "docstore"
        process = await asyncio.create_subprocess_exec(
            str(script),
            "check",
            "--data",
            str(self.data),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode == 0:
            return []
        return [f"check of {self.name}: {line}" for line in said.decode(errors="replace").splitlines()[:20]]

    def log_complaints(self) -> list[str]:
        """Tracebacks and errors in the log since the last call: the first lines of each."""
        with self.log.open("rb") as log:
            log.seek(self.logged)
            text = log.read().decode(errors="replace")
            self.logged = log.tell()
        lines = text.splitlines()
        found: Counter[str] = Counter()
        for number, line in enumerate(lines):
            if line.startswith("Traceback") or "Fatal Python error" in line:
                last = next((later for later in lines[number + 1 :] if later and not later.startswith(" ")), "?")
                before = lines[number - 1] if number else ""
                found[f"{before[:160]} ... {last[:200]}"] += 1
        return [f"log of {self.name}: {line} ({count} times)" for line, count in found.items()]

    def _turn_full(self, *, is_full: bool) -> None:
        self.full += is_full != self.is_full
        self.is_full = is_full

    def _limit_files(self, size: int) -> None:
        assert self._process is not None
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
