"""Options that several commands share, so that they are spelled and explained alike everywhere.

Owns their names and help texts, nothing else.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_DATA = Path("docstore-data")


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
