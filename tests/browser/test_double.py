"""A test server's own page: journal, faults, snapshots, and requests to take elsewhere."""

import ast
import json
import re
import shlex
import subprocess
import sys

import pytest

from docstore.testing import run_node_in_thread
from tests.browser.conftest import Site, opened, watched
from tests.browser.turns import Turns

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture(scope="module")
def doubled():
    """A server of this file's own, since its faults hit whoever comes."""
    with run_node_in_thread() as server:
        yield Site(server.url, server.node)


@pytest.fixture(scope="module")
def turns(browser, doubled):
    one = Turns(lambda: watched(browser, doubled))
    yield one
    one.close()


@pytest.fixture
def view(turns, doubled):
    with turns.turn() as page:
        page.goto(doubled.page("/test-server"))
        expect(page.get_by_role("heading", name="Journal")).to_be_visible()
        yield page


def journal(page):
    return page.get_by_role("grid", name="Requests, newest first")


COPIES = """async () => {
  const {asCurl, asPytest} = await import('./js/double/copies.js');
  const {requests} = await (await fetch('../_docstore/requests?method=PUT&database=asked&document=o*')).json();
  return [asCurl(requests[0], new URL('../', location.href)), asPytest(requests[0])];
}"""

HOSTILE = """async (request) => {
  const {asCurl, asPytest} = await import('./js/double/copies.js');
  return [asCurl(request, new URL('../', location.href)), asPytest(request)];
}"""
""


@pytest.fixture(scope="module")
def asked(doubled):
    """A request with what has to be quoted."""
    doubled.database("asked")
    doubled.ask("PUT", "asked/o'neill", '{"name": "O\'Neill \N{SNOWMAN}"}')


def test_requests_come_in_and_can_be_taken_elsewhere(view, doubled, asked):
    view.get_by_label("Filter requests").fill("neill")
    journal(view).get_by_role("row", name=re.compile("neill")).last.click()
    expect(view.get_by_label("Request", exact=True)).to_contain_text("O'Neill \N{SNOWMAN}")
    curl, test = view.evaluate(COPIES)
    words = shlex.split(curl)
    assert words[:5] == ["curl", "-gi", "--path-as-is", "-X", "PUT"]
    assert words[5] == f"{doubled.url}/asked/o'neill"
    assert json.loads(words[words.index("--data-raw") + 1]) == {"name": "O'Neill \N{SNOWMAN}"}
    assert "def test_put_asked_o_neill" in test
    compile(test, "copied", "exec")


def test_a_copied_command_asks_this_server_and_reads_no_file(view, doubled):
    request = {"method": "POST", "headers": [["Authorization", "(hidden)"]], "body_size": 12, "status": 201}
    for target, path in (
        ("//evil.example/x", "//evil.example/x"),
        ("http://evil.example/x/../y", "/x/../y"),
        ('/db/_all_docs?keys=["a b"]', '/db/_all_docs?keys=["a%20b"]'),
    ):
        curl, test = view.evaluate(HOSTILE, request | {"target": target, "body": "@/etc/passwd"})
        words = shlex.split(curl)
        assert words[:6] == ["curl", "-gi", "--path-as-is", "-X", "POST", doubled.url + path]
        assert words[-2:] == ["--data-raw", "@/etc/passwd"]
        compile(test, "copied", "exec")
    curl, _ = view.evaluate(HOSTILE, request | {"method": "HEAD", "target": "/db", "body": "", "body_size": 0})
    assert shlex.split(curl)[:5] == ["curl", "-gi", "--path-as-is", "-I", f"{doubled.url}/db"]


def test_any_character_is_copied_into_a_test(view):
    text = 'é \N{SNOWMAN} \N{GRINNING FACE} \x7f \\ " \n'
    request = {"method": "PUT", "target": "/db/d", "headers": [], "body": text, "body_size": 0, "status": None}
    _, test = view.evaluate(HOSTILE, request)
    found = [node.value for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Constant)]
    assert text in found


