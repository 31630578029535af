"""``python -m bench.turns BEFORE``: what has become of every figure since another checkout of the same repository."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from bench.servers import ROOT
from bench.turns import figures, loading
from bench.turns.comparing import Compared, served


@click.command()
@click.argument("before", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seconds", default=20.0, show_default=True, help="How long each kind of _bulk_docs takes turns.")
@click.option("--rounds", default=7, show_default=True, help="How often each of the other questions is asked.")
@click.option(
    "--only", type=click.Choice(["loading", "requests", "listings", "attachments", "replications", "footprint"])
)
def main(before: Path, seconds: float, rounds: int, only: str | None) -> None:
    """Print a table: each figure before and now, and the ratio, above 1 where it is better now."""
    checkouts = [before.resolve(), ROOT]
    print("| work | unit | before | now | ratio |\n| --- | --- | --- | --- | --- |", flush=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docstore-bench-")))
        targets = [stack.enter_context(served(one, folder / str(place))) for place, one in enumerate(checkouts)]
        parts: dict[str, Iterator[Compared]] = {
            "loading": loading.compared(targets, checkouts, folder, seconds),
            "requests": figures.requests(targets, rounds),
            "listings": figures.listings(targets, rounds),
            "attachments": figures.bytes_of_attachments(targets, rounds),
            "replications": figures.replications(targets, rounds),
            "footprint": figures.footprint(checkouts, rounds),
        }
        for name, part in parts.items():
            if only in (None, name):
                for row in part:
                    print(row, flush=True)


if __name__ == "__main__":
    main()
