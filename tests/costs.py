"""What tests cost in seconds of the processor, their processes included: what a busy machine cannot make more of.

    make test ARGS="-p tests.costs"

ends with the folders and with the tests that cost most. A process that nobody waited for is not in it; a browser is,
with the last test that used it.
"""

import resource
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

MOST: Final = 40
COST: Final = "cost"
_BEFORE: Final = pytest.StashKey[float]()

_costs: Counter[str] = Counter()


def _used() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    item.stash[_BEFORE] = _used()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    finally:
        item.user_properties.append((COST, _used() - item.stash[_BEFORE]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        _costs[report.nodeid] += dict(report.user_properties).get(COST, 0.0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    folders: Counter[str] = Counter()
    for test, cost in _costs.items():
        folders["/".join(test.partition("::")[0].split("/")[:2])] += cost
    terminalreporter.section(f"{sum(_costs.values()):.0f} s of the processor")
    for name, cost in [*folders.most_common(), *_costs.most_common(MOST)]:
        terminalreporter.write_line(f"{cost:8.2f}  {name}")
