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
    expect(page.get_by_text("No document of this database is in conflict.")).to_be_visible()
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
