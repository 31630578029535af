"""What a failed simulation tells: what happened in it, and the command that runs it again."""

from contextlib import contextmanager


@contextmanager
def again(seed, log, *options):
    """Add both to whatever is raised within."""
    try:
        yield
    except BaseException as error:
        command = " ".join([".venv/bin/python -m tests.simulation", str(seed), *options])
        error.add_note("\n".join(["", *map(str, log), "", f"again: {command}"]))
        raise
