"""A soak: two servers, clients that know what they wrote, and trouble; after each trouble everything is compared.

Owns the order of things: load, trouble, check of the folder, restart, comparison. The load is in the modules beside
this one.
"""

import asyncio
import math
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random

from tests.soak.client import Client, FindingError, LostError, RefusedError
from tests.soak.copies import look_at_copy
from tests.soak.designs import look_at_views
from tests.soak.extras import Counters, Databases
from tests.soak.feeds import Follower
from tests.soak.looking import all_leaves, live_winners
from tests.soak.server import Server
from tests.soak.uploader import Uploader
from tests.soak.worker import Worker

WORKERS = 3
FEWEST_ACKNOWLEDGED, MOST_ACKNOWLEDGED = 30, 250
ROUND_SECONDS = 40.0
MOST_FINDINGS = 20

Trouble = Callable[[], Awaitable[None]]


class Soak:
    """``await Soak(folder, seed).run(seconds=300)``: the findings, nothing if all is well."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        tell: Callable[[str], None] = print,
        troubles: Mapping[str, int] | None = None,
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.findings: list[str] = []
        self.acknowledged = 0
        self.troubles: Counter[str] = Counter()
        self._weights = TROUBLES if troubles is None else troubles
        self._tell = tell
        self._random = Random(seed)
        self._main = Server("main", folder)
        self._copy = Server("copy", folder)
        self._clients: list[Client] = []
        self._open = asyncio.Event()
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._bell = asyncio.Event()
        self._until = 0

    async def run(self, *, seconds: float = math.inf, rounds: float = math.inf) -> list[str]:
        """Load, trouble and comparison, for so many seconds or so often."""
        try:
            await self._start()
            started = time.monotonic()
            writers = [asyncio.create_task(self._write(one)) for one in self._writers()]
            try:
                while not self.findings and time.monotonic() - started < seconds and self.troubles.total() < rounds:
                    await self._round()
            finally:
                for writer in writers:
                    writer.cancel()
                await asyncio.gather(*writers, return_exceptions=True)
                for follower in self._followers:
                    await follower.close()
                for client in self._clients:
                    await client.close()
        finally:
            await self._finish()
        return self.findings

    # the load

    def _client(self, server: Server) -> Client:
        client = Client(server)
        self._clients.append(client)
        return client

    async def _start(self) -> None:
        self._found(await self._main.start(self._random))
        self._found(await self._copy.start(self._random))
        if self.findings:
            raise FindingError(self.findings[0])
        seeds = [self._random.randrange(1 << 30) for _ in range(WORKERS + 3)]
        self._workers = [Worker(self._client(self._main), f"w{n}", seeds[n], self._count) for n in range(WORKERS)]
        self._uploader = Uploader(self._client(self._main), "uploads", seeds[-1], self._count)
        self._counters = Counters(self._client(self._main), "counters", seeds[-2], self._count)
        self._databases = Databases(self._client(self._main), "shortlived", seeds[-3], self._count)
        self._asker, self._copy_asker = self._client(self._main), self._client(self._copy)
        for name in (*(worker.name for worker in self._workers), "uploads", "counters"):
            await self._asker.ask("PUT", f"/{name}")
        for worker in self._workers:
            await worker.designs.redesign()
        await self._asker.ask("PUT", "/_replicator")
        for worker in self._workers:
            body = {
                "source": f"{self._main.url}/{worker.name}",
                "target": f"{self._copy.url}/{worker.name}",
                "continuous": True,
                "create_target": True,
            }
            await self._asker.ask("PUT", f"/_replicator/{worker.name}", body)
        self._followers = [Follower(worker.client, worker.name) for worker in self._workers]

    def _writers(self) -> list[Callable[[], Awaitable[None]]]:
        return [
            *(worker.write for worker in self._workers),
            self._uploader.write,
            self._counters.write,
            self._databases.write,
        ]

    async def _write(self, write: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._open.wait()
            self._busy += 1
            self._idle.clear()
            try:
                await write()
            except FindingError as finding:
                self._found(str(finding))
                return
            except Exception as error:  # a client that breaks is a finding like any other
                self._found(f"{type(error).__name__}: {error}")
                raise
            finally:
                self._busy -= 1
                if not self._busy:
                    self._idle.set()

    def _count(self) -> None:
        self.acknowledged += 1
        if self.acknowledged >= self._until:
            self._bell.set()

    # rounds

    async def _round(self) -> None:
        """Load, a trouble in the middle of it, and a comparison when all is quiet."""
        await self._load()
        name = self._random.choices(list(self._weights), list(self._weights.values()))[0]
        self.troubles[name] += 1
        trouble: Trouble = getattr(self, f"_{name}")
        await trouble()
        if not self.findings:
            await self._quiet()
            await self._compare()
        self._tell(f"{self.acknowledged:>7} acknowledged, {self.troubles.total():>4} troubles, last: {name}")

    async def _load(self) -> None:
        """Let the clients write until so many answers came."""
        self._until = self.acknowledged + self._random.randint(FEWEST_ACKNOWLEDGED, MOST_ACKNOWLEDGED)
        self._bell.clear()
        self._open.set()
        try:
            async with asyncio.timeout(ROUND_SECONDS):
                await self._bell.wait()
        except TimeoutError:
            if self.acknowledged == 0 or not self._main.up.is_set():
                self._found(f"only {self.acknowledged} requests were acknowledged within {ROUND_SECONDS} s")
        if self._main.ended_by_itself() or self._copy.ended_by_itself():
            self._found("a server ended by itself")

    async def _quiet(self) -> None:
        """Let every client finish what it is at."""
        self._open.clear()
        try:
            async with asyncio.timeout(ROUND_SECONDS * 2):
                await self._idle.wait()
        except TimeoutError:
            self._found("a client does not come to an end")

    # troubles

    async def _kill_main(self) -> None:
        await self._main.kill()
        await self._again(self._main)

    async def _kill_copy(self) -> None:
        await self._copy.kill()
        await self._again(self._copy)

    async def _stop_main(self) -> None:
        self._found(await self._main.stop())
        await self._again(self._main)

    async def _full_disk(self) -> None:
        """The disk is full for a while; sometimes the server is killed meanwhile."""
        server = self._random.choice((self._main, self._copy))
        server.fill_disk()
        await self._load()
        if self._random.random() < 0.3:
            await server.kill()
            await self._again(server)
        else:
            server.clear_disk()
            await self._load()

    async def _roll_back_copy(self) -> None:
        """The target of the replications goes back to an earlier state."""
        place = self.folder / "kept-copy"
        if self._random.random() < 0.5:
            await self._copy.kill()
        else:
            self._found(await self._copy.stop())
        if place.exists() and self._random.random() < 0.7:
            self._copy.restore_from(place)
            shutil.rmtree(place)
        elif not place.exists():
            self._copy.copy_to(place)
        await self._again(self._copy)

    async def _roll_back_main(self) -> None:
        """The source goes back to an earlier state, and with it what its clients know."""
        await self._quiet()
        await self._compare()
        self._found(await self._main.stop())
        place = self.folder / "kept-main"
        self._main.copy_to(place)
        known = [worker.ledger.snapshot() for worker in self._workers]
        sent, sure = dict(self._uploader.sent), list(self._counters.sure)
        await self._again(self._main)
        await self._load()
        await self._quiet()
        await self._main.kill()
        self._main.restore_from(place)
        for worker, ledger in zip(self._workers, known, strict=True):
            worker.ledger.restore(ledger)
        self._uploader.sent, self._counters.sure = sent, sure
        self._counters.perhaps = [0] * len(sure)
        await self._again(self._main)

    async def _again(self, server: Server) -> None:
        """Look at the folder of a server that has ended, and start it again."""
        self.findings += server.log_complaints()
        self.findings += await server.check()
        self._found(await server.start(self._random))

    # comparing

    async def _compare(self) -> None:
        """All that the clients know against all that the servers show."""
        while not self.findings:
            try:
                await self._compare_main()
                await self._compare_copy()
            except (LostError, RefusedError):
                continue
            except FindingError as finding:
                self._found(str(finding))
            return

    async def _compare_main(self) -> None:
        for worker, follower in zip(self._workers, self._followers, strict=True):
            ledger = worker.ledger
            self.findings += [
                f"{worker.name}/{one}" for one in ledger.compare(await all_leaves(self._asker, worker.name))
            ]
            winners = {doc_id: one.live()[0] for doc_id, one in ledger.docs.items() if one.live()}
            listed = await live_winners(self._asker, worker.name)
            if listed != winners:
                odd = [doc_id for doc_id in {*listed, *winners} if listed.get(doc_id) != winners.get(doc_id)]
                self._found(f"{worker.name}: _all_docs has other winners for {odd[:5]}")
            for doc_id, values in ledger.local.items():
                _, said, _ = await self._asker.ask("GET", f"/{worker.name}/_local/{doc_id}", expect=(200, 404))
                if said.get("value") not in values:
                    self._found(f"{worker.name}/_local/{doc_id}: {said}, expected one of {values}")
                ledger.local[doc_id] = {said.get("value")}
            if not self.findings and ledger.version:
                self._found(await look_at_views(self._asker, worker.name, ledger))
            if not self.findings:  # what is not there cannot be told of
                self._found(await follower.check(ledger))
        self.findings += await self._counters.check()
        await self._uploader.look_at_all()

    async def _compare_copy(self) -> None:
        """After one replication more the copy knows each leaf, with what stands in it; its views show what it has."""
        for worker in self._workers:
            body = {"source": worker.name, "target": f"{self._copy.url}/{worker.name}", "create_target": True}
            _, said, _ = await self._asker.ask("POST", "/_replicate", body)
            if not said.get("ok"):
                self._found(f"replication of {worker.name}: {said}")
            for complaint in await look_at_copy(self._copy_asker, worker.name, worker.ledger):
                self._found(complaint)

    def _found(self, finding: str | None) -> None:
        if finding is not None and len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)
            self._until = 0
            self._bell.set()

    async def _finish(self) -> None:
        """Stop what runs, and look at the folders once more."""
        for server in (self._main, self._copy):
            if server.up.is_set():
                self._found(await server.stop())
            if server.log.exists():
                self.findings += server.log_complaints()
            if server.data.exists():
                self.findings += await server.check()


TROUBLES = {
    "kill_main": 8,
    "kill_copy": 3,
    "stop_main": 2,
    "full_disk": 4,
    "roll_back_copy": 4,
    "roll_back_main": 2,
}
"""How often each comes, compared with the others."""
