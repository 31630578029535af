"""Mango queries, indexes, views and design documents, as somebody uses them."""

import json
import re

import pytest

from tests.browser.turns import Held, listening

expect = pytest.importorskip("playwright.sync_api").expect

DESIGN = {
    "big": 12345678901234567890,
    "views": {"by_year": {"map": "function (doc) { emit(doc.year, doc.n); }", "reduce": "_sum"}},
    "filters": {"odd": "function (doc) { return doc.n % 2 === 1; }"},
}


def films(site, name, count=300):
    database = site.database(name, [{"_id": f"f{at:03}", "year": 1970 + at % 40, "n": at} for at in range(count)])
    site.ask("PUT", f"{database}/_design/app", DESIGN)
    site.ask("POST", f"{database}/_index", {"index": {"fields": ["year"]}, "name": "by-year", "ddoc": "mango"})
    site.ask("POST", f"{database}/_index", {"index": {"fields": ["year", "n"]}, "name": "wide", "ddoc": "mango-wide"})


def query_field(page):
    return page.get_by_role("textbox", name="Query")


def test_a_query_its_pages_and_the_queries_of_before(page, site):
    films(site, "asked")
    page.goto(site.page("/db/asked/query"))
    query_field(page).fill('{"selector": {"year": {"$gte": 2000}}, "limit": 40}')
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(re.compile("^40 documents"))).to_be_visible()
    expect(page.get_by_role("link", name="f030")).to_be_visible()
    page.get_by_role("button", name="More").click()
    expect(page.get_by_text(re.compile("^70 documents"))).to_be_visible()
    page.reload()
    expect(page.get_by_text(re.compile("^40 documents"))).to_be_visible()
    query_field(page).fill('{"selector": {"n": 7}}')
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text(re.compile("^1 document in"))).to_be_visible()
    page.get_by_label("Queries of before").select_option(index=2)
    expect(query_field(page)).to_have_value(re.compile("2000"))


def test_how_a_query_is_answered_as_a_picture(page, site):
    films(site, "explained")
    page.goto(site.page("/db/explained/query"))
    query_field(page).fill('{"selector": {"year": 1999}}')
    page.get_by_role("button", name="Explain").click()
    picture = page.get_by_role("region", name="How the query is answered")
    expect(picture.get_by_role("listitem").first).to_contain_text("Index by-year")
    expect(picture).to_contain_text("from 1999 to 1999")
    expect(picture.get_by_role("listitem").filter(has_text="wide")).to_contain_text(
        "not every document that matches has its fields"
    )
    query_field(page).fill('{"selector": {"n": 1}}')
    page.get_by_role("button", name="Explain").click()
    expect(picture.get_by_role("listitem").first).to_contain_text("All documents")


def test_a_refused_query_is_told(page, site):
    films(site, "misspelt", 1)
    page.goto(site.page("/db/misspelt/query"))
    query_field(page).fill('{"selector": {"year": {"$above": 1}}}')
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("$above")


def test_indexes_are_made_and_removed(page, site):
    films(site, "indexed", 3)
    page.goto(site.page("/db/indexed/indexes"))
    page.get_by_role("button", name="New index").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Fields").fill("n desc")
    dialog.get_by_label("Name").fill("by-n")
    dialog.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("row", name=re.compile("by-n"))).to_contain_text("n desc")
    page.get_by_role("button", name="Remove by-n").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("row", name=re.compile("by-n"))).to_have_count(0)
    assert {row["name"] for row in site.ask("GET", "indexed/_index")["indexes"]} == {"_all_docs", "by-year", "wide"}


def test_groups_of_a_view_with_a_chart_and_a_range_of_its_rows(page, site):
    films(site, "viewed")
    page.goto(site.page("/db/viewed/views"))
    page.get_by_role("link", name="app/by_year").click()
    expect(page.get_by_text("40 groups")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("40 bars"))).to_be_visible()
    page.get_by_label("Reduce").uncheck()
    page.get_by_label("From key").fill("1990")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text(re.compile("100 rows so far; the view has 300"))).to_be_visible()
    page.get_by_role("grid", name="Rows").focus()
    for _ in range(3):
        page.keyboard.press("End")
        page.wait_for_timeout(50)
    expect(page.get_by_text(re.compile("^140 rows;"))).to_be_visible()
    expect(page).to_have_url(re.compile("startkey=1990"))
    page.get_by_label("Backwards").check()
    page.get_by_label("From key").fill("1971")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text(re.compile("^16 rows;"))).to_be_visible()


