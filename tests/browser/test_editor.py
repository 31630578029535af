"""One document: what is saved is the text that was edited, and nothing that was typed is lost."""

import re

import pytest

from tests.browser.turns import listening

expect = pytest.importorskip("playwright.sync_api").expect


def area(page):
    return page.locator("json-editor textarea")


def stored(site, path):
    return re.sub(r'"_rev":"[^"]*",', "", site.ask("GET", path, text=True)).strip()


def test_what_is_not_touched_stays_letter_for_letter(page, site):
    db = site.database("lossless")
    site.ask("POST", db, '{"_id":"doc","z":9007199254740993,"a":1.0,"o":{"__proto__":123456789012345678901234567890}}')
    page.goto(site.page("/db/lossless/doc/doc"))
    text = area(page).input_value()
    assert '"z": 9007199254740993,\n  "a": 1.0,\n  "o": {\n    "__proto__": 123456789012345678901234567890' in text
    area(page).fill(text.replace('"a": 1.0', '"a": 1.0, "new": 2.5'))
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved as 2-")).to_be_visible()
    assert stored(site, f"{db}/doc") == (
        '{"_id":"doc","z":9007199254740993,"a":1.0,"new":2.5,"o":{"__proto__":123456789012345678901234567890}}'
    )
    expect(page.get_by_role("button", name="Save")).to_be_disabled()


def test_a_new_document_by_keys_alone(page, site):
    db = site.database("fresh")
    page.goto(site.page("/db/fresh"))
    expect(page.get_by_text("No document here.")).to_be_visible()
    page.keyboard.press("n")
    expect(area(page)).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type('{"_id": "mine", "big": 12345678901234567890')
    page.keyboard.press("Enter")
    page.keyboard.type("}")
    page.keyboard.press("Control+s")
    expect(page).to_have_url(re.compile("doc/mine$"))
    assert stored(site, f"{db}/mine") == '{"_id":"mine","big":12345678901234567890}'


def test_errors_are_told_by_line_and_nothing_is_saved(page, site):
    db = site.database("wrong", [{"_id": "a"}])
    page.goto(site.page("/db/wrong/doc/a"))
    area(page).fill('{\n  "_id": "a"\n  "b": 1\n}')
    expect(page.locator("json-editor [role=status]").last).to_contain_text("Line 3, column 3")
    expect(area(page)).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved. Line 3")
    assert site.ask("GET", f"{db}/a")["_rev"].startswith("1-")
    area(page).fill("[1]")
    expect(page.locator("json-editor [role=status]").last).to_contain_text("A document is an object")


def test_formatting_finding_and_undoing(page, site):
    site.database("formed", [{"_id": "a"}])
    page.goto(site.page("/db/formed/doc/a"))
    area(page).fill('{"_id":"a","n":1.10,"list":[{"x":1}]}')
    page.get_by_role("button", name="Format").click()
    assert area(page).input_value() == '{\n  "_id": "a",\n  "n": 1.10,\n  "list": [\n    {\n      "x": 1\n    }\n  ]\n}'
    area(page).press("Control+z")
    assert area(page).input_value() == '{"_id":"a","n":1.10,"list":[{"x":1}]}'
    area(page).press("Control+f")
    page.get_by_label("Find in the text").fill("list")
    expect(page.get_by_text("1 of 1")).to_be_visible()
    page.keyboard.press("Escape")
    expect(area(page)).to_be_focused()
    marked = "a => a.value.slice(a.selectionStart, a.selectionEnd)"
    assert area(page).evaluate(marked) == "list"


def test_brackets_and_lines(page, site):
    site.database("brackets", [{"_id": "a"}])
    page.goto(site.page("/db/brackets/doc/a"))
    area(page).fill('{"_id":"a","s":"}","l":[1]}')
    area(page).press("End")
    expect(page.locator(".j-mark.match")).to_have_count(2)
    area(page).fill("{}")
    area(page).press("Home")
    area(page).press("ArrowRight")
    area(page).press("Enter")
    area(page).press("x")
    assert area(page).input_value() == "{\n  x\n}"


def test_edits_outlive_another_view_and_a_reload(page, site):
    db = site.database("drafts", [{"_id": "a"}])
    page.goto(site.page("/db/drafts/doc/a"))
    area(page).fill('{"_id":"a","typed":true')
    expect(page.locator("json-editor [role=status]").last).to_contain_text("Line 1")
    page.evaluate("location.hash = '#/db/drafts'")
    page.get_by_role("link", name="a", exact=True).click()
    expect(page.get_by_text("These are edits that were not saved yet.")).to_be_visible()
    expect(area(page)).to_have_value('{"_id":"a","typed":true')
    with listening(page, "dialog"):
        page.reload()
    expect(area(page)).to_have_value('{"_id":"a","typed":true')
    page.get_by_role("button", name="Discard them").click()
    expect(area(page)).to_have_value(re.compile('^{\n  "_id": "a",\n  "_rev"'))
    page.get_by_role("button", name="Undo").click()
    expect(area(page)).to_have_value('{"_id":"a","typed":true')
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Discard edits").click()
    assert site.ask("GET", f"{db}/a")["_rev"].startswith("1-")


