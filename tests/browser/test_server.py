"""The views of the server: metrics, users, settings, CORS."""

import re

import pytest

from tests.browser.conftest import ADMIN

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def admins_page(guarded_page, guarded):
    """A page whose user administers the server."""
    page = guarded_page
    page.goto(guarded.page("/login"))
    page.get_by_label("Name").fill(ADMIN.name)
    page.get_by_label("Password", exact=True).fill(ADMIN.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Databases")).to_be_visible()
    return page


def test_metrics_are_charted_and_conflicts_counted(page, site):
    db = site.database("metered", [{"_id": "torn & <tried>"}])
    with pytest.raises(OSError, match="409"):
        site.ask("POST", db, {"_id": "torn & <tried>"})
    page.goto(site.page("/server"))
    expect(page.get_by_role("heading", name=re.compile("edits? refused since the start"))).to_be_visible()
    expect(page.get_by_role("link", name="metered: torn & <tried>")).to_be_visible()
    expect(page.locator(".spark polyline").first).to_be_attached()
    expect(page.get_by_role("img", name=re.compile(r"^Memory: [\d.]+ MiB"))).to_be_visible()


def test_users_are_made_changed_and_deleted(admins_page, guarded):
    page = admins_page
    page.goto(guarded.page("/server/users"))
    page.get_by_role("button", name="New user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("ann ü")
    dialog.get_by_label("Roles").fill("dev, ops")
    dialog.get_by_label("Password", exact=True).fill("pw")
    dialog.get_by_label("Password once more").fill("pw")
    page.keyboard.press("Enter")
    row = page.get_by_role("row", name=re.compile("ann ü"))
    expect(row).to_contain_text("dev, ops")
    where = "_users/org.couchdb.user:ann%20%C3%BC"
    hashed = guarded.ask("GET", where)["derived_key"]
    row.click()
    page.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Roles").fill("dev")
    page.keyboard.press("Enter")
    expect(row).not_to_contain_text("ops")
    assert guarded.ask("GET", where)["derived_key"] == hashed
    row.dblclick()
    dialog.get_by_label("Delete this user").check()
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_have_count(0)


def test_an_administrator_more_and_one_less(admins_page, guarded):
    page = admins_page
    page.goto(guarded.page("/server/users"))
    page.get_by_role("button", name="New administrator").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("second")
    dialog.get_by_label("Password", exact=True).fill("pw")
    dialog.get_by_label("Password once more").fill("pw")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove second").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Remove second")).to_have_count(0)
    assert "second" not in guarded.ask("GET", "_node/_local/_config/admins")


def test_a_setting_is_changed_and_set_back(page, site):
    page.goto(site.page("/server/config?filter=uuids"))
    before = site.ask("GET", "_node/_local/_config/uuids/max_count")
    page.get_by_role("button", name="Change uuids/max_count").click()
    page.get_by_role("dialog").get_by_label("Value").fill("77")
    page.keyboard.press("Enter")
    expect(page.get_by_role("cell", name="77", exact=True)).to_be_visible()
    page.get_by_role("button", name="Change uuids/max_count").click()
    page.get_by_role("dialog").get_by_label("Value").fill("many")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("400")
    page.get_by_role("dialog").get_by_label("Back to what counted").check()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell", name=before, exact=True)).to_be_visible()


def test_cors(page, site):
    page.goto(site.page("/server/cors"))
    page.get_by_label("Let pages of other origins in").check()
    page.get_by_role("textbox", name="Origins").fill("*")
    page.get_by_label("With cookies").check()
    expect(page.get_by_text("Pages of any origin, and with the credentials")).to_be_visible()
    page.get_by_label("With cookies").uncheck()
    page.get_by_role("textbox", name="Origins").fill("https://app.example.com")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved; it counts at once.")).to_be_visible()
    told = site.ask("GET", "_api/v2/user/config/cors")
    assert told == {"enable_cors": True, "allow_credentials": False, "origins": ["https://app.example.com"]}
    site.ask("PUT", "_api/v2/user/config/cors", {"enable_cors": False, "allow_credentials": False, "origins": []})
