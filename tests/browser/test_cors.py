"""PouchDB on a page of another origin, with and without credentials: what CORS lets through, and what it does not."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docstore.testing import run_node_in_thread
from tests.browser.conftest import ADMIN, TIMEOUT, Site

POUCHDB = Path(__file__).parents[1] / "clients" / "node_modules" / "pouchdb" / "dist"

pytestmark = pytest.mark.skipif(
    not (POUCHDB / "pouchdb.min.js").is_file(), reason="PouchDB is not installed (npm ci in tests/clients)"
)

SYNCED = """async ([url, how]) => {
  const local = new PouchDB(`local-${Math.random()}`);
  const options = {};
  if (how === "omit") {
    options.fetch = (target, asked) => PouchDB.fetch(target, {...asked, credentials: "omit"});
  } else if (how !== "cookie") {
    options.auth = how;
  }
  const remote = new PouchDB(url, options);
  try {
    await local.bulkDocs([{_id: "a", v: 1}, {_id: "b", v: 2}]);
    await local.putAttachment("c", "note.txt", btoa("text"), "text/plain");
    const sent = await local.replicate.to(remote);
    await remote.put({_id: "there", v: 3});
    const got = await local.replicate.from(remote);
    const attached = await (await remote.getAttachment("c", "note.txt")).text();
    const changes = (await remote.changes({limit: 2})).results.length;
    return {sent: sent.docs_written, got: got.docs_written, there: (await local.get("there")).v, attached, changes};
  } catch (error) {
    return {status: error.status ?? null, message: String(error.message)};
  } finally {
    await local.destroy();
  }
}"""
WORKED = {"sent": 3, "got": 1, "there": 3, "attached": "text", "changes": 2}

LOGIN = """async ([url, password]) => {
  const reply = await fetch(`${url}/_session`, {
    method: "POST", credentials: "include", headers: {"Content-Type": "application/json"},
    body: JSON.stringify({name: "root", password}),
  });
  return [reply.status, (await reply.json()).ok ?? false];
}"""

SIMPLE = """async ([url, kind]) => {
  try {
    const reply = await fetch(url, {method: "POST", mode: "no-cors", credentials: "include",
                                    headers: {"Content-Type": kind}, body: '{"_id": "planted"}'});
    return reply.type;
  } catch (error) {
    return "blocked";
  }
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of PouchDB, and an empty page that has it."""

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        text = b"<!doctype html><script src=/pouchdb.min.js></script>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Another origin, with a page that loads PouchDB."""
    handler = functools.partial(Quiet, directory=str(POUCHDB))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def shared() -> Iterator[Site]:
    """A server with an administrator, of the test's own, since its settings are."""
    with run_node_in_thread(admin=ADMIN) as server:
        yield Site(server.url, server.node, ADMIN)


@pytest.fixture
def foreign(browser: Any, origin: str) -> Iterator[Any]:
    """A page of the other origin."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(f"{origin}/")
    yield page
    context.close()


def let_in(site: Site, **words: str) -> None:
    """Turn CORS on, with these settings."""
    for key, word in words.items():
        site.ask("PUT", f"_node/_local/_config/cors/{key}", f'"{word}"')
    site.ask("PUT", "_node/_local/_config/chttpd/enable_cors", '"true"')


def public(site: Site, name: str) -> str:
    """A database for everybody; its URL."""
    site.database(name)
    site.ask("PUT", f"{name}/_security", {})
    return f"{site.url}/{name}"


def test_without_credentials_where_every_origin_may(shared: Site, foreign: Any) -> None:
    let_in(shared, origins="*")
    assert foreign.evaluate(SYNCED, [public(shared, "open"), "omit"]) == WORKED


def test_with_the_cookie_of_a_session(shared: Site, foreign: Any, origin: str) -> None:
    let_in(shared, origins=origin, credentials="true", headers="content-type, accept, authorization, origin, referer")
    shared.database("guarded")
    refused = foreign.evaluate(SYNCED, [f"{shared.url}/guarded", "cookie"])
    assert refused["status"] == 401
    assert foreign.evaluate(LOGIN, [shared.url, ADMIN.password]) == [200, True]
    assert foreign.evaluate(SYNCED, [f"{shared.url}/guarded", "cookie"]) == WORKED


def test_with_basic_credentials(shared: Site, foreign: Any, origin: str) -> None:
    let_in(shared, origins=origin, credentials="true", headers="content-type, accept, authorization, origin, referer")
    shared.database("guarded")
    login = {"username": ADMIN.name, "password": ADMIN.password}
    assert foreign.evaluate(SYNCED, [f"{shared.url}/guarded", login]) == WORKED
    wrong = foreign.evaluate(SYNCED, [f"{shared.url}/guarded", login | {"password": "wrong"}])
    assert wrong["status"] == 401


def test_other_origins_get_nothing(shared: Site, foreign: Any) -> None:
    url = public(shared, "open")
    for settings in ({}, {"origins": "http://elsewhere.example", "credentials": "true"}):
        if settings:
            let_in(shared, **settings)
        told = foreign.evaluate(SYNCED, [url, "omit"])
        assert "sent" not in told, told
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            assert foreign.evaluate(SIMPLE, [url, kind]) in ("opaque", "blocked")
        assert shared.ask("GET", "open")["doc_count"] == 0


def test_credentials_are_not_taken_from_every_origin(shared: Site, foreign: Any) -> None:
    let_in(shared, origins="*")
    shared.database("guarded")
    login = {"username": ADMIN.name, "password": ADMIN.password}
    assert "sent" not in foreign.evaluate(SYNCED, [f"{shared.url}/guarded", login])
    assert shared.ask("GET", "guarded")["doc_count"] == 0
