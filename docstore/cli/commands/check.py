"""``docstore check``: look for anything wrong in a store.

Owns how findings are told: each is a line on standard output. What is looked for is in ``storage/check/store.py``.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import click

from docstore.cli.options import existing_data_option
from docstore.errors import StoreDamaged, StoreUnusable
from docstore.query.views.index_check import index_findings
from docstore.settings import StorageSettings
from docstore.storage.check.folder import folder_findings
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.pages import file_findings
from docstore.storage.repair.store import repair_environment

EXIT_FINDINGS = 1


@click.command()
@existing_data_option
@click.option("--skip-hashing", is_flag=True, help="Do not read the bytes of attachments, only count them.")
@click.option("--repair", is_flag=True, help="First make anew what follows from other rows; no server may be running.")
def check(data: Path, skip_hashing: bool, repair: bool) -> int:
    """Look for anything wrong in the data folder, indexes of views too; a server may be running on it.

    The bytes of all attachments are read and compared with their digests, unless that is skipped.

    With --repair, counts, listings and orders that contradict the documents are first made anew, in one
    transaction; each such thing is a line that begins "repaired". Documents, revisions and attachments are never
    changed. What is told after that could not be repaired: a backup is needed for it.

    The exit status is 0 for a clean store, 1 with findings, each of which is a line, and 2 when there is no
    store that could be checked. Where the pages of the file are damaged their rows are not looked at.
    """
    settings = StorageSettings(snapshot_max_age=math.inf)
    count = 0
    try:
        if repair:
            _repair(data)
        for finding in _findings(data, settings, hashing=not skip_hashing):
            click.echo(finding)
            count += 1
    except StoreUnusable as error:
        raise click.BadParameter(error.reason, param_hint="--data") from None
    click.echo(f"{data}: {'clean' if count == 0 else f'{count} findings'}", err=True)
    return 0 if count == 0 else EXIT_FINDINGS


def _repair(data: Path) -> None:
    """Make anew what can be, and tell it. Nothing is done to a file with damaged pages. Raises StoreUnusable."""
    settings = StorageSettings(snapshot_max_age=math.inf)
    if not (data / DATA_FILE).exists() or any(True for _ in file_findings(data / DATA_FILE, settings)):
        return  # which is told by what follows
    try:
        with Environment.open(data, settings, holder="docstore check --repair") as environment:
            done = repair_environment(environment)
    except StoreDamaged:
        return
    for line in done:
        click.echo(f"repaired: {line}")


def _findings(data: Path, settings: StorageSettings, *, hashing: bool) -> Iterator[str]:
    """The pages, and if these are whole the rows. Raises StoreUnusable if it is not a store, or of another version."""
    if (yield from folder_findings(data, settings, hashing=hashing)):
        yield from index_findings(data, settings)
