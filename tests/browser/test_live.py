"""Changes, tasks and replications while they happen."""

import re
from contextlib import suppress
from urllib.parse import quote

import pytest

from tests.browser.conflicted import conflicted
from tests.browser.conftest import opened

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


def test_a_feed_that_breaks_says_so_and_goes_on(page, site):
    site.database("cut", [{"_id": "before"}])
    page.goto(site.page("/db/cut/changes"))
    changes = page.get_by_role("grid", name="Changes, newest first")
    expect(changes.get_by_role("row", name=re.compile("before"))).to_be_visible()
    site.ask("PUT", "cut/first", {})
    expect(page.get_by_text("1 since this page was opened.")).to_be_visible()
    page.route(re.compile("/cut/_changes"), lambda route: route.abort())
    site.ask("PUT", "cut/second", {})
    expect(page.get_by_text("The server does not answer. Tried again.")).to_be_visible()
    page.unroute_all()
    expect(changes.get_by_role("row", name=re.compile("second"))).to_be_visible()
    site.ask("DELETE", f"cut/second?rev={site.ask('GET', 'cut/second')['_rev']}")
    gone = changes.get_by_role("row", name=re.compile("second .* deleted"))
    expect(gone.get_by_role("link")).to_have_attribute("href", "#/db/cut/doc/second/tree")
    site.ask("DELETE", "cut")
    expect(page.get_by_text("Stopped.")).to_be_visible()


def test_a_selector_is_sent_as_it_is_typed(page, site):
    site.database("exact")
    for number in (9007199254740992, 9007199254740993):
        site.ask("PUT", f"exact/{number}", f'{{"n": {number}}}')
    selector = quote('{"n": 9007199254740993}')
    page.goto(site.page(f"/db/exact/changes?show=selector&with={selector}"))
    changes = page.get_by_role("grid", name="Changes, newest first")
    expect(changes.get_by_role("row", name=re.compile("9007199254740993"))).to_be_visible()
    expect(changes.get_by_role("row", name=re.compile("9007199254740992"))).to_have_count(0)


def test_a_replication_is_kept_as_it_was_written(page, site):
    site.database("kept_source", [{"_id": "a", "n": 1}])
    page.goto(site.page("/replications/new"))
    source, target = page.get_by_role("group", name="Source"), page.get_by_role("group", name="Target")
    source.get_by_label("Database").fill(site.url.replace("//", "//sue:hidden@") + "/not_there")
    target.get_by_label("Database").fill("kept_target")
    page.get_by_label("Make the target").check()
    page.get_by_label("Only documents that match").fill('{"n": {"$gte": 1.0, "$lt": 12345678901234567890}}')
    page.get_by_label("Id of its document").fill("as-written")
    page.get_by_role("button", name="Check and save").click()
    expect(page.get_by_role("alert")).to_contain_text(f"The source {site.url}/not_there cannot be used")
    source.get_by_label("Database").fill("kept_source")
    page.get_by_role("button", name="Check and save").click()
    job = page.get_by_role("article").filter(has_text="kept_source (here)")
    expect(job).to_contain_text("1 written")
    selector = '"selector":{"n":{"$gte":1.0,"$lt":12345678901234567890}}'
    assert selector in site.ask("GET", "_replicator/as-written", text=True)
    job.get_by_role("button", name="Start again").click()
    expect(page.get_by_text("The replication was started.")).to_be_visible()
    after = site.ask("GET", "_replicator/as-written", text=True)
    assert selector in after
    job.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(job).to_have_count(0)


def test_a_replication_of_nonsense_hides_no_other(page, site):
    with suppress(OSError):  # another test made it
        site.ask("PUT", "_replicator")
    secret = site.url.replace("//", "//sue:hidden@")
    made = site.ask("PUT", "_replicator/nonsense", {"source": f"{secret}/%E0%A4%A", "target": f"{secret}/nowhere"})
    page.goto(site.page("/activity"))
    job = page.get_by_role("article").filter(has_text="%E0%A4%A")
    expect(job).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("hidden")
    site.ask("DELETE", f"_replicator/nonsense?rev={made['rev']}")
    expect(job).to_have_count(0)


