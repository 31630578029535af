"""The list of documents, and what can be done with several."""

import json
import re

import pytest

from tests.browser.turns import listening

expect = pytest.importorskip("playwright.sync_api").expect

STRANGE = [
    "a/b",
    "a b+c",
    'qu"ote',
    "<img src=x onerror=alert(1)>",
    "settings",
    "ü€😀",
    "per%2Fcent",
    "a?b#c",
    "_design/x/y",
]
"""Ids that a careless page would take for something else."""


def grid(page):
    return page.get_by_role("grid")


def test_members_are_shown_as_they_are_stored(page, site):
    db = site.database("shown")
    site.ask("PUT", f"{db}/one", '{"big":9007199254740993,"float":1.0,"text":"<b>bold</b>"}')
    page.goto(site.page("/db/shown"))
    row = page.get_by_role("row", name=re.compile("^Select one"))
    expect(row).to_contain_text("9007199254740993")
    expect(row).to_contain_text("1.0")
    expect(row).to_contain_text("<b>bold</b>")
    page.keyboard.press("v")
    expect(row).to_contain_text('{"big": 9007199254740993, "float": 1.0, "text": "<b>bold</b>"}')
    expect(page).to_have_url(re.compile("view=json"))


def test_any_id_can_be_opened(page, site):
    db = site.database("strange")
    for number, one in enumerate(STRANGE):
        site.ask("POST", db, {"_id": one, "number": number})
    page.goto(site.page("/db/strange"))
    for number, one in enumerate(STRANGE):
        page.get_by_role("link", name=one, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(one)
        expect(page.get_by_role("textbox", name=f"Text of {one}")).to_have_value(re.compile(f'"number": {number}'))
        page.go_back()
    expect(page.get_by_text("9 documents")).to_be_visible()


def test_by_keys_alone(page, site):
    db = site.database("keyed", [{"_id": f"doc-{number:03}"} for number in range(300)])
    page.goto(site.page("/db/keyed"))
    expect(page.get_by_role("link", name="doc-000")).to_be_visible()
    for key in ("j", "j", "k", "Space", "j", "Space"):
        page.keyboard.press(key)
    expect(page.get_by_text("2 documents selected")).to_be_visible()
    page.keyboard.press("f")
    page.keyboard.type("doc-29")
    expect(page.get_by_text("10 of 300 documents")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="doc-299")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_role("link", name="doc-000")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.type("doc-150")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="doc-150")).to_be_visible()
    page.keyboard.press("e")
    expect(page).to_have_url(re.compile("doc/doc-150$"))
    assert site.ask("GET", db)["doc_count"] == 300


def test_a_range_is_an_address(page, site):
    site.database("ranged", [{"_id": f"{number:03}"} for number in range(120)])
    page.goto(site.page("/db/ranged?start=050&end=060"))
    expect(page.get_by_text("10 of 120 documents")).to_be_visible()
    expect(page.get_by_role("link", name="050")).to_be_visible()
    expect(page.get_by_role("link", name="060")).to_have_count(0)
    page.get_by_role("button", name="Range").click()
    page.get_by_label("Up to").fill("055")
    page.keyboard.press("Enter")
    expect(page.get_by_text("5 of 120 documents")).to_be_visible()


def test_the_whole_list_is_scrolled_through_by_key(page, site):
    site.database("long", [{"_id": f"k{number:05}"} for number in range(5000)])
    asked = []
    with listening(page, "request", lambda request: asked.append(request.url)):
        page.goto(site.page("/db/long"))
        expect(page.get_by_role("link", name="k00000")).to_be_visible()
        for place in (2500, 100, 4999, 1234):
            page.evaluate("(place) => document.querySelector('virtual-list').scrollTo(place)", place)
            expect(page.get_by_role("link", name=f"k{place:05}")).to_be_visible()
    listings = [url for url in asked if "_all_docs" in url]
    assert not [url for url in listings if "skip" in url]
    assert len(listings) < 60, "a guess at a key is to come near in a few steps"


