"""What surrounds the views: jumping, keys, themes, addresses, a proxy's path."""

import re

import pytest

from tests.browser.conftest import opened
from tests.browser.turns import Held

expect = pytest.importorskip("playwright.sync_api").expect


def test_jumping_to_a_document_by_keys(page, site):
    site.database("jumped", [{"_id": f"film {number}"} for number in range(30)])
    page.goto(site.page("/"))
    page.keyboard.press("/")
    page.keyboard.type("jumped/film 2")
    expect(page.get_by_role("option", name="film 2 document of jumped", exact=True)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="film 20")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("film 7")
    expect(page.get_by_role("option", name=re.compile("film 7"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="film 7")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("heading", name="film 20")).to_be_visible()


def test_the_keys_are_told(page, site):
    site.database("helped")
    page.goto(site.page("/db/helped"))
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("go to an id")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_theme_is_kept(page, site):
    page.goto(site.page("/"))
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.keyboard.press("t")
    assert page.evaluate(colour) != light
    dark = page.evaluate(colour)
    page.reload()
    assert page.evaluate(colour) == dark
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(colour) == light


def test_the_systems_theme_is_followed(browser, site):
    with opened(browser, site, dark=True) as page:
        page.goto(site.page("/"))
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 28)"


def test_what_is_not_there_is_told(page, site):
    page.goto(site.page("/db/nowhere"))
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("404")
    page.goto(site.page("/no/such/view"))
    expect(page.get_by_role("alert")).to_contain_text("There is no such page.")


def test_a_bad_address_breaks_nothing(page, site):
    page.goto(site.page("/login"))
    for state in ("/db/%E0%A4%A", "//", "/db//doc/", "/db/__proto__", "/db/constructor/doc/__proto__"):
        page.evaluate("document.getElementById('main').replaceChildren()")
        page.goto(site.page(state))
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_the_server_is_gone_and_comes_back(page, site):
    site.database("unreached", [{"_id": "a"}])
    page.goto(site.page("/"))
    page.route(re.compile("/unreached"), lambda route: route.abort())
    page.evaluate("location.hash = '#/db/unreached'")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("link", name="a", exact=True)).to_be_visible()


def test_nothing_is_needed_from_the_network_afterwards(browser, site):
    """Once the page has been idle, the code of every view is there: only the API is asked."""
    site.database("offline", [{"_id": "a"}])
    asked = []
    with opened(browser, site, idle=True) as page:
        with page.expect_request_finished(lambda request: request.url.endswith("views/cors.js")):
            page.goto(site.page("/"))
        page.wait_for_load_state("networkidle")
        page.on("request", lambda request: asked.append(request.url))
        for state, heading in (
            ("/db/offline/doc/a", "a"),
            ("/server/cors", "CORS"),
            ("/db/offline/settings", "Settings"),
        ):
            page.evaluate("state => { location.hash = state; }", f"#{state}")
            expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
    assert asked
    assert not [url for url in asked if url.endswith((".js", ".css", ".html"))]


def test_the_link_to_the_content_keeps_the_address(page, site):
    site.database("skipped", [{"_id": "a"}])
    page.goto(site.page("/db/skipped"))
    expect(page.get_by_role("link", name="a", exact=True)).to_be_visible()
    skip = page.get_by_role("link", name="Skip to content")
    skip.focus()
    skip.press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page).to_have_url(site.page("/db/skipped"))


def test_a_long_id_pushes_nothing_away(page, site):
    site.database("tall", [{"_id": "L" * 7000}])
    page.goto(site.page(f"/db/tall/doc/{'L' * 7000}"))
    expect(page.get_by_role("button", name="Save")).to_be_in_viewport()


def test_who_waits_is_told(page, site):
    site.database("slow", [{"_id": "a"}])
    page.goto(site.page("/"))
    held = Held(page, "/slow/")
    page.evaluate("location.hash = '#/db/slow/doc/a'")
    waiting = "getComputedStyle(document.querySelector('main .view'), '::before').content"
    held.first()
    assert "Reading" in page.evaluate(waiting)
    held.let_go()
    expect(page.get_by_role("heading", name="a", exact=True)).to_be_visible()
    assert page.evaluate(waiting) == "none"
