"""``docstore replicate``: bring what a database lacks from another one.

Owns the options, the display and the exit status. The work is that of ``replication.replicator``; no server is needed.
"""

import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from pathlib import Path
from uuid import uuid4

import click
from rich.console import Console
from rich.progress import Progress as Display
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from docstore.cli.interrupts import Interrupted, run
from docstore.cli.remote_options import auth_option, tls_options
from docstore.cli.targets.peers import Place, open_peers
from docstore.core.json_text import JsonValue
from docstore.replication.connect import replication_id
from docstore.replication.options import InvalidReplication, ReplicationOptions, parse_replication
from docstore.replication.remote.options import TlsOptions
from docstore.replication.replicator import Progress, Replicator, Summary
from docstore.replication.statistics import Statistics

EXIT_FAILURES = 1
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done, and how it is shown."""

    source: Place
    target: Place
    options: ReplicationOptions
    tls: TlsOptions
    quiet: bool


@click.command()
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The folder of names, on both sides.")
@click.option("--source-data", type=click.Path(path_type=Path), metavar="DIR", help="The folder of SOURCE.")
@click.option("--target-data", type=click.Path(path_type=Path), metavar="DIR", help="The folder of TARGET.")
@click.option("--continuous", is_flag=True, help="Go on with what is written later, until interrupted.")
@click.option("--create-target", is_flag=True, help="Make TARGET if it is missing.")
@click.option("--doc-id", "doc_ids", multiple=True, metavar="ID", help="Only this document; may be given again.")
@click.option("--selector", metavar="JSON", help="Only documents that match this selector.")
@click.option("--filter", "filter_name", metavar="DDOC/NAME", help="Only what this filter of the source lets through.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the filter.")
@click.option("--since", metavar="SEQ", help="Begin after this sequence instead of at the last checkpoint.")
@click.option("--winning-revs-only", is_flag=True, help="Leave conflicting revisions behind.")
@click.option("--no-checkpoints", is_flag=True, help="Neither read nor write checkpoints.")
@click.option("--batch-size", type=click.IntRange(min=1), default=500, show_default=True, help="Rows of one batch.")
@click.option("--workers", type=click.IntRange(min=1), default=4, show_default=True, help="Batches at a time.")
@click.option("--connections", type=click.IntRange(min=1), default=20, show_default=True, help="Per server.")
@click.option("--timeout", type=click.FloatRange(min=0.001), default=30.0, show_default=True, help="Seconds.")
@click.option("--retries", type=click.IntRange(min=0), default=5, show_default=True, help="Per request.")
@auth_option("--source-auth", "DOCSTORE_SOURCE_AUTH")
@auth_option("--target-auth", "DOCSTORE_TARGET_AUTH")
@tls_options
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", is_flag=True, help="No progress display.")
def replicate(
    source: str,
    target: str,
    data: Path | None,
    source_data: Path | None,
    target_data: Path | None,
    source_auth: dict[str, JsonValue] | None,
    target_auth: dict[str, JsonValue] | None,
    selector: str | None,
    params: Sequence[str],
    as_json: bool,
    quiet: bool,
    tls: TlsOptions,
    **given: object,
) -> int:
    """Bring what TARGET lacks from SOURCE: revisions, deletions, conflicts, attachments.

    Each is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, or with --data DIR its name in that
    folder.

    Ctrl-C ends it in order; the next run goes on at the checkpoint.
    """
    from_place = _place(source, source_data, data, source_auth, "--source-data")
    to_place = _place(target, target_data, data, target_auth, "--target-data")
    members = _members(given, from_place, to_place, selector, params)
    try:
        options = parse_replication(members, names=True)
    except InvalidReplication as error:
        raise click.UsageError(error.reason) from None
    report = _Report()
    job = Job(from_place, to_place, options, tls, quiet)
    try:
        summary = run(_replicate(job, report))
    except Interrupted:
        _tell(report.statistics, as_json=as_json, interrupted=True)
        return 0 if options.continuous else EXIT_INTERRUPTED
    _tell(report.statistics, as_json=as_json, members=summary.members)
    return EXIT_FAILURES if report.statistics.doc_write_failures else 0


class _Report:
    """What this run has done so far: a run goes on counting where the one before it stopped."""

    def __init__(self) -> None:
        self._before: Statistics | None = None
        self._now = Statistics()

    def note(self, statistics: Statistics) -> None:
        """Note what is counted now; the first time is before anything was done."""
        if self._before is None:
            self._before = replace(statistics)
        self._now = statistics

    @property
    def statistics(self) -> Statistics:
        """What this run has counted."""
        if self._before is None:
            return Statistics()
        return Statistics(*(now - then for now, then in zip(self._now.values(), self._before.values(), strict=True)))


def _place(text: str, own: Path | None, shared: Path | None, auth: dict[str, JsonValue] | None, option: str) -> Place:
    is_url = text.startswith(("http://", "https://"))
    place = Place(text, own if is_url or own is not None else shared, auth)
    place.check(option)
    return place


def _members(
    given: dict[str, object], source: Place, target: Place, selector: str | None, params: Sequence[str]
) -> dict[str, JsonValue]:
    """The options as a ``_replicate`` body names them."""
    members: dict[str, JsonValue] = {
        "source": source.member,
        "target": target.member,
        "continuous": bool(given["continuous"]),
        "create_target": bool(given["create_target"]),
        "winning_revs_only": bool(given["winning_revs_only"]),
        "use_checkpoints": not given["no_checkpoints"],
        "worker_batch_size": int(str(given["batch_size"])),
        "worker_processes": int(str(given["workers"])),
        "http_connections": int(str(given["connections"])),
        "connection_timeout": _milliseconds("--timeout", float(str(given["timeout"]))),
        "retries_per_request": int(str(given["retries"])),
    }
    doc_ids = given["doc_ids"]
    if isinstance(doc_ids, tuple) and doc_ids:
        members["doc_ids"] = [_quoted(str(doc_id)) for doc_id in doc_ids]
    if selector is not None:
        members["selector"] = _json_option("--selector", selector)
    if given["filter_name"] is not None:
        members["filter"] = str(given["filter_name"])
    if params:
        members["query_params"] = dict(_pair(param) for param in params)
    if given["since"] is not None:
        members["since_seq"] = _since(str(given["since"]))
    return members


def _quoted(doc_id: str) -> str:
    """An id as ``doc_ids`` wants it: percent signs there begin escapes."""
    return doc_id.replace("%", "%25")


def _json_option(option: str, text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{option} is no JSON: {error}") from None
    return value


def _milliseconds(option: str, seconds: float) -> int:
    if not math.isfinite(seconds):
        raise click.UsageError(f"{option} is not a number of seconds")
    return max(1, int(seconds * 1000))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--param {text!r} is not NAME=VALUE")
    return name, value


def _since(text: str) -> JsonValue:
    return int(text) if text.isascii() and text.isdigit() else text


async def _replicate(job: Job, report: _Report) -> Summary:
    options = job.options
    with _display(job) as display:
        task = display.add_task("connecting", total=None)
        started = time.monotonic()

        def show(progress: Progress) -> None:
            report.note(progress.statistics)
            counts = report.statistics
            rate = counts.docs_written / max(time.monotonic() - started, 0.001)
            pending = "?" if progress.changes_pending is None else f"{progress.changes_pending:,}"
            display.update(
                task,
                description=f"{counts.docs_written:,} written, {rate:,.0f} docs/s, {pending} pending, "
                f"{counts.doc_write_failures:,} failed",
            )

        async with open_peers(job.source, job.target, options, job.tls) as peers:
            base_id, _ = await replication_id(
                options, peers.source, server_uuid=_server_uuid(peers.uuids), base_url="http://localhost"
            )
            replicator = Replicator(
                peers.source,
                peers.target,
                options,
                replication_id=base_id,
                clock=time.time,
                new_session_id=lambda: uuid4().hex,
                on_progress=show,
            )
            return await replicator.run()


def _server_uuid(folders: tuple[str, ...]) -> str:
    """What stands for the server's uuid in the id of a replication.

    It depends on the folders that the names are in, and on nothing else: replications between two URLs share their
    checkpoints wherever they are run.
    """
    return md5("docstore replicate".join(("", *folders)).encode(), usedforsecurity=False).hexdigest()


def _display(job: Job) -> Display:
    return Display(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=job.quiet or not sys.stderr.isatty(),
        transient=True,
    )


def _tell(
    statistics: Statistics,
    *,
    as_json: bool,
    members: dict[str, JsonValue] | None = None,
    interrupted: bool = False,
) -> None:
    """The summary."""
    if as_json:
        shown = members if members is not None else {"ok": False, "interrupted": True, **statistics.members()}
        click.echo(json.dumps(shown))
        return
    if members is not None and statistics == Statistics():
        click.echo("nothing new")
        return
    failures = f", {statistics.doc_write_failures:,} failed" if statistics.doc_write_failures else ""
    words = "interrupted; the next run goes on from here: " if interrupted else ""
    click.echo(
        f"{words}{statistics.docs_written:,} written of {statistics.missing_found:,} missing revisions, "
        f"{statistics.missing_checked:,} compared{failures}"
    )
