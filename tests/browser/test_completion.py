"""Names of fields and operators are offered while a selector is typed, and the list of documents takes a selector."""

import re

import pytest

from tests.browser.conftest import NARROW, opened
from tests.browser.turns import listening

expect = pytest.importorskip("playwright.sync_api").expect

FILMS = [
    {"_id": f"film-{at:03}", "title": f"t{at}", "year": 1900 + at, "crew": {"director": f"d{at % 3}"}}
    for at in range(120)
]


def offered(page):
    return page.get_by_role("listbox", name="What it may become")


def option(page, name):
    return offered(page).get_by_role("option", name=name, exact=True)


def selector(page):
    return page.get_by_role("combobox", name="Selector")


def test_the_list_takes_a_selector_by_keys_alone(page, site):
    db = site.database("chosen", FILMS)
    page.goto(site.page("/db/chosen"))
    expect(page.get_by_text("120 documents")).to_be_visible()
    page.keyboard.press("s")
    expect(selector(page)).to_be_focused()
    expect(selector(page)).to_have_attribute("aria-expanded", "false")
    page.keyboard.type('{"dir')
    expect(option(page, "crew.director")).to_have_attribute("aria-selected", "true")
    expect(selector(page)).to_have_attribute("aria-expanded", "true")
    active = option(page, "crew.director").get_attribute("id")
    expect(selector(page)).to_have_attribute("aria-activedescendant", active)
    page.keyboard.press("Enter")
    expect(selector(page)).to_have_value('{"crew.director": ')
    page.keyboard.type('"d1", "y')
    expect(option(page, "year")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type('{"$g')
    expect(offered(page).get_by_role("option")).to_have_text(["$gt", "$gte"])
    page.keyboard.press("ArrowDown")
    expect(option(page, "$gte")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(offered(page)).to_be_hidden()
    page.keyboard.type("1990}}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("10 of 120 documents")).to_be_visible()
    expect(page.get_by_role("link", name="film-091")).to_be_visible()
    expect(page).to_have_url(re.compile("selector="))
    page.reload()
    expect(page.get_by_text("10 of 120 documents")).to_be_visible()
    expect(selector(page)).to_have_value('{"crew.director": "d1", "year": {"$gte": 1990}}')
    page.get_by_role("button", name="More").click()
    with page.expect_download() as told:
        page.get_by_role("menuitem", name="Export all as JSON lines").click()
    assert len(told.value.path().read_text().splitlines()) == 10
    selector(page).fill("")
    selector(page).press("Enter")
    expect(page.get_by_text("120 documents", exact=True)).to_be_visible()
    assert site.ask("GET", db)["doc_count"] == 120


def test_what_a_selector_finds_is_read_on_and_a_wrong_one_is_told(page, site):
    site.database("read_on", [{"_id": f"k{at:03}", "n": at} for at in range(250)])
    page.goto(site.page("/db/read_on?selector=" + '{"n":{"$gt":-1.0}}'))
    expect(page.get_by_text("100 so far, of 250 documents")).to_be_visible()
    page.get_by_role("grid").focus()
    for last, told in (("k099", "200 so far, of 250 documents"), ("k199", "250 documents"), ("k249", "250 documents")):
        page.keyboard.press("End")
        expect(page.get_by_role("link", name=last)).to_be_visible()
        expect(page.get_by_text(told, exact=True)).to_be_visible()
    selector(page).fill('{"n": {"$above": 1}}')
    selector(page).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("$above")
    selector(page).fill('{"n" 1}')
    selector(page).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("character 6: A colon is missing.")
    selector(page).fill('{"n": 7}')
    selector(page).press("Enter")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_text("1 of 250 documents")).to_be_visible()


def test_a_selector_that_takes_long_is_given_up_for_another(page, site):
    site.database("slow_one", [{"_id": "a", "n": 1}, {"_id": "b", "n": 2}])
    page.goto(site.page("/db/slow_one"))
    held = []

    def hold(route):
        held.append(route)
        if len(held) > 1:
            route.continue_()

    page.route(re.compile("_find$"), hold)
    selector(page).fill('{"n": 1}')
    with page.expect_request(re.compile("_find$")):  # told as looked for even before it is asked
        selector(page).press("Enter")
    expect(page.get_by_text("Looking …")).to_be_visible()
    selector(page).fill('{"n": 2}')
    selector(page).press("Enter")
    expect(page.get_by_role("link", name="b", exact=True)).to_be_visible()
    expect(page.get_by_text("1 of 2 documents")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
    assert len(held) == 2


def test_escape_a_click_and_leaving_close_it(page, site):
    site.database("closed_again", FILMS[:3])
    page.goto(site.page("/db/closed_again"))
    selector(page).focus()
    page.keyboard.type('{"t')
    expect(option(page, "title")).to_be_visible()
    page.keyboard.press("Escape")
    expect(offered(page)).to_be_hidden()
    expect(selector(page)).to_be_focused()
    expect(selector(page)).not_to_have_attribute("aria-activedescendant", re.compile("."))
    page.keyboard.type("i")
    option(page, "title").click()
    expect(selector(page)).to_have_value('{"title": ')
    expect(selector(page)).to_be_focused()
    page.keyboard.type("1}")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+Space")
    expect(option(page, "year")).to_be_visible()
    page.get_by_role("searchbox").focus()
    expect(offered(page)).to_be_hidden()


def test_the_query_editor_and_the_index_form(page, site):
    site.database("completed", FILMS)
    page.goto(site.page("/db/completed/query"))
    field = page.get_by_role("textbox", name="Query")
    field.fill("")
    field.focus()
    page.keyboard.type('{"sel')
    page.keyboard.press("Enter")
    page.keyboard.type('{"crew": {"')
    expect(offered(page).get_by_role("option").first).to_have_text("director")
    page.keyboard.press("Enter")
    page.keyboard.type('"d2"}}, "fields": ["ti')
    page.keyboard.press("Enter")
    page.keyboard.type("]}")
    expect(field).to_have_value('{"selector": {"crew": {"director": "d2"}}, "fields": ["title"]}')
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(re.compile("^25 documents"))).to_be_visible()
    field.press("Control+z")
    expect(field).not_to_have_value(re.compile("]}$"))
    page.goto(site.page("/db/completed/indexes"))
    page.get_by_role("button", name="New index").click()
    page.keyboard.type("year desc, dir")
    expect(option(page, "crew.director")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("e")
    expect(option(page, "crew.director")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Fields")).to_have_value("year desc, crew.director")
    page.get_by_label("Only documents that match").fill('{"ye')
    page.keyboard.press("Enter")
    expect(page.get_by_label("Only documents that match")).to_have_value('{"year": ')


def test_a_selector_of_changes(page, site):
    site.database("changes_chosen", FILMS[:3])
    page.goto(site.page("/db/changes_chosen/changes"))
    page.get_by_label("Show").first.select_option("ids")
    field = page.get_by_role("combobox", name="Ids")
    field.focus()
    page.keyboard.type('{"ye')
    page.get_by_label("Show").first.select_option("selector")
    field = page.get_by_role("combobox", name="Selector")
    field.fill("")
    page.keyboard.type('{"ye')
    expect(option(page, "year")).to_be_visible()
    page.keyboard.press("Enter")
    expect(field).to_have_value('{"year": ')
    page.keyboard.type("1901}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="film-001")).to_be_visible()
    expect(page.get_by_role("link", name="film-002")).to_have_count(0)


def test_the_sample_is_read_once_and_only_so_far(page, site):
    db = site.database("sampled", [{"_id": "a", "small": 1}, {"_id": "b", "large": "x" * 3_000_000}, {"_id": "c"}])
    site.ask("PUT", f"{db}/_design/d", {"views": {}})
    asked = []
    with listening(page, "request", lambda request: asked.append(request.url)):
        page.goto(site.page("/db/sampled/query"))
        field = page.get_by_role("textbox", name="Query")
        for _ in range(3):
            field.fill("")
            page.keyboard.type('{"selector": {"s')
            expect(option(page, "small")).to_be_visible()
            page.keyboard.press("Escape")
        field.fill("")
        page.keyboard.type('{"selector": {"l')
        page.keyboard.type("a")
    expect(offered(page)).to_be_hidden()
    samples = [url for url in asked if "include_docs=true" in url]
    assert len(samples) == 2
    assert all("limit=50" in url for url in samples)


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_keeps_people_out_of_the_open_list(browser, site, dark):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")
    if not dark:
        site.database("seen_words", FILMS)
    with opened(browser, site, dark=dark) as page:
        for state, field in (("", selector(page)), ("/query", page.get_by_role("textbox", name="Query"))):
            page.set_viewport_size(NARROW)
            page.goto(site.page("/db/seen_words" + state))
            field.fill("")
            page.keyboard.type('{"a": 1, "b": 2, "c": 3, "d": 4, "')
            page.keyboard.press("Control+Space")
            if state:
                field.fill("")
                page.keyboard.type('{"selector": {"')
            expect(option(page, "crew.director")).to_be_visible()
            box = offered(page).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= NARROW["width"]
            assert box["y"] + box["height"] <= NARROW["height"]
            found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
