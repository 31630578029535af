"""A database of a million documents: how soon it is seen, and whether scrolling ever shows nothing.

Figures are the browser's own, by the time of its frames. By hand, with the figures printed:

    .venv/bin/python -m pytest tests/browser/test_million.py -m long -s
"""

import random

import pytest

from tests.browser.conftest import WIDE, opened

expect = pytest.importorskip("playwright.sync_api").expect

DOCUMENTS = 1_000_000
FIRST_VIEW = 500
BLANK = 100
FAR = 400
"""Milliseconds: until rows are seen; how long at most no row is known while the wheel is turned; and after the bar was
dragged far away, where a key has to be searched first."""

SCROLLS = """async (steps) => {
  const list = document.querySelector('virtual-list');
  const scroller = list.querySelector('.v-scroll');
  const known = () => list.querySelector('.v-row:not(.unknown) a') !== null;
  const frame = () => new Promise(requestAnimationFrame);
  let worst = 0, blankSince = null;
  const look = (now) => {
    if (known()) blankSince = null;
    else blankSince ??= now;
    if (blankSince !== null) worst = Math.max(worst, now - blankSince);
  };
  for (const [kind, value] of steps) {
    if (kind === 'wheel') for (let at = 0; at < 60; at += 1) { scroller.scrollTop += value; look(await frame()); }
    else { scroller.scrollTop = scroller.scrollHeight * value; for (let at = 0; at < 30; at += 1) look(await frame()); }
  }
  return worst;
}"""


@pytest.mark.long
def test_a_million_documents(browser, site):
    db = site.database("million")
    chance = random.Random(1)
    for start in range(0, DOCUMENTS, 10_000):
        docs = [
            {"_id": f"{chance.getrandbits(128):032x}", "number": start + more, "name": f"n{more}"}
            for more in range(10_000)
        ]
        site.ask("POST", f"{db}/_bulk_docs", {"docs": docs})
    with opened(browser, site) as page:
        page.set_viewport_size(WIDE)
        page.goto(site.page("/"))
        expect(page.get_by_role("link", name="million")).to_be_visible()
        first = page.evaluate(
            """async () => {
              const started = performance.now();
              location.hash = '#/db/million';
              const row = 'virtual-list .v-row:not(.unknown) a[href*="/doc/"]';
              while (!document.querySelector(row)) await new Promise(requestAnimationFrame);
              return performance.now() - started;
            }"""
        )
        wheel = page.evaluate(SCROLLS, [["wheel", 400], ["wheel", 2000], ["wheel", -1000]])
        bar = page.evaluate(SCROLLS, [["bar", 0.5], ["bar", 0.1], ["bar", 0.93], ["bar", 1], ["bar", 0]])
    print(f"first view {first:.0f} ms, blank for at most {wheel:.0f} ms by wheel, {bar:.0f} ms by bar")
    assert first < FIRST_VIEW
    assert wheel < BLANK
    assert bar < FAR