def test_a_function_is_tried_before_it_is_saved(page, site):
    films(site, "designed", 4)
    page.goto(site.page("/db/designed/design/app"))
    page.evaluate("delete Crypto.prototype.randomUUID")  # as on a page that came by http from elsewhere
    code = page.get_by_role("textbox", name="views / by_year / map")
    code.fill("function (doc) { if (doc.n > 1) emit([doc.n, 'tried'], 1); }")
    page.get_by_role("button", name="Try").click()
    outcome = page.get_by_role("region", name="Try-out")
    expect(outcome.get_by_role("row", name=re.compile('2,"tried"'))).to_be_visible()
    expect(outcome.get_by_role("row", name=re.compile("tried"))).to_have_count(2)
    assert "tried" not in site.ask("GET", "designed/_design/app", text=True)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("_design/app was saved.")).to_be_visible()
    after = site.ask("GET", "designed/_design/app", text=True)
    assert "tried" in after
    assert '"big":12345678901234567890' in after
    expect(page.get_by_text("not saved yet")).to_have_count(0)
    page.get_by_label("Function", exact=True).select_option(label="filters / odd")
    page.get_by_role("button", name="Try").click()
    expect(outcome.get_by_role("row", name=re.compile("f001"))).to_contain_text("yes")
    expect(outcome.get_by_role("row", name=re.compile("f002"))).to_contain_text("no")
    assert not [name for name in site.ask("GET", "_all_dbs") if name.startswith("docstore-tryout")]


def test_a_rule_is_added_and_tried(page, site):
    site.database("ruled", [{"_id": "good", "year": 1}, {"_id": "bad"}])
    page.goto(site.page("/db/ruled/design/rules"))
    page.get_by_role("button", name="Add").click()
    page.get_by_role("dialog").get_by_label("Kind").select_option("validation")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    page.get_by_role("textbox", name="validate_doc_update").fill(
        "function (doc) { if (!doc.year) throw({forbidden: 'a year!'}); }"
    )
    page.get_by_role("button", name="Try").click()
    outcome = page.get_by_role("region", name="Try-out")
    expect(outcome.get_by_role("row", name=re.compile("bad"))).to_contain_text("forbidden: a year!")
    expect(outcome.get_by_role("row", name=re.compile("good"))).to_contain_text("yes")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("_design/rules was saved.")).to_be_visible()
    assert "validate_doc_update" in site.ask("GET", "ruled/_design/rules")


def test_a_design_document_that_others_changed_is_merged(page, site):
    films(site, "design_race", 1)
    page.goto(site.page("/db/design_race/design/app"))
    page.get_by_role("textbox", name="views / by_year / map").fill("function (doc) { emit(doc.mine); }")
    theirs = json.loads(site.ask("GET", "design_race/_design/app", text=True)) | {"language": "javascript"}
    site.ask("PUT", "design_race/_design/app", theirs)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Merge _design/app")).to_be_visible()
    page.get_by_role("button", name="Save the result").click()
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    after = site.ask("GET", "design_race/_design/app")
    assert after["language"] == "javascript"
    assert "doc.mine" in after["views"]["by_year"]["map"]


def test_code_that_was_typed_outlives_the_view(page, site):
    films(site, "design_kept", 1)
    page.goto(site.page("/db/design_kept/design/app"))
    code = page.get_by_role("textbox", name="views / by_year / map")
    code.fill("function (doc) { emit(doc.kept); }")
    page.evaluate("location.hash = '#/db/design_kept'")
    expect(page.get_by_role("link", name="f000")).to_be_visible()
    with listening(page, "dialog"):
        page.reload()
    page.go_back()
    expect(code).to_have_value("function (doc) { emit(doc.kept); }")
    expect(page.get_by_text("not saved yet")).to_be_visible()
    page.get_by_role("link", name="The whole document").click()
    text = page.get_by_label("Text of _design/app")
    expect(text).to_have_value(re.compile("doc.kept"))
    text.fill("{")
    page.go_back()
    expect(text).to_have_value("{")  # what is no JSON is shown where it can be mended
    text.fill(json.dumps(DESIGN | {"_rev": site.ask("GET", "design_kept/_design/app")["_rev"], "n": 1}))
    page.evaluate("location.hash = '#/db/design_kept/design/app'")
    expect(code).to_have_value(re.compile("doc.year"))
    page.get_by_role("button", name="Discard edits").click()
    expect(page.get_by_text("not saved yet")).to_have_count(0)
    assert page.evaluate("Object.keys(sessionStorage)") == []


