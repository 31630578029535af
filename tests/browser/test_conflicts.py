"""Documents in conflict: their list, the tree as a picture, two revisions side by side."""

import re

import pytest

from tests.browser.conflicted import conflicted, leaf

expect = pytest.importorskip("playwright.sync_api").expect


def test_the_list_leads_to_the_merge_by_keys_alone(page, site):
    conflicted(site, "listed_conflicts")
    page.goto(site.page("/db/listed_conflicts/conflicts"))
    expect(page.get_by_role("row", name=re.compile("alien"))).to_contain_text("2-80f4")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/doc/alien/merge$"))
    expect(page.get_by_role("heading", name="Merge alien")).to_be_visible()


def test_who_wrote_what_and_when(guarded_page, guarded):
    conflicted(guarded, "written_by")
    guarded.ask("PUT", "written_by/alien?rev=2-e2a7", {"year": 1979})  # of what comes by replication nobody knows
    page = guarded_page
    page.goto(guarded.page("/login"))
    page.get_by_label("Name").fill(guarded.admin.name)
    page.get_by_label("Password").fill(guarded.admin.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Databases")).to_be_visible()
    page.goto(guarded.page("/db/written_by/conflicts"))
    expect(page.get_by_role("row", name=re.compile("alien.* root 20"))).to_be_visible()
    page.goto(guarded.page("/db/written_by/doc/alien/tree"))
    expect(page.get_by_role("button", name=re.compile("^3-.*, winner, by root, 20"))).to_be_visible()


def test_all_conflicts_are_resolved(page, site):
    conflicted(site, "resolved_at_once")
    page.goto(site.page("/db/resolved_at_once/conflicts"))
    page.get_by_role("button", name="Resolve all").click()
    page.get_by_label("How").select_option(label="Merge them; where changes clash the winner prevails")
    page.get_by_role("button", name="Resolve", exact=True).click()
    expect(page.get_by_role("main")).to_have_text(re.compile("No document of this database is in conflict.$"))
    assert site.ask("GET", "resolved_at_once/_conflicts")["total_rows"] == 0


def test_the_tree_and_any_two_revisions(page, site):
    conflicted(site, "drawn")
    page.goto(site.page("/db/drawn/doc/alien/tree"))
    expect(page.get_by_role("button", name=re.compile("^2-e2a7, winner"))).to_be_visible()
    differences = page.get_by_role("grid", name=re.compile("Differences"))
    expect(differences.get_by_role("row", name=re.compile("1979.*1980"))).to_be_visible()
    expect(differences.get_by_role("row", name=re.compile("Ridley Scott"))).to_be_visible()
    ancestor = page.get_by_role("button", name=re.compile("^1-5d1c"))
    ancestor.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("b=1-5d1c"))
    expect(differences.get_by_role("row", name=re.compile("1979.*1978"))).to_be_visible()
    expect(ancestor).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name=re.compile("^2-e2a7"))).to_be_focused()
    page.reload()
    expect(differences.get_by_role("row", name=re.compile("1979.*1978"))).to_be_visible()


def test_a_tree_of_thousands_of_leaves_is_drawn_in_part(page, site):
    database = site.database("bushy")
    docs = [leaf("bush", "1-aa", {"n": 0})]
    docs += [leaf("bush", f"2-{number:04x}", {"n": number}, "aa") for number in range(3000)]
    site.ask("POST", f"{database}/_bulk_docs", {"new_edits": False, "docs": docs})
    page.goto(site.page("/db/bushy/doc/bush/tree"))
    expect(page.get_by_text("2,976 more leaves")).to_be_visible()
    assert page.locator("svg.tree .revision").count() == 25
    page.get_by_role("grid", name="Leaves").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("beside 2-0000"))).to_be_visible()


def test_a_body_that_is_gone_is_told(page, site):
    database = site.database("gone_body")
    site.ask("POST", f"{database}/_bulk_docs", {"new_edits": False, "docs": [leaf("d", "2-bb", {"n": 2}, "aa")]})
    page.goto(site.page("/db/gone_body/doc/d/tree"))
    expect(page.get_by_role("alert")).to_contain_text("The body of 1-aa is not stored here any more.")


def test_a_long_list_misses_nobody_between_its_pages(page, site):
    database = site.database("many_conflicts")
    docs = [leaf(f"c{number:03}", rev, {}) for number in range(250) for rev in ("1-aa", "1-bb")]
    site.ask("POST", f"{database}/_bulk_docs", {"new_edits": False, "docs": docs})
    page.goto(site.page("/db/many_conflicts/conflicts"))
    expect(page.get_by_role("link", name="c000")).to_be_visible()
    page.evaluate("document.querySelector('virtual-list').scrollTo(198)")
    for number in range(198, 204):
        expect(page.get_by_role("link", name=f"c{number}")).to_be_visible()
    page.get_by_role("grid", name="Documents in conflict").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("link", name="c249")).to_be_visible()


def test_from_the_list_to_the_tree_to_the_merge_by_keys(page, site):
    conflicted(site, "keys_of_trees")
    page.goto(site.page("/db/keys_of_trees/conflicts"))
    expect(page.get_by_role("row", name=re.compile("alien"))).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("r")
    differences = page.get_by_role("grid", name=re.compile("Differences"))
    expect(differences.get_by_role("row", name=re.compile("year: 1979.*year: 1980"))).to_be_visible()
    page.keyboard.press("x")
    expect(differences.get_by_role("row", name=re.compile("year: 1980.*year: 1979"))).to_be_visible()
    expect(page).to_have_url(re.compile("a=2-80f4&b=2-e2a7"))
    expect(differences.get_by_role("row", name=re.compile("title"))).to_have_count(0)
    page.get_by_label("Show what is the same").check()
    expect(differences.get_by_role("row", name=re.compile("title.*title"))).to_be_visible()
    active = differences.locator(".active")
    differences.focus()
    page.keyboard.press("n")
    expect(active).to_contain_text("1980")
    page.keyboard.press("n")
    expect(active).to_contain_text("crew")
    page.keyboard.press("p")
    expect(active).to_contain_text("1980")
    page.locator("h1").click()
    page.keyboard.press("m")
    expect(page.get_by_role("heading", name="Merge alien")).to_be_visible()


def test_a_document_tells_its_history_and_its_conflicts(page, site):
    conflicted(site, "history")
    page.goto(site.page("/db/history/doc/alien"))
    expect(page.get_by_text("1 other revision is in conflict with this document.")).to_be_visible()
    page.get_by_text("Earlier revisions").click()
    revisions = page.get_by_role("region", name="Revisions").get_by_role("listitem")
    expect(revisions).to_have_text([re.compile("^2-e2a7"), re.compile("^1-5d1c")])
    revisions.last.get_by_role("link").click()
    expect(page.get_by_text("Revision 1-5d1c")).to_be_visible()
    expect(page.get_by_label("Text of alien")).to_have_value(re.compile('"year": 1978'))
