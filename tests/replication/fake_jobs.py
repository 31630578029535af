"""Jobs and runs of jobs for the tests: nothing is replicated, the test says how a run ends."""

import asyncio

from docstore.errors import DocstoreError
from docstore.replication.jobs.job import Job, Origin
from docstore.replication.options import ReplicationOptions, parse_replication
from docstore.replication.replicator import Summary
from docstore.replication.statistics import Statistics

SUMMARY = Summary(False, Statistics(), {"session_id": "s"})


def options(**members: object) -> ReplicationOptions:
    urls = {"source": "http://user:secret@host:5984/a", "target": "http://host:5984/b"}
    return parse_replication({**urls, **members})


def job(name: str, *, continuous: bool = False, database: str | None = "_replicator", **members: object) -> Job:
    """A job of the document ``name``; without ``database`` of a request."""
    origin = Origin() if database is None else Origin(database, name, 1)
    extension = "+continuous" if continuous else ""
    return Job(name, extension, options(continuous=continuous, **members), 1_000_000.0, origin=origin)


class Runs:
    """What runs now, by id; each ends when the test says so."""

    def __init__(self) -> None:
        self.now: dict[str, asyncio.Future[Summary]] = {}
        self.started: list[str] = []
        self.slow: set[str] = set()

    async def __call__(self, job: Job) -> Summary:
        end = self.now[job.id] = asyncio.get_running_loop().create_future()
        self.started.append(job.id)
        try:
            return await end
        except asyncio.CancelledError:
            if job.id in self.slow:  # a last checkpoint that is not written in time
                await asyncio.get_running_loop().create_future()
            raise
        finally:
            if self.now.get(job.id) is end:
                del self.now[job.id]

    def complete(self, job_id: str) -> None:
        self.now[job_id].set_result(SUMMARY)

    def crash(self, job_id: str, error: Exception | None = None) -> None:
        self.now[job_id].set_exception(error or DocstoreError("could not open it", error="db_not_found"))

    @property
    def running(self) -> list[str]:
        return sorted(self.now)
