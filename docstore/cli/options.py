"""Options that several commands share, so that they are spelled and explained alike everywhere.

Owns their names and help texts, nothing else.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from docstore.config.table import Name

Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG_VARIABLE = "DOCSTORE_CONFIG"


def existing_data_option(command: Command) -> Command:
    """``--data DIR``: a data folder that must exist."""
    return click.option(
        "--data",
        required=True,
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The folder of the data.",
    )(command)


def target_data_option(command: Command) -> Command:
    """``--data DIR``: where a TARGET that is a name is to be found."""
    return click.option(
        "--data",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder of the data, when the target is a name.",
    )(command)


def config_option(command: Command) -> Command:
    """``--config FILE``: the TOML file of the settings."""
    return click.option(
        "--config",
        metavar="FILE",
        envvar=CONFIG_VARIABLE,
        show_envvar=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A TOML file of settings.",
    )(command)


def words_of(texts: Sequence[str]) -> dict[Name, str]:
    """The settings of ``SECTION/KEY=VALUE``. Raises UsageError."""
    words: dict[Name, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        section, slash, key = name.strip().partition("/")
        if not (equals and slash and section and key):
            raise click.UsageError(f"--set {text} is not SECTION/KEY=VALUE")
        words[section, key] = value.strip()
    return words
