"""``docstore admin``: the server admins that are kept in a data folder.

Owns how they are set, removed and listed, and where a password is taken from. How it is kept is ``core/security``'s,
where ``docstore.config``'s. A server that runs on the folder heeds a change when its configuration is read again.
"""

import os
import secrets
import sys
from pathlib import Path

import click

from docstore.config.configuration import check_change
from docstore.config.kept import KeptSettings
from docstore.config.table import DEFAULT_DATA
from docstore.core.security.passwords import DEFAULT_HASHING, admin_text, hashed

SECTION = "admins"
PASSWORD_VARIABLE = "DOCSTORE_ADMIN_PASSWORD"
SALT_BYTES = 16
HEEDED = "A running server heeds it after POST /_node/_local/_config/_reload, or when it is started again."


def _data_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--data",
        default=DEFAULT_DATA,
        show_default=True,
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder of the data.",
    )(command)


@click.group()
def admin() -> None:
    """Set, remove or list the server admins of a data folder."""


@admin.command("set")
@click.argument("name")
@_data_option
@click.option(
    "--iterations",
    default=DEFAULT_HASHING.iterations,
    show_default=True,
    type=click.IntRange(1, DEFAULT_HASHING.max_iterations),
    help="Of PBKDF2.",
)
def set_admin(name: str, data: Path, iterations: int) -> None:
    """Add an admin, or give one a new password.

    The password is taken from DOCSTORE_ADMIN_PASSWORD, or from the first line of the standard input, or asked for.
    """
    if not name or ":" in name:
        raise click.UsageError("a name is not empty and has no colon")
    password = _password()
    if not password:
        raise click.UsageError("a password is not empty")
    if not _is_text(name + password):
        raise click.UsageError("a name and a password are UTF-8")
    word = admin_text(hashed(password, secrets.token_hex(SALT_BYTES), DEFAULT_HASHING._replace(iterations=iterations)))
    check_change(SECTION, name, word)
    KeptSettings(data).update({(SECTION, name): word})
    click.echo(f"{name} is an admin of {data}. {HEEDED}")


@admin.command("remove")
@click.argument("name")
@_data_option
def remove_admin(name: str, data: Path) -> None:
    """Take an admin away. Who is left without any lets everybody do everything, on loopback alone."""
    kept = KeptSettings(data)
    if (SECTION, name) not in kept.read():
        raise click.ClickException(f"{data} has no admin {name}")
    left = kept.update({(SECTION, name): None})
    click.echo(f"{name} is no admin of {data} any more. {HEEDED}")
    if not any(section == SECTION for section, _ in left):
        click.echo("It has none now.", err=True)


@admin.command("list")
@_data_option
def list_admins(data: Path) -> None:
    """Print the names of the admins."""
    if not data.is_dir():
        raise click.ClickException(f"{data} is no folder")
    for section, name in sorted(KeptSettings(data).read()):
        if section == SECTION:
            click.echo(name)


def _is_text(text: str) -> bool:
    """Whether a client can send it: bytes that are no text would log nobody in."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _password() -> str:
    told = os.environ.get(PASSWORD_VARIABLE)
    if told is not None:
        return told
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return asked
