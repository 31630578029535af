"""``docstore compact``: make the data file of a stopped store as small as it can be.

Owns the two steps and the report. The first, dropping bodies of superseded revisions, is what ``POST /{db}/_compact``
does too; the second, writing the file anew without free pages, needs a store that nobody else has open.
"""

import asyncio
from pathlib import Path

import click
import uvloop

from docstore.cli.options import existing_data_option
from docstore.errors import StorageFull, StoreDamaged, StoreUnusable
from docstore.node import Node
from docstore.settings import MIB, Settings, StorageSettings
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.folder_lock import FolderInUse
from docstore.storage.engine.offline_compaction import compact_offline


@click.command()
@existing_data_option
def compact(data: Path) -> None:
    """Drop superseded revisions' bodies, then write the data file anew without free space.

    No server may be running on the folder. Killed at any point, it leaves the old file or the new one.
    """
    if not (data / DATA_FILE).exists():  # or the next step would make one
        raise click.BadParameter(f"There is no store in {data}.", param_hint="--data")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                runner.run(_drop_superseded_bodies(data))
            except StorageFull:  # the copy may be so much shorter that there is room for it
                click.echo("docstore compact: the disk is full, so superseded revisions keep their bodies", err=True)
        report = compact_offline(data, StorageSettings())
    except FolderInUse as error:
        advice = f"; POST {error.url}/DATABASE/_compact compacts beside it" if error.url else ""
        raise click.ClickException(f"{error.reason}{advice}") from None
    except StoreDamaged as error:
        raise click.ClickException(error.reason) from None
    except StoreUnusable as error:
        raise click.BadParameter(error.reason, param_hint="--data") from None
    click.echo(f"{data}: {report.before / MIB:.1f} MiB before, {report.after / MIB:.1f} MiB after")


async def _drop_superseded_bodies(data: Path) -> None:
    async with Node(Settings(data=data)) as node:
        for name in node.registry.names():
            await node.registry.open(name).compact()