@pytest.mark.long
def test_a_copied_test_runs_by_itself(view, asked, tmp_path):
    _, test = view.evaluate(COPIES)
    (tmp_path / "test_copied.py").write_text(test.replace("/asked/", "/made/").replace("== 201", "== 404"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_copied.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_fault_is_armed_strikes_and_is_disarmed(view, doubled):
    doubled.database("broken")
    view.get_by_role("button", name="Arm a fault").click()
    dialog = view.get_by_role("dialog")
    dialog.get_by_label("Begin with").select_option(label="503 three times, then well")
    rule = dialog.get_by_label("Rule")
    rule.fill(json.dumps({"id": "mine", "match": {"database": "broken"}, "action": {"type": "answer", "status": 503}}))
    dialog.get_by_role("button", name="Arm", exact=True).click()
    faults = view.get_by_role("region", name="Faults")
    expect(faults.get_by_role("row", name=re.compile("mine"))).to_be_visible()
    with pytest.raises(OSError, match="503"):
        doubled.ask("GET", "broken")
    expect(faults.get_by_role("row", name=re.compile("mine")).get_by_role("cell").nth(3)).to_have_text("1")
    expect(journal(view).get_by_role("row", name=re.compile("broken 503 .*mine"))).to_be_visible()
    faults.get_by_role("button", name="Disarm", exact=True).click()
    expect(faults.get_by_text("No fault is armed.")).to_be_visible()
    assert doubled.ask("GET", "broken")["db_name"] == "broken"


def test_a_rule_that_cannot_be_is_told(view):
    view.get_by_role("button", name="Arm a fault").click()
    view.get_by_role("dialog").get_by_label("Rule").fill('{"action": "explode"}')
    view.get_by_role("dialog").get_by_role("button", name="Arm", exact=True).click()
    expect(view.get_by_role("dialog").get_by_role("alert")).to_contain_text("explode")


def test_snapshots_are_taken_and_restored(view, doubled):
    doubled.database("kept", [{"_id": "before"}])
    view.get_by_label("Name of the snapshot").fill("good")
    view.get_by_role("button", name="Take a snapshot").click()
    stage = view.get_by_role("region", name="Snapshots and clock")
    good = stage.get_by_role("listitem").filter(has_text="good")
    expect(good).to_be_visible()
    doubled.ask("DELETE", "kept")
    good.get_by_role("button", name="Restore").click()
    view.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(view.get_by_text("good is restored.")).to_be_visible()
    assert doubled.ask("GET", "kept")["doc_count"] == 1
    stage.get_by_role("button", name="Advance the clock").click()
    expect(stage.get_by_text("3,600 seconds ahead")).to_be_visible()


def test_the_place_is_named_where_there_is_one(browser, doubled):
    with opened(browser, doubled, idle=True) as page:
        page.goto(doubled.page("/"))
        expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Test server")).to_be_visible()


def test_the_journal_is_paused_and_cleared_and_all_is_reset(view, doubled):
    requests = journal(view)
    doubled.database("seen_1")
    expect(requests.get_by_role("row", name=re.compile("PUT .seen_1 "))).to_be_visible()
    view.locator("h1").click()
    view.keyboard.press("p")
    expect(view.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")
    doubled.database("seen_2")
    with view.expect_response(re.compile("/_docstore/")):  # whatever else is looked at
        view.get_by_role("button", name="Disarm all").click()
    view.get_by_role("button", name="Clear").click()
    expect(requests.get_by_role("row", name=re.compile("PUT"))).to_have_count(0)
    assert [row for row in doubled.ask("GET", "_docstore/requests")["requests"] if row["method"] == "PUT"] == []
    doubled.database("seen_3")
    with view.expect_response(re.compile("/_docstore/faults")):
        view.get_by_role("button", name="Disarm all").click()
    expect(requests.get_by_role("row", name=re.compile("PUT"))).to_have_count(0)
    view.get_by_role("button", name="Pause").click()
    expect(requests.get_by_role("row", name=re.compile("PUT .seen_3 "))).to_be_visible()
    view.get_by_role("button", name="Reset").click()
    view.get_by_role("dialog").get_by_role("button", name="Reset").click()
    expect(view.get_by_text("The server is as new.")).to_be_visible()
    assert not [name for name in doubled.ask("GET", "_all_dbs") if name.startswith("seen")]
