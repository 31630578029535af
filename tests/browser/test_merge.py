"""Merges by hand, as somebody goes through them."""

import json
import re
import time

import pytest

from tests.browser.conflicted import BEFORE, OTHER, WINNER, conflicted, leaf
from tests.browser.conftest import opened
from tests.browser.turns import listening

expect = pytest.importorskip("playwright.sync_api").expect


def desk(page, site, name, doc_id="alien"):
    """The merge of a document, ready for keys."""
    page.goto(site.page(f"/db/{name}/doc/{doc_id}/merge"))
    expect(page.get_by_text("merged without a question")).to_be_visible()


def open_merge(page, site, **refused):
    """What the view of a document does when its edit is refused."""
    page.goto(site.page("/"))
    page.evaluate("async (edit) => (await import('./js/views/merge.js')).openMerge(edit)", refused)


def test_each_clash_is_chosen_by_a_key(page, site):
    conflicted(site, "by_key")
    desk(page, site, "by_key")
    expect(page.get_by_text("1 clash, 1 to be decided; 2 changes merged without a question.")).to_be_visible()
    save = page.get_by_role("button", name="Save the result")
    expect(save).to_be_disabled()
    page.keyboard.press("2")
    expect(save).to_be_enabled()
    page.keyboard.press("s")
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    after = site.ask("GET", "by_key/alien?conflicts=true", text=True)
    assert '"big":12345678901234567890' in after
    assert {"year": 1980, "genres": ["horror", "space", "crew"], "director": "Ridley Scott"}.items() <= json.loads(
        after
    ).items()
    assert "_conflicts" not in after


def test_by_clicks_and_with_the_result_edited(page, site):
    conflicted(site, "by_click")
    desk(page, site, "by_click")
    page.get_by_role("group", name="Alternatives").get_by_role("button", name=re.compile("Ancestor")).click()
    result = page.get_by_label("Result")
    expect(result).to_have_value(re.compile('"year": 1978'))
    result.fill(result.input_value().replace('"Alien"', '"Alien", "seen": 1.0'))
    page.get_by_label("All places").check()
    page.get_by_role("row", name=re.compile("director")).click()
    page.get_by_role("group", name="Alternatives").get_by_role("button", name=re.compile("Winner")).click()
    page.get_by_role("button", name="Save the result").click()
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    after = site.ask("GET", "by_click/alien", text=True)
    assert '"seen":1.0' in after
    assert "director" not in after


def test_what_was_chosen_and_typed_outlives_the_page(page, site):
    conflicted(site, "kept")
    desk(page, site, "kept")
    page.keyboard.press("2")
    result = page.get_by_label("Result")
    expect(result).to_have_value(re.compile('"year": 1980'))
    result.fill(result.input_value().replace("Ridley", "Sir Ridley"))
    page.reload()
    expect(result).to_have_value(re.compile("Sir Ridley"))
    expect(page.get_by_text("1 clash, all decided")).to_be_visible()
    page.get_by_role("button", name="Begin anew").click()
    expect(result).not_to_have_value(re.compile("Sir Ridley"))


def test_text_that_is_no_json_is_not_sent(page, site):
    conflicted(site, "no_json")
    desk(page, site, "no_json")
    page.keyboard.press("1")
    result = page.get_by_label("Result")
    result.fill(result.input_value().replace(": 1979,", ": 1979"))
    page.get_by_role("button", name="Save the result").click()
    expect(page.get_by_role("alert")).to_contain_text("comma")
    assert site.ask("GET", "no_json/_conflicts")["total_rows"] == 1


def test_three_leaves_are_merged_one_after_the_other(page, site):
    conflicted(site, "three")
    third = leaf("alien", "2-3333", BEFORE | {"rating": 9}, "5d1c")
    site.ask("POST", "three/_bulk_docs", {"new_edits": False, "docs": [third]})
    desk(page, site, "three")
    page.keyboard.press("1")
    page.get_by_role("button", name="Next: leaf 2 of 2").click()
    expect(page.get_by_role("button", name="Save the result")).to_be_enabled()
    page.keyboard.press("s")
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    after = site.ask("GET", "three/alien?conflicts=true")
    assert (after["rating"], after["year"], after["director"]) == (9, 1979, "Ridley Scott")
    assert "_conflicts" not in after


def test_leaves_that_came_meanwhile_are_not_passed_over(page, site):
    conflicted(site, "meanwhile")
    desk(page, site, "meanwhile")
    page.keyboard.press("2")
    expect(page.get_by_label("Result")).to_have_value(re.compile("1980"))
    newer = leaf("alien", "3-9999", WINNER | {"seen": True}, "e2a7", "5d1c")
    site.ask("POST", "meanwhile/_bulk_docs", {"new_edits": False, "docs": [newer]})
    page.keyboard.press("s")
    expect(page.get_by_text("changed once more meanwhile")).to_be_visible()
    expect(page.get_by_label("Result")).to_have_value(re.compile('"year": 1980(.|\n)*"seen": true'))
    page.keyboard.press("s")
    expect(page.get_by_text("Saved as 4-")).to_be_visible()
    assert site.ask("GET", "meanwhile/alien")["seen"] is True


