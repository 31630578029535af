"""Full-text search in the page."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

INDEX = "function (doc) { index('default', doc.title, {store: true}); index('year', doc.year, {store: true}); }"


def test_a_query_finds_as_far_as_one_scrolls(page, site):
    site.database(
        "searched", [{"_id": f"d{at:03}", "title": f"alien part {at}", "year": 1979 + at} for at in range(120)]
    )
    site.ask("PUT", "searched/_design/films", {"indexes": {"titles": {"index": INDEX}}})
    page.goto(site.page("/db/searched/search"))
    page.get_by_label("Query").fill("ali* AND year:[1979 TO 2060]")
    page.get_by_label("Sort").fill("-year")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("82 documents, the first 50 of them below.")).to_be_visible()
    found = page.get_by_role("grid", name="Found")
    expect(found.get_by_role("row").nth(1)).to_contain_text('"default":"alien part 81"')
    found.focus()
    page.keyboard.press("End")
    expect(page.get_by_text("82 documents.")).to_be_visible()
    page.get_by_label("Query").fill("title:(")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def test_an_index_of_any_name_is_asked(page, site):
    site.database("named", [{"_id": "a", "title": "alien", "year": 1979}])
    site.ask("PUT", "named/_design%2Ffilms%2Fold", {"indexes": {"by/title": {"index": INDEX}}})
    page.goto(site.page("/db/named/search?index=films%2Fold%2Fby%2Ftitle&q=alien"))
    expect(page.get_by_text("1 document.")).to_be_visible()


def test_a_database_without_search_indexes_says_so(page, site):
    site.database("unsearched")
    page.goto(site.page("/db/unsearched/search"))
    expect(page.get_by_text("No design document of this database has a search index.")).to_be_visible()
