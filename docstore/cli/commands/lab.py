"""``docstore lab``: experiments with several nodes and links between them that fail as told.

Owns what is printed of an experiment, and where its report goes. What an experiment is, and how it is carried out, is
in the package ``lab``.
"""

import logging
from pathlib import Path

import click
import uvloop

from docstore.cli.interrupts import Interrupted
from docstore.cli.interrupts import run as interruptible
from docstore.lab.durations import format_duration
from docstore.lab.report import render_report, summary
from docstore.lab.runner import run_scenario
from docstore.lab.scenario_file import load_scenario, shipped_scenarios
from docstore.lab.scenario_rules import ScenarioError
from docstore.lab.timeline import EDITS, FAULTS, Event, Kind

EXIT_DIFFERENT = 1
EXIT_INTERRUPTED = 130
QUIET = frozenset({Kind.REPLICATION}) | EDITS | FAULTS | {Kind.REFUSED, Kind.CONFLICT, Kind.RESOLVED}


@click.group()
def lab() -> None:
    """Experiments with nodes in this process and links between them that are cut, slow and lossy as told."""


@lab.command(name="run")
@click.argument("scenario", metavar="SCENARIO")
@click.option("--seed", type=int, help="Decides everything that is random, instead of the scenario's own seed.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a report: one HTML file with the timeline and the trees of all conflicting documents.",
)
@click.option("--events", is_flag=True, help="Print edits, replications, faults and conflicts too.")
def run(scenario: str, seed: int | None, report: Path | None, events: bool) -> int:
    """Run SCENARIO, a TOML file or one that comes with docstore (`docstore lab list`).

    Prints what happens, in scenario time, and in the end whether all nodes have the same leaves, winners and conflicts.

    The exit status is 0 if they have and everything that the scenario expects came true, 1 if not.
    """
    if report is not None and not report.parent.is_dir():
        raise click.BadParameter(f"there is no folder {report.parent}", param_hint="--report")
    try:
        loaded = load_scenario(scenario)
    except ScenarioError as error:
        raise click.BadParameter(error.reason, param_hint="SCENARIO") from None
    logging.basicConfig(level=logging.ERROR)  # what nodes warn of after a kill is what the scenario wants

    def tell(event: Event) -> None:
        if event.kind not in QUIET or (events and not event.is_idle):
            click.echo(str(event))

    click.echo(f"{loaded.title}, seed {loaded.seed if seed is None else seed}")
    try:
        outcome = interruptible(run_scenario(loaded, seed=seed, on_event=tell), uvloop.new_event_loop)
    except Interrupted:
        return EXIT_INTERRUPTED
    click.echo(", ".join(f"{what}: {count}" for what, count in summary(outcome)))
    for event in outcome.failed_expectations:
        click.echo(str(event))
    click.echo(str(outcome.convergence))
    if report is not None:
        report.write_text(render_report(outcome), encoding="utf-8")
        click.echo(f"report: {report}")
    return 0 if outcome.ok else EXIT_DIFFERENT


@lab.command(name="list")
def list_scenarios() -> None:
    """List the scenarios that come with docstore."""
    names = shipped_scenarios()
    width = max(map(len, names))
    for name in names:
        loaded = load_scenario(name)
        click.echo(f"{name:{width}}  {loaded.title} ({len(loaded.nodes)} nodes, {format_duration(loaded.end)})")