def test_on_a_telephone_every_column_can_be_reached(browser, site):
    site.database("telephone", [{"_id": "a", "_deleted": True}])
    with opened(browser, site, narrow=True) as page:
        page.goto(site.page("/db/telephone/changes"))
        deleted = page.get_by_role("row", name=re.compile("^before a ")).get_by_text("deleted")
        expect(deleted).not_to_be_in_viewport()
        deleted.scroll_into_view_if_needed()
        expect(deleted).to_be_in_viewport(ratio=1)
        page.goto(site.page("/?filter=telephone"))
        size = page.get_by_role("columnheader", name="Size")
        size.scroll_into_view_if_needed()
        expect(size).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("row", name=re.compile("telephone")).get_by_role("gridcell").last).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_other_choices_among_changes(page, site):
    conflicted(site, "chosen_changes")
    site.ask("POST", "chosen_changes/_bulk_docs", {"docs": [{"_id": "a,b"}, {"_id": "c", "n": 1}]})
    site.ask("PUT", "chosen_changes/_design/app", {"filters": {"n": "function (doc) { return doc.n === 1; }"}})
    page.goto(site.page("/db/chosen_changes/changes"))
    changes = page.get_by_role("grid", name="Changes, newest first").get_by_role("link")
    expect(changes).to_have_count(4)
    show = page.get_by_label("Show").first
    show.select_option("conflicts")
    page.get_by_role("button", name="Show").click()
    expect(changes).to_have_text(["alien"])
    show.select_option("design")
    page.get_by_label("Filter, as ddoc/name").fill("app/n")
    page.keyboard.press("Enter")
    expect(changes).to_have_text(["c"])
    show.select_option("ids")
    page.get_by_label("Ids").fill("c, alien")
    page.keyboard.press("Enter")
    expect(changes).to_have_text(["c", "alien"])


TASK = {"type": "indexer", "pid": "<0.1.0>", "database": "films", "design_document": "_design/app", "progress": 40}
JOB = {"id": "job", "source": "http://a.example/", "target": "http://b.example/", "state": "running"}


def test_progress_rates_and_what_is_to_come(page, site):
    looks = []

    def tasks(route):
        looks.append(None)
        route.fulfill(json=[TASK | {"total_changes": 10_000, "changes_done": 1000 + 700 * len(looks)}])

    def jobs(route):
        info = {"docs_read": 1234, "docs_written": 1200, "doc_write_failures": 34, "changes_pending": 5000}
        route.fulfill(json={"jobs": [JOB | {"info": info | {"revisions_checked": 5000 + 900 * len(looks)}}]})

    page.route(re.compile("/_active_tasks"), tasks)
    page.route(re.compile("/_scheduler/jobs"), jobs)
    page.goto(site.page("/activity"))
    task = page.get_by_role("article").filter(has_text="Index films _design/app")
    expect(task).to_contain_text(re.compile(r"of 10,000 changes, \d{3} changes a second"))
    assert 0.1 < task.get_by_role("progressbar").evaluate("bar => bar.value") < 1
    job = page.get_by_role("article").filter(has_text="http://a.example → http://b.example")
    expect(job).to_contain_text(
        re.compile(r"1,234 read, 1,200 written, 34 refused, 5,000 to come, [\d,]+ revisions a second")
    )
    assert 0.5 < job.get_by_role("progressbar").evaluate("bar => bar.value") < 1


def test_both_ends_are_checked_without_a_trace(page, site):
    site.database("checked_source")
    site.database("checked_target")
    with suppress(OSError):  # another test made it
        site.ask("PUT", "_replicator")
    before = site.ask("GET", "_replicator/_all_docs")["total_rows"]
    page.goto(site.page("/replications/new?source=checked_source&target=checked_target"))
    page.get_by_role("button", name="Check only").click()
    expect(page.get_by_text("Both ends answer.")).to_be_visible()
    assert site.ask("GET", "_replicator/_all_docs")["total_rows"] == before
    assert site.ask("GET", "checked_target/_local_docs")["rows"] == []
    page.get_by_label("Go on for ever").check()
    page.get_by_label("Id of its document").fill("goes-on")
    page.get_by_role("button", name="Check and save").click()
    job = page.get_by_role("article").filter(has_text="checked_source (here)")
    expect(job).to_be_visible()
    kept = site.ask("GET", "_replicator/goes-on")
    assert kept["continuous"] is True
    site.ask("DELETE", f"_replicator/goes-on?rev={kept['_rev']}")
    expect(job).to_have_count(0)


def test_a_replication_of_a_request_is_stopped(page, site):
    for name in ("asked_source", "asked_target"):
        site.database(name)
    asked = {"source": f"{site.url}/asked_source", "target": f"{site.url}/asked_target", "continuous": True}
    site.ask("POST", "_replicate", asked)
    page.goto(site.page("/activity"))
    job = page.get_by_role("article").filter(has_text="asked_source (here)")
    expect(job).to_contain_text("Begun by a request")
    job.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(job).to_have_count(0)
    assert not [one for one in site.ask("GET", "_scheduler/jobs")["jobs"] if "asked_source" in one["source"]]
