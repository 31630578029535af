"""Documents of megabytes in the editor: a key costs what it does in a short one, and all of the text is saved."""

import json
import re

import pytest

from tests.browser.conftest import opened
from tests.browser.turns import listening

expect = pytest.importorskip("playwright.sync_api").expect

SIZES = [1_500_000, pytest.param(7_500_000, marks=pytest.mark.long)]
"""Bytes of a document."""

KEYS = 10
MOST_TIMES = 8
"""How much more of the processor a key may take in megabytes than in a few kilobytes. With all of the text in the field
it takes 60 times as much with one megabyte."""

SHOWN = 200_000
"""Characters that are in the field at most."""


def rows(size):
    """Members of a document of about so many bytes."""
    return {f"r{at:06}": {"n": at, "exact": 12345678901234567890, "text": "x" * 60} for at in range(size // 120)}


def opened_editor(page, site, name, size):
    db = site.database(name)
    site.ask("PUT", f"{db}/d", rows(size))
    page.goto(site.page(f"/db/{name}/doc/d"))
    area = page.locator("json-editor textarea")
    expect(area).to_have_value(re.compile('"_id": "d"'), timeout=60_000)
    page.wait_for_selector("main[aria-busy=false]")
    area.focus()
    return area


def length_becomes(page, comparison):
    """Wait until the length of the whole text compares so."""
    page.evaluate(
        """async ([how, number]) => {
          const editor = document.querySelector('json-editor');
          const is = {'=': () => editor.value.length === number, '>': () => editor.value.length > number}[how];
          while (!is()) await new Promise(requestAnimationFrame);
        }""",
        comparison,
    )


def shown(page):
    return page.evaluate("document.querySelector('json-editor textarea').value.length")


def worked(page, session):
    """Seconds of the processor that this page's thread has worked, once it has nothing more to do."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "TaskDuration")


def cost_of_keys(page):
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.keyboard.type("  ")
    before = worked(page, session)
    for _ in range(KEYS):
        page.keyboard.press("x")
    after = worked(page, session)
    session.detach()
    return (after - before) / KEYS


@pytest.mark.parametrize("size", SIZES)
def test_a_key_costs_what_it_costs_in_a_short_text(page, site, size):
    page.on("dialog", lambda dialog: dialog.accept())
    opened_editor(page, site, f"typed_short_{size}", 20_000)
    page.keyboard.press("Control+Home")
    short = cost_of_keys(page)
    opened_editor(page, site, f"typed_long_{size}", size)
    page.keyboard.press("Control+Home")
    long = cost_of_keys(page)
    print(f"{size:,} bytes: {long * 1000:.1f} ms a key, {short * 1000:.1f} ms in 20 KB")
    assert shown(page) <= SHOWN
    assert long < short * MOST_TIMES


@pytest.mark.parametrize("size", SIZES)
def test_edits_at_both_ends_and_at_what_is_found_are_saved_letter_for_letter(page, site, size):
    name = f"ends_{size}"
    area = opened_editor(page, site, name, size)
    foot = page.locator(".e-foot")
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    page.keyboard.type(',\n"last": 1.0')
    assert shown(page) <= SHOWN
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.type('"first": 2.5,')
    expect(foot).to_contain_text(re.compile(r"^1 : 15 of [\d,]+ lines$"))
    middle = f"r{size // 240:06}"
    page.keyboard.press("Control+f")
    page.get_by_label("Find in the text").fill(middle)
    expect(page.get_by_text("1 of 1")).to_be_visible()
    page.keyboard.press("Escape")
    expect(area).to_have_value(re.compile(middle))
    page.keyboard.press("ArrowRight")
    page.keyboard.type("_found")
    workers = []
    with listening(page, "worker", lambda worker: workers.append(worker.url)):
        page.keyboard.press("Control+s")
        expect(page.get_by_text("Saved as 2-")).to_be_visible(timeout=60_000)
    assert len(workers) >= 2  # to look for problems, and for what the text says of itself
    text = site.ask("GET", f"{name}/d", text=True)
    after = json.loads(text)
    assert text.startswith('{"_id":"d","_rev":"2-')
    assert '"first":2.5,' in text
    assert '"last":1.0}' in text
    assert f"{middle}_found" in after
    assert text.count("12345678901234567890") == size // 120


def test_all_of_a_long_text_is_taken_away_and_comes_back(page, site):
    area = opened_editor(page, site, "all_of_it", 1_500_000)
    before = page.evaluate("document.querySelector('json-editor').value.length")
    page.keyboard.press("Control+a")
    page.keyboard.type('{"n": 1')
    expect(area).to_have_value('{"n": 1')
    for _ in range(7):
        page.keyboard.press("Control+z")
    length_becomes(page, ["=", before])
    page.keyboard.press("Control+y")
    expect(area).to_have_value('{"n":')
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Home")
    page.keyboard.press("PageDown")
    page.keyboard.press("Enter")
    length_becomes(page, [">", before])
    page.keyboard.press("Control+z")
    length_becomes(page, ["=", before])


def test_a_problem_far_away_is_told_by_its_line_and_shown(page, site):
    opened_editor(page, site, "far_problem", 1_500_000)
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    page.keyboard.type(",")
    page.keyboard.press("Control+Home")
    lines = 2 + 5 * (1_500_000 // 120)
    told = page.locator("json-editor [role=status]").last
    expect(told).to_contain_text(f"Line {lines + 2:,}, column 1", timeout=60_000)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert")).to_contain_text("Not saved.")
    expect(page.locator(".e-numbers .bad")).to_have_text(str(lines + 2))


def test_the_bar_goes_through_all_of_a_long_text(page, site):
    area = opened_editor(page, site, "through_all", 1_500_000)
    bar = page.get_by_role("slider", name="Place in the text")
    for key, found in (("End", '"r012499"'), ("Home", '"_id"')):
        bar.press(key)
        expect(area).to_have_value(re.compile(found))
    seen = set()
    for _ in range(5):
        bar.press("PageUp")
        seen.add(page.locator(".e-numbers > div").first.inner_text())
    assert len(seen) == 5
    assert shown(page) <= SHOWN
    area.focus()
    page.keyboard.type("x")
    expect(page.locator(".e-numbers > div").first).to_have_text("1")


FIRST_LINE = """async () => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const number = Number(document.querySelector('.e-numbers > div').textContent);
  const drawn = document.querySelector('.e-back').textContent.split('\\n')[0];
  return [number, drawn === document.querySelector('json-editor').value.split('\\n')[number - 1]];
}"""
"""The number of the first line that is drawn, and whether that is the line of the text."""


def test_the_wheel_goes_on_beyond_the_part(page, site):
    area = opened_editor(page, site, "wheeled", 1_500_000)
    area.hover()
    numbers = []
    for way in [1] * 20 + [-1] * 17:
        before = area.evaluate("area => area.scrollTop")
        with page.expect_event("console", lambda told: told.text == "scrolled"):
            area.evaluate("area => area.addEventListener('scroll', () => console.log('scrolled'), {once: true})")
            page.mouse.wheel(0, way * 3000)
        number, is_right = page.evaluate(FIRST_LINE)
        assert is_right, (number, before)
        numbers.append(number)
    there, back = numbers[:20], numbers[20:]
    assert there == sorted(there)
    assert len(set(there)) == 20
    assert there[-1] > 2500  # a part has some 1,500 lines
    assert back == sorted(back, reverse=True)
    assert back[-1] < 1000
    page.keyboard.type("x")  # where the cursor is, not where one looks
    expect(page.locator(".e-numbers > div").first).to_have_text("1")


def test_a_line_that_is_longer_than_the_part(page, site):
    area = opened_editor(page, site, "long_line", 10_000)
    site.ask("PUT", "long_line/line", f'{{"a": "{"y" * 700_000}", "b": "{"z" * 700_000}", "c": 1}}')
    page.evaluate("location.hash = '#/db/long_line/doc/line'")
    expect(area).to_have_value(re.compile('"_id": "line"'))
    area.focus()
    foot = page.locator(".e-foot")
    page.keyboard.press("Control+Home")
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    expect(foot).to_contain_text("6 : ")
    page.keyboard.press("End")
    page.keyboard.type(',\n"d": 2')
    expect(foot).to_contain_text("7 : 9 of 8 lines")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(foot).to_contain_text("5 : ")
    page.keyboard.press("End")
    expect(foot).to_contain_text("5 : 700,011 of 8 lines")
    page.keyboard.press("Home")
    expect(foot).to_contain_text("5 : 1 of 8 lines")
    assert shown(page) <= SHOWN
    area.hover()
    for way, found in ((1, '"c": 1'), (-1, '"_id": "line"')):
        for _ in range(4):
            page.mouse.wheel(0, way * 1000)
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        expect(area).to_have_value(re.compile(found))
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved as 2-")).to_be_visible(timeout=60_000)
    after = site.ask("GET", "long_line/line")
    assert (len(after["a"]), len(after["b"]), after["c"], after["d"]) == (700_000, 700_000, 1, 2)


def test_edits_too_long_for_a_reload_are_said_to_be(page, site):
    opened_editor(page, site, "too_long", 2_600_000)
    page.keyboard.type(" ")
    expect(page.get_by_text("too long to be kept over a reload")).to_be_visible()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Discard edits").click()
    expect(page.get_by_text("too long to be kept over a reload")).to_be_hidden()


def test_nothing_keeps_people_out_of_a_long_text(browser, site):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")
    site.database("seen_long")
    site.ask("PUT", "seen_long/d", rows(300_000))
    for options in ({"narrow": True}, {"dark": True}):
        with opened(browser, site, **options) as page:
            page.goto(site.page("/db/seen_long/doc/d"))
            expect(page.get_by_role("slider", name="Place in the text")).to_be_visible()
            found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
            assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
            box = page.locator("json-editor").bounding_box()
            bar = page.get_by_role("slider", name="Place in the text").bounding_box()
            assert bar["x"] + bar["width"] <= box["x"] + box["width"]
