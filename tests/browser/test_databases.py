"""The list of databases."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


def test_numbers_of_those_that_are_seen(page, site):
    site.database("numbered", [{"_id": str(number)} for number in range(1234)])
    page.goto(site.page("/?filter=numbered"))
    row = page.get_by_role("row", name=re.compile("numbered"))
    expect(row).to_contain_text("1,234")
    torn = [{"_id": "torn", "_rev": f"1-{letter * 32}"} for letter in "ab"]
    site.ask("POST", "numbered/_bulk_docs", {"new_edits": False, "docs": torn})
    page.reload()
    expect(row.get_by_role("gridcell").nth(3)).to_have_text("1")


def test_filter_and_open_by_keys_alone(page, site):
    for name in ("films", "film_stars", "books"):
        site.database(name)
    page.goto(site.page())
    expect(page.get_by_role("link", name="books")).to_be_visible()
    page.keyboard.press("j")
    page.get_by_label("Filter databases by name").fill("film")
    expect(page.get_by_role("link", name="books")).to_have_count(0)
    expect(page).to_have_url(re.compile("filter=film"))


def test_a_database_is_made(page, site):
    page.goto(site.page())
    page.get_by_role("button", name="New database").click()
    page.get_by_role("dialog").get_by_label("Name").fill("made/here")
    page.get_by_label("Partitioned").check()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/db/made%2Fhere$"))
    assert site.ask("GET", "made%2Fhere")["props"]["partitioned"] is True


def test_a_refusal_is_told_and_the_dialog_stays(page, site):
    site.database("there")
    page.goto(site.page())
    page.get_by_role("button", name="New database").click()
    page.get_by_role("dialog").get_by_label("Name").fill("there")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("412")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_thousands_draw_no_more_rows_than_are_seen(page, site):
    for number in range(60):
        site.database(f"dozens{number:02}")
    page.goto(site.page("/?filter=dozens"))
    expect(page.get_by_text(re.compile("^60 (of|databases)"))).to_be_visible()
    assert page.locator("virtual-list .v-row").count() < 40
    page.get_by_role("grid", name="Databases").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("link", name="dozens59")).to_be_visible()