def test_a_try_is_nobody_elses(page, site):
    films(site, "private_try", 1)
    setting = "_node/_local/_config/couchdb/default_security"
    site.ask("PUT", setting, '"everyone"')
    page.goto(site.page("/db/private_try/design/app"))
    held = Held(page, "docstore-tryout-.*/_bulk_docs")
    page.get_by_role("button", name="Try").click()
    made = re.search("docstore-tryout-[^/]*", held.first().url)[0]
    assert site.ask("GET", f"{made}/_security")["members"] == {"roles": ["_admin"]}
    site.ask("DELETE", setting)
    held.let_go()
    expect(page.get_by_role("region", name="Try-out").get_by_role("row", name=re.compile("f000"))).to_be_visible()


def test_each_question_to_a_view_is_an_address(page, site):
    films(site, "addressed", 50)
    page.goto(site.page("/db/addressed/view/app/by_year"))
    expect(page.get_by_text("40 groups")).to_be_visible()
    page.get_by_label("Groups").select_option("one value of all")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("1 group", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_text("1 group", exact=True)).to_be_visible()
    page.get_by_label("Reduce").uncheck()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("50 rows; the view has 50.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("50 rows; the view has 50.")).to_be_visible()
    page.get_by_label("One key").fill("true")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("0 rows; the view has 50.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("0 rows; the view has 50.")).to_be_visible()
    expect(page.get_by_label("One key")).to_have_value("true")


def test_code_has_an_editor_and_keys(page, site):
    films(site, "edited_code", 1)
    page.goto(site.page("/db/edited_code/design/app"))
    code = page.get_by_role("textbox", name="views / by_year / map")
    expect(code).to_be_visible()
    page.keyboard.press("e")
    expect(code).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("function (doc) {")
    page.keyboard.press("Enter")
    page.keyboard.type("emit(doc.n, 'typed');")
    page.keyboard.press("Enter")
    page.keyboard.type("}")
    expect(code).to_have_value(re.compile(r"^function \(doc\) {\n  emit"))
    expect(page.locator("json-editor .e-numbers")).to_contain_text("3")
    page.keyboard.press("Control+Enter")
    outcome = page.get_by_role("region", name="Try-out")
    expect(outcome.get_by_role("row", name=re.compile("typed"))).to_be_visible()
    page.keyboard.press("Control+s")
    expect(page.get_by_text("_design/app was saved.")).to_be_visible()
    assert "typed" in site.ask("GET", "edited_code/_design/app", text=True)


def test_groups_by_the_first_items_of_keys_and_bars_to_both_sides(page, site):
    site.database("grouped", [{"_id": str(at), "n": at} for at in range(6)])
    code = "function (doc) { emit([doc.n % 2, doc.n % 3], doc.n % 2 ? doc.n : -doc.n); }"
    site.ask("PUT", "grouped/_design/app", {"views": {"signed": {"map": code, "reduce": "_sum"}}})
    page.goto(site.page("/db/grouped/view/app/signed"))
    expect(page.get_by_text("6 groups")).to_be_visible()
    page.get_by_label("Groups").select_option("by the first item")
    page.get_by_role("button", name="Show").click()
    rows = page.get_by_role("grid", name="Rows").get_by_role("row")
    expect(rows).to_have_text(["KeyValueDocument", "[0]-6", "[1]9"])
    bars = page.locator(".chart rect")
    boxes = [bars.nth(at).bounding_box() for at in range(2)]
    assert boxes[0]["x"] + boxes[0]["width"] == pytest.approx(boxes[1]["x"], abs=1)
    assert boxes[0]["width"] / boxes[1]["width"] == pytest.approx(6 / 9, abs=0.02)
