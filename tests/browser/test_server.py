"""The views of the server: metrics, users, settings, CORS."""

import logging
import re

import pytest

from docstore.settings import Admin
from tests.browser.conftest import ADMIN, Site
from tests.browser.turns import Held

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
    expect(page.get_by_role("img", name=re.compile(r"^Memory: [\d.]+ [MG]iB"))).to_be_visible()


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
    expect(page.get_by_role("button", name="Remove second")).to_be_visible()
    page.get_by_role("button", name="New administrator").click()
    dialog.get_by_label("Name").fill("second")
    for label in ("Password", "Password once more"):
        dialog.get_by_label(label, exact=True).fill("taken over")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("There is an administrator of this name.")
    page.keyboard.press("Escape")
    page.get_by_role("listitem").filter(has_text="second").get_by_role("button", name="Password").click()
    for label in ("Password", "Password once more"):
        dialog.get_by_label(label, exact=True).fill("other")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert Site(guarded.url, None, Admin("second", "other")).ask("GET", "_session")["userCtx"]["name"] == "second"
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
    page.get_by_role("button", name="Change uuids/max_count").click()
    page.get_by_role("dialog").get_by_label("Value").fill("78")
    page.get_by_label("Also after a restart").uncheck()
    page.keyboard.press("Enter")
    expect(page.get_by_role("cell", name="78", exact=True)).to_be_visible()
    page.get_by_role("button", name="Read the files again").click()
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


def test_roles_with_commas_are_left_alone(admins_page, guarded):
    page = admins_page
    guarded.ask("PUT", "_users/org.couchdb.user:comma", {"name": "comma", "type": "user", "roles": ["a,b"]})
    page.goto(guarded.page("/server/users?filter=comma"))
    page.get_by_role("row", name=re.compile("comma")).dblclick()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Roles")).not_to_be_editable()
    dialog.get_by_label("Password", exact=True).fill("pw")
    dialog.get_by_label("Password once more").fill("pw")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("comma is saved.")).to_be_visible()
    assert guarded.ask("GET", "_users/org.couchdb.user:comma")["roles"] == ["a,b"]


def test_the_tail_of_the_log_and_what_went_wrong_lately(admins_page, guarded):
    page = admins_page
    logger = logging.getLogger("docstore.test_server")
    logger.warning("a disk <b>creaks</b>")
    page.goto(guarded.page("/server/log?level=warning"))
    lines = page.get_by_role("grid", name="Lines, newest first")
    expect(
        lines.get_by_role("row", name=re.compile("warning a disk <b>creaks<.b> docstore.test_server"))
    ).to_be_visible()
    try:
        raise ValueError("why it broke")
    except ValueError:
        logger.exception("it broke")
    broken = lines.get_by_role("row", name=re.compile("error it broke"))
    expect(broken).to_be_visible()
    broken.click()
    expect(page.get_by_label("The whole line")).to_contain_text("ValueError: why it broke")
    page.get_by_role("button", name="Pause").click()
    logger.error("it broke again")
    page.get_by_label("Filter lines").fill("broke")
    expect(lines.get_by_role("row", name=re.compile("creaks"))).to_have_count(0)
    page.get_by_label("From this level on").select_option("error")
    expect(page).to_have_url(re.compile("level=error&filter=broke$"))
    page.get_by_role("button", name="Pause").click()
    expect(lines.get_by_role("row", name=re.compile("it broke again"))).to_be_visible()
    page.goto(guarded.page("/server"))
    lately = page.get_by_role("region", name="Problems")
    expect(lately.get_by_role("heading", name=re.compile("problems in the last hour"))).to_be_visible()
    expect(lately.get_by_role("row").first).to_contain_text("it broke again")
    lately.get_by_role("link", name="The log").click()
    expect(lines.get_by_role("row", name=re.compile("creaks"))).to_be_visible()


def test_the_log_is_not_for_everybody(guarded_page, guarded):
    page = guarded_page
    page.goto(guarded.page("/server/log"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_server_that_is_gone_is_told_once(page, site):
    page.goto(site.page("/server"))
    expect(page.get_by_role("img", name=re.compile("^Memory"))).to_be_visible()
    asked = []

    def gone(route):
        asked.append(route.request.url)
        route.abort()

    page.route(re.compile("/_prometheus"), gone)
    expect(page.get_by_role("alert")).to_have_text("The server does not answer.")
    while len(asked) < 3:
        page.wait_for_event("requestfailed")
    expect(page.get_by_role("alert")).to_have_count(1)
    page.evaluate(
        "async () => { const {tellFailure} = await import('./js/components/toast.js');"
        "for (const word of ['one', 'two', 'one']) tellFailure(new Error(word)); }"
    )
    assert page.locator("#toasts .failed span").all_inner_texts() == ["two", "one"]
    page.unroute_all()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_was_typed_last_counts(admins_page, guarded):
    page = admins_page
    for name in ("early", "later"):
        guarded.ask("PUT", f"_users/org.couchdb.user:{name}", {"name": name, "type": "user", "roles": []})
    page.goto(guarded.page("/server/users"))
    expect(page.get_by_role("row", name="early")).to_be_visible()
    held = Held(page, "/_users/_all_docs.*user%3Aearly")
    filter_of_names = page.get_by_label("Names that begin with")
    filter_of_names.fill("early")
    held.first()
    filter_of_names.fill("later")
    expect(page.get_by_role("row", name="early")).to_have_count(0)
    with page.expect_response(re.compile("user%3Aearly")):
        held.let_go()
    expect(page.get_by_text("1 user", exact=True)).to_be_visible()
    expect(page.get_by_role("row", name="later")).to_be_visible()
