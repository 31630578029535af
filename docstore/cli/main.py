"""The entry point: the group of commands, and how their failures are told.

Owns the list of commands and the one rule for errors: a bad argument is one line and exit status 2, a failure one line
and exit status 1. A command's module is imported only when the command is asked for, so that each starts fast.
"""

import gc
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from docstore import __version__
from docstore.errors import DocstoreError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

COMMANDS = {
    "serve": "docstore.cli.commands.serve",
    "testserver": "docstore.cli.commands.testserver",
    "config": "docstore.cli.commands.config",
    "admin": "docstore.cli.commands.admin",
    "load": "docstore.cli.commands.load",
    "conflicts": "docstore.cli.commands.conflicts",
    "tree": "docstore.cli.commands.tree",
    "resolve": "docstore.cli.commands.resolve",
    "replicate": "docstore.cli.commands.replicate",
    "backup": "docstore.cli.commands.backup",
    "restore": "docstore.cli.commands.restore",
    "views": "docstore.cli.commands.views",
    "find": "docstore.cli.commands.find",
    "index": "docstore.cli.commands.index",
    "check": "docstore.cli.commands.check",
    "compact": "docstore.cli.commands.compact",
    "snapshot": "docstore.cli.commands.snapshot",
    "status": "docstore.cli.commands.status",
    "lab": "docstore.cli.commands.lab",
}


class CommandGroup(click.Group):
    """The commands, imported when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; None if there is none."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        gc.disable()  # what an import makes stays; looking for garbage in it costs a tenth of the start
        try:
            command = getattr(importlib.import_module(module), cmd_name)
        finally:
            gc.enable()
        assert isinstance(command, click.Command)
        return command


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="docstore", message="%(prog)s %(version)s")
def docstore() -> None:
    """A revisioned JSON document database that speaks the CouchDB HTTP API."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that ``arguments`` (default: the process's own) name, and leave with its exit status."""
    try:
        status = docstore.main(arguments, prog_name="docstore", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "docstore"
        _fail(f"{command}: {error.format_message().rstrip('.')} (see '{command} --help')", error.exit_code)
    except click.ClickException as error:
        _fail(f"docstore: {error.format_message()}", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except (DocstoreError, OSError) as error:
        _fail(f"docstore: {error}", EXIT_FAILED)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> NoReturn:
    """Write the message to standard error, as one line whatever is in it, and leave."""
    click.echo(" ".join(message.split()), err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
