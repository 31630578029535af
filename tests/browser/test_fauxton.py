"""An unmodified Fauxton, CouchDB's own page, used as its users use it."""

import json
import os
import re
from pathlib import Path

import pytest

from docstore.settings import Admin
from docstore.testing import run_node_in_thread
from tests.browser.conftest import WIDE, Site

expect = pytest.importorskip("playwright.sync_api").expect

BUILT = Path(os.environ.get("FAUXTON") or Path(__file__).parents[2] / "build" / "fauxton" / "dist" / "release")
ADMIN = Admin("root", "relax")
EXPECTED = {("GET", "verifytestdb"), ("GET", "verifytestdb_replicate")}
"""What Fauxton looks for and need not be there."""
ATTEMPTS = 5
"""How often a text that Fauxton replaced is written again."""

pytestmark = pytest.mark.skipif(
    not (BUILT / "index.html").is_file(), reason="no built Fauxton (make build/fauxton, or FAUXTON=.../dist/release)"
)


@pytest.fixture(scope="module")
def served():
    with run_node_in_thread(admin=ADMIN, utils=BUILT) as server:
        site = Site(server.url, server.node, ADMIN)
        for name in ("_users", "_replicator"):
            site.database(name)
        yield site


@pytest.fixture(scope="module")
def signed_in(browser, served):
    """Cookies of the admin, who signed in by Fauxton's own form, with what the server refused and the console said."""
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    refused = []

    def look(reply):
        path = reply.url.removeprefix(served.url + "/").partition("?")[0]
        if reply.status >= 400 and (reply.request.method, path) not in EXPECTED:
            refused.append((reply.status, reply.request.method, path))

    context.on("response", look)
    context.on("weberror", lambda error: refused.append(str(error.error)))
    page = context.new_page()
    page.goto(f"{served.url}/_utils/#login")
    page.fill("#username", ADMIN.name)
    page.fill("#password", ADMIN.password)
    page.click("#submit")
    expect(page.get_by_text("Create Database")).to_be_visible()
    page.close()
    yield context, refused
    context.close()


@pytest.fixture
def fauxton(signed_in, served):
    """Fauxton in a page of its own. What the server refused, and what the console said, fails the test."""
    context, refused = signed_in
    page = context.new_page()
    yield lambda state: show(page, served, state)
    page.close()
    told = refused[:]
    refused.clear()
    assert told == []


def show(page, served, state):
    page.goto(f"{served.url}/_utils/#/{state}")
    return page


def send_text(page, value, button):
    """What its editor holds is sent. Lists that arrive late put its default text back, so what went out is looked at.

    The editor is Ace, which takes keys and no values.
    """
    text = json.dumps(value)
    for _ in range(ATTEMPTS):
        page.evaluate("(text) => ace.edit(document.querySelector('.ace_editor')).setValue(text)", text)
        with page.expect_request(lambda request: request.method in ("POST", "PUT")) as sent:
            page.get_by_role("button", name=button).click()
        if value.items() <= json.loads(sent.value.post_data).items():
            return
        page.wait_for_load_state("networkidle")
    raise AssertionError(f"Fauxton did not send {text}")


def test_its_own_verification_passes(fauxton):
    page = fauxton("verifyinstall")
    page.get_by_role("button", name="Verify Installation").click()
    for step in (
        "Create Database",
        "Create Document",
        "Update Document",
        "Delete Document",
        "Create View",
        "Replication",
    ):
        expect(page.get_by_role("row", name=re.compile(step))).to_contain_text("✓", timeout=30_000)


def test_a_database_is_made_and_listed(fauxton, served):
    page = fauxton("_all_dbs")
    page.get_by_text("Create Database").click()
    page.get_by_placeholder("database-name").fill("by_fauxton")
    page.locator("#non-partitioned-db").check()
    page.locator("#js-create-database").click()
    expect(page).to_have_url(re.compile("database/by_fauxton/_all_docs"))
    assert served.ask("GET", "by_fauxton")["doc_count"] == 0


