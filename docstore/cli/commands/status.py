"""``docstore status``: what a server does, as a table that is kept up to date.

Owns what is shown and how it is computed of two readings of the server's counters. It speaks CouchDB's API with
docstore's additions; what a CouchDB does not tell is a dash.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from docstore.cli.targets.places import UrlTarget, parse_target
from docstore.cli.targets.url_target import RefusedRequest, RemoteDatabase, open_session
from docstore.core.json_text import JsonValue
from docstore.settings import MIB

UNKNOWN: Final = "-"
STATS: Final = "/_node/_local/_stats"
SYSTEM: Final = "/_node/_local/_system"
CONFLICTS: Final = "/_docstore/conflict_stats"
TASKS: Final = "/_active_tasks"
JOBS: Final = "/_scheduler/jobs?limit=0"
PATHS: Final = (STATS, SYSTEM, CONFLICTS, TASKS, JOBS)
PATIENCE_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server told at some moment, in seconds of a steady clock; None of what it does not have."""

    at: float
    told: dict[str, JsonValue]

    def find(self, path: str, *members: str) -> JsonValue:
        """A member of what was told at a path; None where there is none."""
        found: JsonValue = self.told.get(path)
        for member in members:
            found = found.get(member) if isinstance(found, dict) else None
        return found

    def count(self, *members: str) -> float | None:
        """A counter of ``_stats``."""
        value = self.find(STATS, *members, "value")
        return value if isinstance(value, int | float) else None


@click.command()
@click.argument("url")
@click.option("--interval", default=2.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=0.1))
@click.option("--once", is_flag=True, help="Print it once, with rates since the start of the server, and end.")
def status(url: str, interval: float, once: bool) -> None:
    """Show what the server at URL does: http://[USER:PASSWORD@]HOST:PORT.

    Requests and commits a second, writes that share a commit, conflicts, replications, indexes that are built, open
    snapshots, sizes. Ctrl-C ends it.
    """
    where = parse_target(f"{url.rstrip('/')}/_up", None)
    if not isinstance(where, UrlTarget):
        raise click.UsageError("URL must be http://HOST[:PORT] or https://...")
    server = UrlTarget(where.url.removesuffix("/_up"), where.user, where.password)
    asyncio.run(_show(server, None if once else interval))


async def _show(server: UrlTarget, interval: float | None) -> None:
    async with open_session(server, seconds=PATIENCE_SECONDS) as session:
        remote = RemoteDatabase(session, server.url)
        before = await _read(remote)
        if interval is None:
            uptime = before.find(SYSTEM, "uptime")
            seconds = uptime if isinstance(uptime, int | float) else 0
            for name, value in rows(Reading(before.at - max(seconds, 1), {}), before):
                click.echo(f"{name:<24}{value}")
            return
        with Live(console=Console(), auto_refresh=False) as live:
            live.update(_table(server.url, rows(before, before)), refresh=True)
            while True:
                await asyncio.sleep(interval)
                now = await _read(remote)
                live.update(_table(server.url, rows(before, now)), refresh=True)
                before = now


async def _read(remote: RemoteDatabase) -> Reading:
    told: dict[str, JsonValue] = {}
    for path in PATHS:
        try:
            told[path] = await remote.request("GET", path)
        except RefusedRequest:
            if path == STATS:
                raise
            told[path] = None
    return Reading(time.monotonic(), told)


def rows(before: Reading, now: Reading) -> list[tuple[str, str]]:
    """What is shown: names and values. Rates are those between the two readings."""
    commits, commands = _rate(before, now, "couchdb", "commits"), _rate(before, now, "docstore", "commands")
    size = now.count("docstore", "data_file_bytes")
    tasks = now.told.get(TASKS)
    uptime = now.find(SYSTEM, "uptime")
    return [
        ("up for", UNKNOWN if uptime is None else f"{uptime} s"),
        ("requests a second", _number(_rate(before, now, "couchdb", "httpd", "requests"))),
        ("errors a second", _number(_errors(before, now))),
        ("commits a second", _number(commits)),
        ("writes a commit", _number(commands / commits if commits and commands is not None else None)),
        ("conflicts", _text(now.find(CONFLICTS, "conflicts"))),
        ("open databases", _text(now.count("couchdb", "open_databases"))),
        ("replications", _text(now.find(JOBS, "total_rows"))),
        ("indexes being built", _text(_of_type(tasks, "indexer"))),
        ("compactions", _text(_of_type(tasks, "database_compaction"))),
        ("open snapshots", _text(now.count("docstore", "open_snapshots"))),
        ("data file", UNKNOWN if size is None else f"{size / MIB:.1f} MiB"),
    ]


def _rate(before: Reading, now: Reading, *members: str) -> float | None:
    """How much a counter has grown in a second. A server that was started anew counts from zero."""
    new, old = now.count(*members), before.count(*members) or 0
    seconds = now.at - before.at
    if new is None:
        return None
    return (new - old if new >= old else new) / seconds if seconds > 0 else 0.0


def _errors(before: Reading, now: Reading) -> float | None:
    codes = now.find(STATS, "couchdb", "httpd_status_codes")
    if not isinstance(codes, dict):
        return None
    rates = [_rate(before, now, "couchdb", "httpd_status_codes", code) or 0.0 for code in codes if code[:1] == "5"]
    return sum(rates)


def _of_type(tasks: JsonValue, kind: str) -> int | None:
    if not isinstance(tasks, list):
        return None
    return sum(isinstance(task, dict) and task.get("type") == kind for task in tasks)


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.1f}"


def _text(value: object) -> str:
    return UNKNOWN if value is None else str(value)


def _table(url: str, shown: Sequence[tuple[str, str]]) -> Table:
    table = Table(title=url, show_header=False)
    for name, value in shown:
        table.add_row(name, value)
    return table
