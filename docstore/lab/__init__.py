"""The replication lab: experiments with several nodes in one process, and links between them that fail as told.

    outcome = await run_scenario(load_scenario("split_brain"))
    print(outcome.convergence)
    Path("report.html").write_text(render_report(outcome))

Names the public parts, which docs/lab.md shows at work; it owns nothing.
"""

from docstore.lab.convergence import Convergence, compare, read_state
from docstore.lab.report import render_report
from docstore.lab.runner import Lab, Outcome, run_scenario
from docstore.lab.scenario import (
    Attach,
    Call,
    Degrade,
    Delete,
    Expect,
    Heal,
    Kill,
    Link,
    Partition,
    Quality,
    RandomEdits,
    Replicate,
    Resolve,
    Restart,
    Scenario,
    Write,
)
from docstore.lab.scenario_file import load_scenario, parse_scenario, shipped_scenarios
from docstore.lab.scenario_rules import ScenarioError

__all__ = [
    "Attach",
    "Call",
    "Convergence",
    "Degrade",
    "Delete",
    "Expect",
    "Heal",
    "Kill",
    "Lab",
    "Link",
    "Outcome",
    "Partition",
    "Quality",
    "RandomEdits",
    "Replicate",
    "Resolve",
    "Restart",
    "Scenario",
    "ScenarioError",
    "Write",
    "compare",
    "load_scenario",
    "parse_scenario",
    "read_state",
    "render_report",
    "run_scenario",
    "shipped_scenarios",
]
