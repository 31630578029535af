"""Nothing keeps people out: axe finds nothing serious, in both themes, and nothing is wider than a narrow screen."""

import json

import pytest

from tests.browser.conftest import NARROW, opened

pytest.importorskip("playwright.sync_api")
axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")

SERIOUS = {"serious", "critical"}

STATES = ("/db/seen", "/db/seen/doc/a")
"""The states that are always looked at: a list and a text. In the dark it is the first one."""

OTHERS = (
    "/", "/server",
    "/login", "/setup", "/db/seen?view=json", "/db/seen/new", "/db/seen/settings",
    "/activity", "/replications/new", "/db/seen/conflicts", "/db/unseen/conflicts",
    "/db/seen/doc/torn/tree", "/db/seen/doc/torn/merge",
    "/db/seen/query", "/db/seen/indexes", "/db/seen/views", "/db/seen/design", "/db/seen/changes", "/no/such/view",
    "/server/users", "/server/config", "/server/cors", "/server/log", "/test-server", "/db/seen/search",
    "/db/seen/view/app/ids", "/db/seen/design/app",
)  # fmt: skip
"""Those that are looked at by ``make test-long`` as well."""


@pytest.fixture(scope="module")
def seen(site):
    db = site.database(
        "seen", [{"_id": "a", "text": "x" * 300, "n": 1}, *({"_id": f"d{number}"} for number in range(50))]
    )
    site.ask("PUT", f"{db}/a/file.txt?rev={site.ask('GET', f'{db}/a')['_rev']}", b"text")
    view = {"map": "function (doc) { emit(doc._id, 1); }", "reduce": "_count"}
    site.ask("PUT", f"{db}/_design/app", {"views": {"ids": view}})
    torn = [{"_id": "torn", "_rev": f"1-{letter * 32}", "value": letter} for letter in "ab"]
    site.ask("POST", f"{db}/_bulk_docs", {"new_edits": False, "docs": torn})
    site.database("unseen")
    return site


STRAY = (
    "[...document.querySelector('main .view').childNodes].filter((node) => node.nodeType === 3).map((one) => one.data)"
)
"""Texts that stand in no element of a view, as the word "null" would."""


def serious(page, rules=None):
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = axe_playwright.Axe().run(page, options=options).response["violations"]
    return [(one["id"], [node["target"] for node in one["nodes"]][:5]) for one in found if one["impact"] in SERIOUS]


def look(browser, site, states, *, dark):
    """What is wrong with each state, in the light and with the colours of those that are seen in the ``dark`` too."""
    wrong = {}
    with opened(browser, site) as page:
        for state in states:
            page.set_viewport_size({"width": 1100, "height": 720})
            page.emulate_media(color_scheme="light")
            page.goto("about:blank")
            page.goto(site.page(state))
            page.wait_for_selector("main[aria-busy=false]")
            found = serious(page)
            if state in dark:
                page.emulate_media(color_scheme="dark")
                found += serious(page, ["color-contrast"])
            page.set_viewport_size(NARROW)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 0:
                found.append(("wider than the screen", wide))
            found += [("a text of its own", text) for text in page.evaluate(STRAY)]
            if found:
                wrong[state] = found
    return wrong


def test_the_main_views(browser, seen):
    wrong = look(browser, seen, STATES, dark=STATES[:1])
    assert not wrong, json.dumps(wrong, indent=1)


@pytest.mark.long
def test_all_views(browser, seen):
    wrong = look(browser, seen, STATES + OTHERS, dark=STATES + OTHERS)
    assert not wrong, json.dumps(wrong, indent=1)
