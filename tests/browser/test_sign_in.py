"""Who uses the page: signing in and out, the first administrator, an own password."""

import re

import pytest

from docstore.settings import Admin
from docstore.testing import run_node_in_thread
from tests.browser.conflicted import conflicted
from tests.browser.conftest import ADMIN, Site, opened

expect = pytest.importorskip("playwright.sync_api").expect


def sign_in(page, name, password):
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.keyboard.press("Enter")


def test_nobody_is_led_to_sign_in_and_back(guarded_page, guarded):
    page = guarded_page
    guarded.database("secret", [{"_id": "a"}])
    page.goto(guarded.page("/db/secret/doc/a"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, ADMIN.name, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("401")
    sign_in(page, ADMIN.name, ADMIN.password)
    expect(page.get_by_role("heading", name="a", exact=True)).to_be_visible()
    page.get_by_role("button", name=ADMIN.name).click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(guarded.page("/"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_merge_whose_session_has_ended_goes_on_behind_the_login(guarded_page, guarded):
    page = guarded_page
    conflicted(guarded, "ended")
    page.goto(guarded.page("/db/ended/doc/alien/merge"))
    sign_in(page, ADMIN.name, ADMIN.password)
    expect(page.get_by_text("merged without a question")).to_be_visible()
    page.keyboard.press("2")
    page.get_by_label("Result").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(" ")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save the result").click()
    page.get_by_role("alert").get_by_role("link", name="Sign in").click()
    sign_in(page, ADMIN.name, ADMIN.password)
    expect(page.get_by_text("all decided")).to_be_visible()
    page.get_by_role("button", name="Save the result").click()
    expect(page.get_by_text("Saved as 3-")).to_be_visible()


def test_the_way_back_leads_past_the_login(guarded_page, guarded):
    page = guarded_page
    page.goto(guarded.page("/no/such/view"))
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    page.evaluate("location.hash = '#/server/users'")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    page.go_forward()
    sign_in(page, ADMIN.name, ADMIN.password)
    expect(page.get_by_role("heading", name="Administrators")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_a_user_opens_what_they_may_by_name_and_changes_their_password(guarded_page, guarded):
    page = guarded_page
    user = {"name": "sue", "type": "user", "roles": [], "password": "first", "number": 12345678901234567890}
    guarded.ask("PUT", "_users/org.couchdb.user:sue", user)
    guarded.ask("PUT", guarded.database("hers", [{"_id": "a"}]) + "/_security", {"members": {"names": ["sue"]}})
    page.goto(guarded.page("/login"))
    sign_in(page, "sue", "first")
    page.get_by_label("Name of a database").fill("hers")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="a", exact=True)).to_be_visible()
    page.goto(guarded.page("/account"))
    page.get_by_label("New password", exact=True).fill("second")
    page.get_by_label("New password once more").fill("second")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Ask an administrator")
    guarded.ask("PUT", "_node/_local/_config/couchdb/users_db_security_editable", '"true"')
    guarded.ask("PUT", "_users/_security", {})
    page.keyboard.press("Enter")
    expect(page.get_by_text("The password is changed.")).to_be_visible()
    assert guarded.ask("GET", "_users/org.couchdb.user:sue")["number"] == 12345678901234567890


def test_an_administrator_changes_their_password(guarded_page, guarded):
    page = guarded_page
    where = "_node/_local/_config/admins/boss"
    guarded.ask("PUT", where, '"first"')
    page.goto(guarded.page("/login"))
    sign_in(page, "boss", "first")
    expect(page.get_by_role("heading", name="Databases")).to_be_visible()
    page.goto(guarded.page("/account"))
    page.get_by_label("New password", exact=True).fill("second")
    page.get_by_label("New password once more").fill("second")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The password is changed.")).to_be_visible()
    boss = Site(guarded.url, None, Admin("boss", "second"))
    assert boss.ask("GET", "_session")["userCtx"]["roles"] == ["_admin"]
    guarded.ask("DELETE", where)


def test_the_first_administrator(browser):
    with run_node_in_thread() as server, opened(browser, site := Site(server.url, server.node)) as page:
        page.goto(site.page("/"))
        page.get_by_role("link", name="Set up").click()
        page.get_by_label("Password", exact=True).fill("relax")
        page.get_by_label("Password once more").fill("other")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("differ")
        page.get_by_label("Password once more").fill("relax")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="admin")).to_be_visible()
        expect(page).to_have_url(re.compile("#/$"))
        page.goto(site.page("/setup"))
        expect(page.get_by_text("This server has an administrator already.")).to_be_visible()
