"""Documents of megabytes: they are merged and compared beside the page, which goes on meanwhile."""

import json
import re

import pytest

from tests.browser.conflicted import leaf
from tests.browser.turns import listening

expect = pytest.importorskip("playwright.sync_api").expect

SIZES = [2_000, pytest.param(20_000, marks=pytest.mark.long)]
"""Rows of a document, of some 150 bytes each; what is longer than 100 KB is computed beside the page."""


def large(site, name, number):
    """A conflict of two leaves of so many rows, which changed one row each, and clash at another."""
    database = site.database(name)
    rows = {f"r{at:05}": {"n": at, "text": "x" * 100, "exact": 12345678901234567890} for at in range(number)}
    winner = rows | {"r00007": {"n": "winner"}, "r01999": {"n": "clash 1"}}
    other = rows | {"r00008": {"n": "other"}, "r01999": {"n": "clash 2"}}
    docs = [leaf("d", "1-aa", rows), leaf("d", "2-bb", winner, "aa"), leaf("d", "2-11", other, "aa")]
    for doc in docs:
        site.ask("POST", f"{database}/_bulk_docs", {"new_edits": False, "docs": [doc]})


@pytest.mark.parametrize("rows", SIZES)
def test_a_merge_of_megabytes(page, site, rows):
    database = f"large_merge_{rows}"
    large(site, database, rows)
    workers = []
    with listening(page, "worker", lambda worker: workers.append(worker.url)):
        page.goto(site.page(f"/db/{database}/doc/d/merge"))
        expect(page.get_by_text("merged without a question")).to_be_visible(timeout=60_000)
    assert {url.endswith("/js/merge/worker.js") for url in workers} == {True}  # for the merge, and the text
    page.keyboard.press("2")
    expect(page.get_by_role("button", name="Save the result")).to_be_enabled()
    page.keyboard.press("s")
    expect(page.get_by_text("Saved as 3-")).to_be_visible(timeout=60_000)
    text = site.ask("GET", f"{database}/d", text=True)
    after = json.loads(text)
    assert (after["r00007"], after["r00008"]) == ({"n": "winner"}, {"n": "other"})
    assert after["r01999"] == {"n": "clash 2"}
    assert text.count("12345678901234567890") == rows - 3


@pytest.mark.parametrize("rows", SIZES)
def test_a_comparison_of_megabytes(page, site, rows):
    large(site, f"large_tree_{rows}", rows)
    page.goto(site.page(f"/db/large_tree_{rows}/doc/d/tree"))
    differences = page.get_by_role("grid", name=re.compile("Differences"))
    expect(differences.get_by_role("row", name=re.compile("winner"))).to_be_visible(timeout=60_000)
    assert page.locator("virtual-list.diff .v-row").count() < 60
