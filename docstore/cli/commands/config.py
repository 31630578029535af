"""``docstore config``: the settings that a server would have, and whether they can be.

Owns how they are printed. Which there are, and which of several counts, is ``docstore.config``'s.
"""

import difflib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from docstore.cli.options import config_option, words_of
from docstore.config.configuration import DATA, Configuration, Source, check_word
from docstore.config.errors import InvalidSetting
from docstore.config.secrets import shown
from docstore.config.sources import read_environment
from docstore.config.table import TABLE, Name
from docstore.httpd.tls import Tls

FAILED = 1


@click.group()
def config() -> None:
    """Show or check the settings of a server."""


def _data_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--data",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder of the data, where what was set at run time is kept.",
    )(command)


def _set_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--set", "others", metavar="SECTION/KEY=VALUE", multiple=True, help="A setting, as an option of serve."
    )(command)


@config.command()
@config_option
@_data_option
@_set_option
@click.option("--changed", is_flag=True, help="Only those that are not left at their defaults.")
def show(config: Path | None, data: Path | None, others: tuple[str, ...], changed: bool) -> None:
    """Print the settings of a server started like this, each with where it comes from.

    Secrets are not shown. What was set with X-Couch-Persist: false, only the running server knows.
    """
    for (section, key), entry in _configuration(config, data, others).entries():
        if not changed or entry.source is not Source.DEFAULT:
            click.echo(f"{section}/{key} = {shown(section, key, entry.word)}  ({entry.source})")


@config.command()
@config_option
@_data_option
@_set_option
@click.pass_context
def check(context: click.Context, config: Path | None, data: Path | None, others: tuple[str, ...]) -> None:
    """Look for settings and certificates that cannot be, and for settings that nobody reads.

    The exit status is 1 if a server would not start with them.
    """
    configuration = _configuration(config, data, others)
    wrong = list(_wrong(configuration))
    for message in (*wrong, *_unread(configuration)):
        click.echo(message)
    if wrong:
        context.exit(FAILED)
    click.echo("A server would start with these settings.")


def _configuration(config: Path | None, data: Path | None, others: tuple[str, ...]) -> Configuration:
    said = words_of(others)
    if data is not None:
        said[DATA] = str(data)
    return Configuration.load(config, read_environment(os.environ), said)


def _wrong(configuration: Configuration) -> Iterator[str]:
    for (section, key), entry in configuration.entries():
        try:
            check_word(section, key, entry.word, configuration.place_of((section, key), entry.source))
        except InvalidSetting as error:
            yield f"wrong: {error.reason}"
    if Tls.is_wanted(configuration):
        try:
            Tls(configuration, time.time)
        except InvalidSetting as error:
            yield f"wrong: {error.reason}"


def _unread(configuration: Configuration) -> Iterator[str]:
    """Keys that are not in the table, in sections that are: a slip of the pen more often than not."""
    sections = {section for section, _ in TABLE}
    for name, entry in configuration.entries():
        if name not in TABLE and name[0] in sections:
            near = _nearest(name)
            meant = "" if near is None else f"; {'/'.join(near)} may be meant"
            place = configuration.place_of(name, entry.source)
            yield f"unknown: {'/'.join(name)} ({place}) is kept, and nobody reads it{meant}"


def _nearest(name: Name) -> Name | None:
    keys = [key for section, key in TABLE if section == name[0]]
    found = difflib.get_close_matches(name[1], keys, n=1)
    return (name[0], found[0]) if found else None