def test_an_attachment_of_the_other_leaf_goes_along(page, site):
    database = site.database("attached_leaf")
    data = {"poster": {"content_type": "text/plain", "data": "aGVsbG8="}}
    docs = [
        leaf("d", "1-aa", {"n": 1}),
        leaf("d", "2-bb", {"n": 2}, "aa"),
        leaf("d", "2-11", {"n": 1, "_attachments": data}, "aa"),
    ]
    site.ask("POST", f"{database}/_bulk_docs", {"new_edits": False, "docs": docs})
    desk(page, site, "attached_leaf", "d")
    expect(page.get_by_text("0 clashes, all decided; 2 changes merged without a question.")).to_be_visible()
    page.get_by_role("button", name="Save the result").click()
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    assert site.ask("GET", "attached_leaf/d/poster", text=True) == "hello"


def test_an_edit_that_was_refused_is_merged(page, site):
    site.database("refused")
    base = site.ask("PUT", "refused/d", {"a": 1, "b": 1})["rev"]
    site.ask("PUT", f"refused/d?rev={base}", {"a": 1, "b": 2})
    open_merge(
        page,
        site,
        db="refused",
        id="d",
        base=base,
        mine=f'{{"_id":"d","_rev":"{base}","a":10000000000000000001,"b":1}}',
    )
    expect(page.get_by_label("Result")).to_have_value('{\n  "a": 10000000000000000001,\n  "b": 2\n}')
    page.keyboard.press("s")
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    assert '"a":10000000000000000001,"b":2' in site.ask("GET", "refused/d", text=True)


def test_a_merge_that_is_left_is_found_at_its_document(page, site):
    site.database("left")
    base = site.ask("PUT", "left/d", {"a": 1, "b": 1})["rev"]
    page.goto(site.page("/db/left/doc/d"))
    text = page.get_by_label("Text of d")
    expect(text).to_have_value(re.compile('"b": 1'))
    site.ask("PUT", f"left/d?rev={base}", {"a": 1, "b": 2})
    text.fill(text.input_value().replace('"a": 1', '"a": 7.0'))
    page.keyboard.press("Control+s")
    result = page.get_by_label("Result")
    result.fill(result.input_value().replace("7.0", "8.0"))
    page.evaluate("location.hash = '#/db/left/doc/d'")
    expect(text).to_have_value(re.compile('"a": 7.0'))
    expect(page.get_by_text("A merge of such edits was begun.")).to_be_visible()
    text.focus()
    page.keyboard.press("Control+s")
    expect(result).to_have_value(re.compile('"a": 8.0'))
    site.ask("PUT", f"left/d?rev={site.ask('GET', 'left/d')['_rev']}", {"a": 1, "b": 2, "c": 3})
    with listening(page, "dialog"):
        page.reload()
    expect(result).to_have_value(re.compile('"a": 8.0(.|\n)*"c": 3'))
    page.get_by_role("button", name="Save the result").click()
    expect(page.get_by_text("Saved as 4-")).to_be_visible()
    assert '"a":8.0,"b":2,"c":3' in site.ask("GET", "left/d", text=True)
    expect(text).to_have_value(re.compile('"_rev": "4-'))
    assert page.evaluate("Object.keys(sessionStorage)") == []


def test_the_second_step_of_a_merge_outlives_a_reload(page, site):
    conflicted(site, "second_step")
    third = leaf("alien", "2-3333", BEFORE | {"rating": 9}, "5d1c")
    site.ask("POST", "second_step/_bulk_docs", {"new_edits": False, "docs": [third]})
    desk(page, site, "second_step")
    page.keyboard.press("2")
    page.get_by_role("button", name="Next: leaf 2 of 2").click()
    expect(page.get_by_role("button", name="Save the result")).to_be_enabled()
    result = page.get_by_label("Result")
    result.fill(result.input_value().replace('"Alien"', '"Aliens"'))
    with listening(page, "dialog"):
        page.reload()
    expect(page.get_by_role("button", name="Save the result")).to_be_enabled()
    expect(result).to_have_value(re.compile('"Aliens"(.|\n)*1980(.|\n)*"rating": 9'))
    page.keyboard.press("s")
    expect(page.get_by_text("Saved as 3-")).to_be_visible()


def test_an_edit_of_what_was_deleted_brings_it_back(page, site):
    site.database("refused_deleted")
    base = site.ask("PUT", "refused_deleted/d", {"a": 1})["rev"]
    site.ask("DELETE", f"refused_deleted/d?rev={base}")
    open_merge(page, site, db="refused_deleted", id="d", base=base, mine=f'{{"_id":"d","_rev":"{base}","a":2}}')
    expect(page.get_by_text("was deleted meanwhile")).to_be_visible()
    page.get_by_role("button", name="Save the result").click()
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    assert site.ask("GET", "refused_deleted/d")["a"] == 2


