"""``docstore status``: what a server does."""

import asyncio

import aiohttp
import pytest

from docstore.cli.commands.status import CONFLICTS, JOBS, STATS, SYSTEM, TASKS, Reading, rows
from docstore.testing import run_node_in_thread
from tests.cli.running import run


def counters(**values):
    return {name: {"value": value} for name, value in values.items()}


def reading(at, *, requests=0, commits=0, commands=0, errors=0):
    return Reading(
        at,
        {
            STATS: {
                "couchdb": {
                    "httpd": counters(requests=requests),
                    "httpd_status_codes": {"200": {"value": 9}, "500": {"value": errors}},
                    **counters(commits=commits, open_databases=3),
                },
                "docstore": counters(commands=commands, open_snapshots=2, data_file_bytes=3 * 1024 * 1024),
            },
            SYSTEM: {"uptime": 60},
            CONFLICTS: {"conflicts": 5},
            TASKS: [{"type": "indexer"}, {"type": "replication"}],
            JOBS: {"total_rows": 4},
        },
    )


def test_rates_are_those_between_two_readings():
    before, now = (
        reading(10.0, requests=100, commits=10, commands=20),
        reading(12.0, requests=300, commits=14, commands=36, errors=1),
    )
    assert dict(rows(before, now)) == {
        "up for": "60 s",
        "requests a second": "100.0",
        "errors a second": "0.5",
        "commits a second": "2.0",
        "writes a commit": "4.0",
        "conflicts": "5",
        "open databases": "3",
        "replications": "4",
        "indexes being built": "1",
        "compactions": "0",
        "open snapshots": "2",
        "data file": "3.0 MiB",
    }


def test_a_server_that_was_started_anew_counts_from_zero():
    shown = dict(rows(reading(10.0, requests=100), reading(12.0, requests=6)))
    assert shown["requests a second"] == "3.0"


def test_what_a_server_does_not_tell_is_a_dash():
    shown = dict(rows(Reading(0, {}), Reading(1, {STATS: {"couchdb": {"httpd": counters(requests=5)}}})))
    assert shown["requests a second"] == "5.0"
    assert {name for name, value in shown.items() if value == "-"} == shown.keys() - {"requests a second"}


async def _create(url):
    async with aiohttp.ClientSession(url) as client, client.put("/db") as response:
        assert response.status == 201


def test_once(capsys):
    with run_node_in_thread() as server:
        asyncio.run(_create(server.url))
        said = run(capsys, "status", f"{server.url}/", "--once")
        assert said.status == 0
        shown = dict(line.split("  ", 1) for line in said.out.splitlines())
        assert {name: value.strip() for name, value in shown.items()}["open databases"] == "1"
        assert "-" not in {value.strip() for value in shown.values()}


@pytest.mark.parametrize("url", ["nowhere", "ftp://x", "http://x/db"])
def test_what_is_no_server(capsys, url):
    assert run(capsys, "status", url, "--once").status == 2
