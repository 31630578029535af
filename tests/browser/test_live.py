"""Changes, tasks and replications while they happen."""

import re
from contextlib import suppress

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


def test_changes_stream_in_and_can_be_paused(page, site):
    site.database("streamed", [{"_id": "before"}])
    page.goto(site.page("/db/streamed/changes"))
    changes = page.get_by_role("grid", name="Changes, newest first")
    expect(changes.get_by_role("row", name=re.compile("before"))).to_be_visible()
    site.ask("PUT", "streamed/live", {})
    expect(changes.get_by_role("row", name=re.compile("live"))).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_text("Paused.")).to_be_visible()
    site.ask("PUT", "streamed/missed", {})
    expect(changes.get_by_role("row", name=re.compile("missed"))).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    expect(changes.get_by_role("row", name=re.compile("missed"))).to_be_visible()


def test_a_selector_chooses_among_changes(page, site):
    site.database("selected", [{"_id": "red", "colour": "red"}, {"_id": "blue", "colour": "blue"}])
    page.goto(site.page("/db/selected/changes"))
    page.get_by_label("Show").first.select_option("selector")
    page.get_by_label("Selector").fill('{"colour": "red"}')
    page.keyboard.press("Enter")
    changes = page.get_by_role("grid", name="Changes, newest first")
    expect(changes.get_by_role("row", name=re.compile("blue"))).to_have_count(0)
    site.ask("PUT", "selected/blue2", {"colour": "blue"})
    site.ask("PUT", "selected/red2", {"colour": "red"})
    expect(changes.get_by_role("row", name=re.compile("red2"))).to_be_visible()
    expect(changes.get_by_role("row", name=re.compile("blue"))).to_have_count(0)
    page.reload()
    expect(changes.get_by_role("row", name=re.compile("red2"))).to_be_visible()
    expect(page.get_by_label("Selector")).to_have_value('{"colour": "red"}')


def test_a_filter_that_is_not_there_is_told(page, site):
    site.database("unfiltered")
    page.goto(site.page("/db/unfiltered/changes?show=design&with=no%2Fne"))
    expect(page.get_by_role("alert")).to_contain_text("404")
    expect(page.get_by_role("button", name="Go on")).to_be_visible()


def test_a_replication_is_checked_saved_followed_and_stopped(page, site):
    site.database("source_here", [{"_id": str(number)} for number in range(30)])
    page.goto(site.page("/replications/new"))
    source, target = page.get_by_role("group", name="Source"), page.get_by_role("group", name="Target")
    source.get_by_label("Database").fill("source_hree")
    target.get_by_label("Database").fill("target_here")
    page.get_by_role("button", name="Check and save").click()
    expect(page.get_by_role("alert")).to_have_count(2)
    expect(page.get_by_role("alert").first).to_contain_text("The source")
    source.get_by_label("Database").fill("source_here")
    page.get_by_label("Make the target").check()
    page.get_by_label("Go on for ever").check()
    page.get_by_label("Id of its document").fill("kept-alike")
    page.get_by_role("button", name="Check and save").click()
    job = page.get_by_role("article").filter(has_text="source_here (here) → target_here (here)")
    expect(job).to_contain_text("30 written")
    assert site.ask("GET", "target_here")["doc_count"] == 30
    job.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(job).to_have_count(0)
    page.get_by_role("button", name="Start it again").click()
    expect(job).to_be_visible()
    rev = site.ask("GET", "_replicator/kept-alike")["_rev"]
    site.ask("DELETE", f"_replicator/kept-alike?rev={rev}")
    expect(job).to_have_count(0)


def test_a_replication_that_fails_is_told_in_words(page, site):
    with suppress(OSError):  # another test made it
        site.ask("PUT", "_replicator")
    nowhere = {"source": f"{site.url}/nowhere_at_all", "target": f"{site.url}/nowhere_else"}
    made = site.ask("PUT", "_replicator/fails", nowhere)
    page.goto(site.page("/activity"))
    job = page.get_by_role("article").filter(has_text="nowhere_at_all")
    expect(job).to_contain_text("A database is not there")
    site.ask("DELETE", f"_replicator/fails?rev={made['rev']}")
    expect(job).to_have_count(0)
