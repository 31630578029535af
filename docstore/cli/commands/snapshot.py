"""``docstore snapshot``: a copy of a data folder, beside a running server.

Owns the steps and the report. The copy stands under another name until it is verified, so a folder of the name that was
asked for is a whole one. How it is copied is ``storage/engine/hot_copy.py``'s.
"""

import math
import os
import shutil
import stat
from pathlib import Path

import click

from docstore.cli.options import existing_data_option
from docstore.config.kept import FILE
from docstore.errors import StoreUnusable
from docstore.settings import MIB, StorageSettings
from docstore.storage.check.folder import folder_findings
from docstore.storage.engine.data_file import DATA_FILE, LOCK_SUFFIX
from docstore.storage.engine.epoch import sync_folder
from docstore.storage.engine.hot_copy import copy_store

EXIT_FINDINGS = 1
UNFINISHED = ".unfinished"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@existing_data_option
@click.option("--skip-hashing", is_flag=True, help="Verify the copy without reading the bytes of attachments.")
def snapshot(folder: Path, data: Path, skip_hashing: bool) -> int:
    """Copy the data folder to DIR, a server may be running on it.

    The copy is the store as one moment's commit has left it, and is checked as by docstore check before it gets its
    name. It is a data folder: docstore serve --data DIR serves it. Indexes of views are not in it, and are built anew.
    """
    if folder.exists():
        raise click.BadParameter(f"{folder} is there already.", param_hint="DIR")
    settings = StorageSettings(snapshot_max_age=math.inf)
    unfinished = folder.with_name(folder.name + UNFINISHED)
    _make(unfinished)
    try:
        size = copy_store(data, unfinished, settings)
        if (data / FILE).exists():
            shutil.copy(data / FILE, unfinished / FILE)
        findings = 0
        for finding in folder_findings(unfinished, settings, hashing=not skip_hashing):
            click.echo(finding)
            findings += 1
    except StoreUnusable as error:
        _remove(unfinished)
        raise click.BadParameter(error.reason, param_hint="--data") from None
    except BaseException:
        _remove(unfinished)
        raise
    if findings:
        click.echo(f"{unfinished}: {findings} findings, so it does not become {folder}", err=True)
        return EXIT_FINDINGS
    (unfinished / (DATA_FILE + LOCK_SUFFIX)).unlink(missing_ok=True)
    unfinished.rename(folder)
    sync_folder(folder)
    sync_folder(folder.parent)
    click.echo(f"{folder}: {size / MIB:.1f} MiB, verified")
    return 0


def _make(folder: Path) -> None:
    """A folder that nobody else looks into, perhaps one that an earlier run has left; no one of somebody else's."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        there = folder.lstat()
        if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.geteuid():
            raise click.BadParameter(f"{folder} is in the way, and not this program's.", param_hint="DIR") from None
        folder.chmod(0o700)


def _remove(folder: Path) -> None:
    """Take away what is not finished; nothing else is in there."""
    for name in (DATA_FILE, DATA_FILE + LOCK_SUFFIX, FILE):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()
