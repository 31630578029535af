"""A database as a whole: security, limits, compaction, deletion."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


def test_security_keeps_what_it_does_not_show(page, site):
    db = site.database("secured")
    site.ask("PUT", f"{db}/_security", {"members": {"names": ["a"], "roles": []}, "own": {"__proto__": [2**60 + 1]}})
    page.goto(site.page("/db/secured/settings"))
    members = page.get_by_role("group", name="Members")
    expect(members.get_by_label("Names")).to_have_value("a")
    members.get_by_label("Roles").fill("dev, ops")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Security is saved.")).to_be_visible()
    stored = site.ask("GET", f"{db}/_security")
    assert stored["members"] == {"names": ["a"], "roles": ["dev", "ops"]}
    assert stored["own"] == {"__proto__": [2**60 + 1]}


def test_what_nobody_changed_stays_and_what_others_changed_too(page, site):
    db = site.database("shared_security")
    before = {"members": {"names": ["Smith, John"], "roles": []}, "admins": {"names": ["ann"]}}
    site.ask("PUT", f"{db}/_security", before)
    page.goto(site.page("/db/shared_security/settings"))
    expect(page.get_by_role("group", name="Members").get_by_label("Names")).not_to_be_editable()
    page.get_by_role("group", name="Admins").get_by_label("Names").fill("ann, zoe")
    save = page.get_by_role("button", name="Save").first
    save.click()
    expect(page.get_by_text("Security is saved.")).to_be_visible()
    after = before | {"admins": {"names": ["ann", "zoe"]}}
    assert site.ask("GET", f"{db}/_security") == after
    page.get_by_role("group", name="Admins").get_by_label("Names").fill("ann")
    save.click()
    expect(page.get_by_text("Security is saved.")).to_have_count(2)
    site.ask("PUT", f"{db}/_security", after)
    page.get_by_role("group", name="Admins").get_by_label("Names").fill("")
    save.click()
    expect(page.get_by_text("412")).to_be_visible()
    assert site.ask("GET", f"{db}/_security") == after


def test_limits_and_compaction(page, site):
    db = site.database("limited", [{"_id": "a"}])
    page.goto(site.page("/db/limited/settings"))
    page.get_by_label("Revisions of a branch that are remembered").fill("7")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert site.ask("GET", f"{db}/_revs_limit") == 7
    page.get_by_label("Purges that are remembered").fill("9")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_have_count(2)
    assert site.ask("GET", f"{db}/_purged_infos_limit") == 9
    with page.expect_response(re.compile("/limited/_compact$")) as told:
        page.get_by_role("button", name="Compact").click()
    expect(page.get_by_text("Compaction has begun.")).to_be_visible()
    assert told.value.status == 202
    with page.expect_response(re.compile("/limited/_view_cleanup$")) as told:
        page.get_by_role("button", name="Drop unused indexes").click()
    expect(page.get_by_text("Indexes that no view needs are dropped.")).to_be_visible()
    assert told.value.status == 202


def test_security_as_json(page, site):
    db = site.database("as_json")
    page.goto(site.page("/db/as_json/settings"))
    page.get_by_role("button", name="As JSON").click()
    dialog = page.get_by_role("dialog")
    text = dialog.get_by_label("The security object")
    text.fill('{"members": {"roles": ["dev"]}, "big": 12345678901234567890')
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Line 1:")
    text.fill(text.input_value() + "}")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("group", name="Members").get_by_label("Roles")).to_have_value("dev")
    assert '"big":12345678901234567890' in site.ask("GET", f"{db}/_security", text=True)


def test_a_database_goes_when_its_name_is_typed(page, site):
    site.database("gone", [{"_id": "a"}])
    page.goto(site.page("/db/gone/settings"))
    page.get_by_role("button", name="Delete this database").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Type the name").fill("gon")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("That is not its name.")
    dialog.get_by_label("Type the name").fill("gone")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/$"))
    assert "gone" not in site.ask("GET", "_all_dbs")