def test_duplicate_and_delete(page, site):
    db = site.database("copied", [{"_id": "a", "n": 1}])
    page.goto(site.page("/db/copied/doc/a"))
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Duplicate").click()
    page.get_by_label("Id of the copy").fill("b/ü")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("b/ü")
    assert site.ask("GET", f"{db}/b%2F%C3%BC")["n"] == 1
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("#/db/copied$"))
    assert [row["id"] for row in site.ask("GET", f"{db}/_all_docs")["rows"]] == ["a"]


def test_an_earlier_revision_is_looked_at_and_taken_up(page, site):
    db = site.database("earlier", [{"_id": "a", "n": 1.5}])
    first = site.ask("GET", f"{db}/a")["_rev"]
    site.ask("PUT", f"{db}/a?rev={first}", {"n": 2})
    page.goto(site.page("/db/earlier/doc/a"))
    page.get_by_text("Earlier revisions").click()
    page.locator(".revisions a").nth(1).click()
    expect(page.get_by_text(f"Revision {first}")).to_be_visible()
    expect(area(page)).to_have_attribute("readonly", "")
    page.get_by_role("button", name="Edit from here").click()
    expect(page.get_by_text("These are edits that were not saved yet.")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    assert site.ask("GET", f"{db}/a")["n"] == 1.5


def kept(page):
    """What the tab keeps of documents."""
    return page.evaluate("Object.keys(sessionStorage).filter(key => key.startsWith('docstore-draft:'))")


def test_what_is_typed_while_a_save_is_under_way_stays(page, site):
    db = site.database("typed_on", [{"_id": "a", "n": 1}])
    page.goto(site.page("/db/typed_on/doc/a"))
    expect(area(page)).to_have_value(re.compile('"n": 1'))
    area(page).fill(area(page).input_value().replace('"n": 1', '"n": 2'))
    held = []

    def hold(route):
        if route.request.method == "GET":
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile(f"/{db}/a$"), hold)
    with page.expect_request(lambda asked: asked.method == "GET" and asked.url.endswith(f"/{db}/a")):
        page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved as 2-")).to_be_visible()
    area(page).fill(area(page).input_value().replace('"n": 2', '"n": 3.0'))
    held[0].continue_()
    expect(area(page)).to_have_value(re.compile('"_rev": "2-.*\n.*"n": 3.0'))
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    assert '"n":3.0' in site.ask("GET", f"{db}/a", text=True)


def test_saving_twice_saves_once(page, site):
    db = site.database("twice", [{"_id": "a"}])
    page.goto(site.page("/db/twice/doc/a"))
    area(page).fill(area(page).input_value().replace("\n}", ',\n  "n": 1\n}'))
    page.evaluate(
        """() => { for (let time = 0; time < 3; time += 1) document.querySelector('json-editor textarea').dispatchEvent(
             new KeyboardEvent('keydown', {key: 's', ctrlKey: true, bubbles: true, cancelable: true})); }"""
    )
    expect(page.get_by_text("Saved as 2-")).to_be_visible()
    expect(area(page)).to_have_value(re.compile('"_rev": "2-'))
    page.keyboard.press("Control+s")
    expect(page).to_have_url(re.compile("/doc/a$"))
    assert site.ask("GET", f"{db}/a")["_rev"].startswith("2-")
    assert kept(page) == []


def test_a_document_that_was_made_leaves_no_draft(page, site):
    site.database("made_once")
    page.goto(site.page("/db/made_once/new?id=mine"))
    expect(area(page)).to_be_focused()
    page.keyboard.insert_text(', "n": 1')
    page.keyboard.press("Control+s")
    expect(page).to_have_url(re.compile("doc/mine$"))
    page.evaluate("new Promise(done => setTimeout(done, 300))")  # what was put off would have come by now
    assert kept(page) == []


def test_a_key_and_a_reload_at_once(page, site):
    site.database("at_once", [{"_id": "a"}])
    page.goto(site.page("/db/at_once/doc/a"))
    expect(area(page)).to_be_visible()
    with listening(page, "dialog"):
        page.evaluate(
            """() => { const area = document.querySelector('json-editor textarea'); area.value = '{"typed": 1';
                 area.dispatchEvent(new InputEvent('input', {bubbles: true})); location.reload(); }"""
        )
        expect(area(page)).to_have_value('{"typed": 1')


def test_discarded_edits_come_back(page, site):
    site.database("undone", [{"_id": "a"}])
    page.goto(site.page("/db/undone/doc/a"))
    area(page).fill('{"typed": 1')
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Discard edits").click()
    expect(area(page)).to_have_value(re.compile('"_id": "a"'))
    page.get_by_role("button", name="Undo").click()
    expect(area(page)).to_have_value('{"typed": 1')


def test_edits_outlive_a_look_at_an_earlier_revision(page, site):
    site.database("looked_back", [{"_id": "a"}])
    rev = site.ask("GET", "looked_back/a")["_rev"]
    page.goto(site.page("/db/looked_back/doc/a"))
    area(page).fill('{"typed": 1')
    page.evaluate("rev => { location.hash = `#/db/looked_back/doc/a?rev=${rev}`; }", rev)
    expect(page.get_by_text(f"Revision {rev}")).to_be_visible()
    page.get_by_role("button", name="Edit from here").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="The present one").click()
    expect(page.get_by_text("These are edits that were not saved yet.")).to_be_visible()
    expect(area(page)).to_have_value('{"typed": 1')