DRAGGED = """async () => {
  const scroller = document.querySelector('virtual-list .v-scroll');
  const window = document.querySelector('virtual-list .v-window');
  const empty = [];
  for (let at = 0; at < 120; at += 1) {
    scroller.scrollTop = scroller.scrollHeight * (0.5 + Math.sin(at / 7) / 2.2);
    await new Promise(requestAnimationFrame); // the event of this scrolling came before
    const box = window.getBoundingClientRect();
    const places = [...document.querySelectorAll('virtual-list .v-row')].map(row => [row, row.getBoundingClientRect()]);
    const seen = places.filter(([, {top, bottom}]) => bottom > box.top && top < box.bottom);
    const height = seen.reduce((sum, [, {height}]) => sum + height, 0);
    const texts = seen.map(([row]) => row.textContent);
    if (height < box.height || texts.some(text => !/k\\d/.test(text))) empty.push([at, height, ...texts]);
  }
  return empty;
}"""
"""The frames in which a row was empty while the scroll bar was dragged to and fro."""


def test_no_row_is_empty_while_the_bar_is_dragged(page, site):
    site.database("dragged", [{"_id": f"k{number:05}"} for number in range(20_000)])
    with page.expect_response(lambda reply: "descending=true" in reply.url) as told:
        page.goto(site.page("/db/dragged"))
    told.value.finished()
    expect(page.get_by_role("link", name="k00000")).to_be_visible()
    held = []

    def hold(route):
        held.append(route)

    page.route(re.compile("_all_docs"), hold)
    assert page.evaluate(DRAGGED) == []
    expect(page.locator(".v-row.unknown").first).to_contain_text(re.compile(r"^k\d\d?…"))
    for route in held:
        route.continue_()
    page.unroute_all()
    page.get_by_role("grid").focus()
    expect(page.locator(".v-row.unknown")).to_have_count(0)


def test_several_are_deleted(page, site):
    db = site.database("several", [{"_id": str(number)} for number in range(5)])
    page.goto(site.page("/db/several"))
    for name in ("1", "3"):
        page.get_by_label(f"Select {name}", exact=True).check()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("1, 3")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("2 documents deleted.")).to_be_visible()
    expect(page.get_by_role("link", name="3", exact=True)).to_have_count(0)
    assert [row["id"] for row in site.ask("GET", f"{db}/_all_docs")["rows"]] == ["0", "2", "4"]


def test_a_deletion_that_is_refused_is_told(page, site):
    db = site.database("newer", [{"_id": "a"}])
    page.goto(site.page("/db/newer"))
    page.get_by_label("Select a", exact=True).check()
    rev = site.ask("GET", f"{db}/a")["_rev"]
    site.ask("PUT", f"{db}/a?rev={rev}", {"newer": True})
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text(re.compile("1 document not deleted"))).to_be_visible()
    assert site.ask("GET", f"{db}/a")["newer"]


def test_exports_are_lossless_lines_and_tables(page, site):
    db = site.database("exported")
    texts = ['{"_id":"a","n":9007199254740993,"x":1.0}', '{"_id":"b","x":"=1+1","n":"say \\"hi\\", you"}']
    for text in texts:
        site.ask("POST", db, text)
    site.ask("POST", f"{db}/_bulk_docs", {"docs": [{"_id": f"c{number:04}"} for number in range(500)]})
    page.goto(site.page("/db/exported"))
    expect(page.get_by_role("columnheader", name="n", exact=True)).to_be_visible()
    page.get_by_role("button", name="More").click()
    with page.expect_download() as told:
        page.get_by_role("menuitem", name="Export all as JSON lines").click()
    lines = told.value.path().read_text().splitlines()
    assert len(lines) == 502
    assert '"n":9007199254740993,"x":1.0}' in lines[0]
    assert [json.loads(line)["_id"] for line in lines[2:]] == [f"c{number:04}" for number in range(500)]
    for name in ("a", "b"):
        page.get_by_label(f"Select {name}", exact=True).check()
    with page.expect_download() as told:
        page.get_by_role("button", name="Export as CSV").click()
    assert (
        told.value.path().read_bytes().decode() == '_id,n,x\r\na,9007199254740993,1.0\r\nb,"say ""hi"", you",\'=1+1\r\n'
    )


def test_no_cell_of_a_table_is_a_formula(page, site):
    site.database("formulas", [{"_id": "=1+1", "@sum": "+1", "n": -1}])
    page.goto(site.page("/db/formulas"))
    expect(page.get_by_role("columnheader", name="@sum")).to_be_visible()
    page.get_by_label("Select =1+1").check()
    with page.expect_download() as told:
        page.get_by_role("button", name="Export as CSV").click()
    assert told.value.path().read_bytes().decode() == "_id,'@sum,n\r\n'=1+1,'+1,-1\r\n"