def test_documents_are_listed_and_edited(fauxton, served):
    served.database("fx_docs", [{"_id": f"d{at}", "n": at} for at in range(3)])
    page = fauxton("database/fx_docs/_all_docs")
    expect(page.get_by_text("d2").first).to_be_visible()
    page = fauxton("database/fx_docs/d1")
    expect(page.locator(".ace_content")).to_contain_text('"n"')
    rev = served.ask("GET", "fx_docs/d1")["_rev"]
    send_text(page, {"_id": "d1", "_rev": rev, "n": "by fauxton"}, "Save Changes")
    expect(page).to_have_url(re.compile("_all_docs"))
    assert served.ask("GET", "fx_docs/d1")["n"] == "by fauxton"


def test_conflicts_are_shown(fauxton, served):
    served.database("fx_conflicts")
    docs = [{"_id": "d", "_rev": f"1-{rev}{rev}", "n": rev} for rev in "ab"]
    served.ask("POST", "fx_conflicts/_bulk_docs", {"new_edits": False, "docs": docs})
    page = fauxton("database/fx_conflicts/d/conflicts")
    expect(page.get_by_text("1-aa").first).to_be_visible()


def test_mango_queries_and_indexes(fauxton, served):
    served.database("fx_mango", [{"_id": f"d{at}", "n": at} for at in range(3)])
    page = fauxton("database/fx_mango/_index")
    send_text(page, {"index": {"fields": ["n"]}, "name": "by-n", "type": "json"}, "Create index")
    expect(page.get_by_text("json: n").first).to_be_visible()
    page = fauxton("database/fx_mango/_find")
    send_text(page, {"selector": {"n": {"$gt": 0}}}, "Run Query")
    expect(page.get_by_text("d2").first).to_be_visible()


def test_design_documents_and_their_views(fauxton, served):
    served.database("fx_views", [{"_id": f"d{at}", "n": at} for at in range(3)])
    page = fauxton("database/fx_views/new_view")
    page.get_by_placeholder("Name", exact=True).or_(page.locator("#new-ddoc")).first.fill("app")
    page.locator("#index-name").fill("by_id")
    page.get_by_role("button", name="Create Document and then Build Index").click()
    expect(page).to_have_url(re.compile("_design/app/_view/by_id"))
    expect(page.get_by_text("d2").first).to_be_visible()
    assert "emit" in served.ask("GET", "fx_views/_design/app")["views"]["by_id"]["map"]


def test_changes_tasks_permissions_and_configuration(fauxton, served):
    served.database("fx_rest", [{"_id": "changed"}])
    expect(fauxton("database/fx_rest/_changes").get_by_text("changed").first).to_be_visible()
    expect(fauxton("database/fx_rest/permissions").get_by_text("Database members can access").first).to_be_visible()
    expect(fauxton("activetasks").get_by_text("No active tasks.")).to_be_visible()
    node = served.ask("GET", "_membership")["all_nodes"][0]
    expect(fauxton(f"_config/{node}").get_by_text("max_document_size").first).to_be_visible()
    expect(fauxton(f"_config/{node}/cors").get_by_text("CORS is currently").first).to_be_visible()
    expect(fauxton("setup").get_by_text("configured for production usage as a single node")).to_be_visible()


def test_replications_are_listed(fauxton, served):
    served.database("fx_source", [{"_id": "d"}])
    auth = {"basic": {"username": ADMIN.name, "password": ADMIN.password}}
    ends = {
        name: {"url": f"{served.url}/{db}", "auth": auth}
        for name, db in (("source", "fx_source"), ("target", "fx_target"))
    }
    served.ask("PUT", "_replicator/fx", ends | {"create_target": True})
    page = fauxton("replication")
    expect(page.get_by_text("fx_source").first).to_be_visible()
    expect(fauxton("replication/_create").get_by_text("Source").first).to_be_visible()


def test_an_administrator_is_made(fauxton, served):
    node = served.ask("GET", "_membership")["all_nodes"][0]
    page = fauxton("addAdmin")
    page.locator("#username").fill("second")
    page.locator("#password").fill("also relaxed")
    page.get_by_role("button", name="Create Admin").click()
    expect(page.get_by_text("CouchDB admin created").first).to_be_visible()
    assert "second" in served.ask("GET", f"_node/{node}/_config/admins")