def test_names_and_values_are_text_and_never_markup(page, site):
    evil = "<img src=x onerror=\"document.title='owned'\">"
    database = site.database("evil")
    docs = [
        leaf(evil, "1-aa", {evil: "1"}),
        leaf(evil, "2-bb", {evil: evil}, "aa"),
        leaf(evil, "2-11", {evil: "2"}, "aa"),
    ]
    site.ask("POST", f"{database}/_bulk_docs", {"new_edits": False, "docs": docs})
    for state in ("conflicts", "doc/%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D'owned'%22%3E/merge"):
        page.goto(site.page(f"/db/evil/{state}"))
        expect(page.get_by_text("onerror").first).to_be_visible()
        assert page.locator("main img").count() == 0
        assert "owned" not in page.title().replace(evil, "")


@pytest.mark.parametrize("look", [pytest.param({"dark": True}, marks=pytest.mark.long), {"narrow": True}])
def test_in_the_dark_and_on_a_telephone(browser, site, look):
    name = f"looks_{next(iter(look))}"
    conflicted(site, name)
    with opened(browser, site, **look) as page:
        desk(page, site, name)
        page.keyboard.press("2")
        expect(page.get_by_label("Result")).to_have_value(re.compile(str(OTHER["year"])))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_two_browsers_edit_one_document_and_both_edits_are_in_the_result(browser, site):
    site.database("raced")
    site.ask("PUT", "raced/d", '{"title": "Alien", "year": 1979, "exact": 12345678901234567890}')
    with opened(browser, site) as first, opened(browser, site) as second:
        for page in (first, second):
            page.goto(site.page("/db/raced/doc/d"))
            expect(page.get_by_label("Text of d")).to_have_value(re.compile("1979"))
        text = first.get_by_label("Text of d")
        text.fill(text.input_value().replace('"Alien"', '"Aliens"'))
        first.keyboard.press("Control+s")
        expect(first.get_by_text("Saved as 2-")).to_be_visible()
        text = second.get_by_label("Text of d")
        text.fill(text.input_value().replace("1979", "1986"))
        second.keyboard.press("Control+s")
        expect(second.get_by_role("heading", name="Merge d")).to_be_visible()
        expect(second.get_by_text("0 clashes, all decided; 2 changes merged without a question.")).to_be_visible()
        second.keyboard.press("s")
        expect(second.get_by_text("Saved as 3-")).to_be_visible()
    after = site.ask("GET", "raced/d", text=True)
    assert '"title":"Aliens","year":1986,"exact":12345678901234567890' in after


def test_an_ancestor_that_is_kept_for_merges_alone_still_decides(page, site):
    conflicted(site, "compacted_ancestor")
    site.ask("POST", "compacted_ancestor/_compact", {})
    deadline = time.monotonic() + 30
    while site.ask("GET", "compacted_ancestor/alien/_tree")["nodes"][0]["available"] is True:
        assert time.monotonic() < deadline, "the compaction runs in the background, and should have ended"
        time.sleep(0.02)
    desk(page, site, "compacted_ancestor")
    expect(page.get_by_text("kept for merges alone")).to_be_visible()
    expect(page.get_by_text("1 clash, 1 to be decided; 2 changes merged without a question.")).to_be_visible()
    page.keyboard.press("3")
    expect(page.get_by_role("button", name="Save the result")).to_be_disabled()
    page.keyboard.press("1")
    page.keyboard.press("s")
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    after = site.ask("GET", "compacted_ancestor/alien")
    assert (after["genres"], after["director"]) == (["horror", "space", "crew"], "Ridley Scott")


def test_both_items_are_taken_and_the_next_clash_is_found_by_keys(page, site):
    database = site.database("both_items")
    bodies = [{"list": [{"n": 0}], "x": 0}, {"list": [{"n": 1}, {"n": 2}], "x": 1}, {"list": [{"n": 3}], "x": 2}]
    bodies[2]["list"] = [{"n": 3}, {"n": 4}, {"n": 5}]
    docs = [leaf("d", "1-aa", bodies[0]), leaf("d", "2-bb", bodies[1], "aa"), leaf("d", "2-11", bodies[2], "aa")]
    site.ask("POST", f"{database}/_bulk_docs", {"new_edits": False, "docs": docs})
    desk(page, site, "both_items", "d")
    expect(page.get_by_text("2 clashes, 2 to be decided")).to_be_visible()
    places = page.get_by_role("grid", name="Places that differ")
    active = places.locator(".active")
    expect(active).to_contain_text("/list/0")
    page.keyboard.press("n")
    expect(active).to_contain_text("/x")
    page.keyboard.press("n")
    expect(active).to_contain_text("/list/0")
    page.keyboard.press("4")
    expect(active).to_contain_text("/x")
    page.keyboard.press("2")
    page.keyboard.press("s")
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    after = site.ask("GET", "both_items/d")
    assert after["list"] == [{"n": number} for number in range(1, 6)]
    assert after["x"] == 2
