"""A browser, servers to browse, and pages that tolerate no error.

Debian's chromium is driven by playwright. Where one of the two is missing, or it cannot start, the tests are skipped
and say why. A page fails its test if anything was written to the console as an error, or if it asked another host.
"""

import base64
import json
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from docstore.settings import Admin
from docstore.testing import run_node_in_thread
from tests.browser.turns import WIDE, Turns

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
NARROW = {"width": 360, "height": 640}
TIMEOUT = 15_000
"""Milliseconds that a page may take for one step: far more than it does, so that a busy machine fails no test."""

ADMIN = Admin("root", "relax")


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """One browser for all tests of this folder. None may be async: playwright has this thread's loop meanwhile."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no chromium in the PATH (apt-get install chromium)")
    sync_api.expect.set_options(timeout=TIMEOUT)
    with sync_api.sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        except sync_api.Error as error:
            pytest.skip(f"{program} does not start: {str(error).splitlines()[0]}")
        yield started
        started.close()


@dataclass
class Site:
    """A running server as a test sees it: ``ask`` sends requests beside the page, as an admin if there is one."""

    url: str
    node: Any
    admin: Admin | None = None

    def page(self, state: str = "/") -> str:
        """The address of a state of the page, what stands behind ``#``."""
        return f"{self.url}/_utils/#{state}"

    def ask(self, method: str, path: str, body: Any = None, *, text: bool = False, **headers: str) -> Any:
        """A request's reply as a value, or with ``text`` as it is; ``body`` is a value, text or bytes."""
        data = (
            body
            if body is None or isinstance(body, bytes)
            else body.encode()
            if isinstance(body, str)
            else json.dumps(body).encode()
        )
        request = urllib.request.Request(f"{self.url}/{path}", data, headers, method=method)
        request.add_header("Content-Type", headers.get("Content-Type", "application/json"))
        if self.admin is not None:
            token = base64.b64encode(f"{self.admin.name}:{self.admin.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=30) as reply:
            got = reply.read().decode()
        return got if text else json.loads(got)

    def database(self, name: str, docs: list[dict[str, Any]] | None = None) -> str:
        """A new database with these documents; its name, encoded for a path."""
        where = quote(name, safe="")
        self.ask("PUT", where)
        if docs:
            self.ask("POST", f"{where}/_bulk_docs", {"docs": docs})
        return where


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """A server without administrators, which all tests share: each makes databases of its own."""
    with run_node_in_thread() as server:
        yield Site(server.url, server.node)


@pytest.fixture(scope="package")
def guarded() -> Iterator[Site]:
    """The same with an administrator and a database of users."""
    with run_node_in_thread(admin=ADMIN) as server:
        made = Site(server.url, server.node, ADMIN)
        made.database("_users")
        yield made


@dataclass
class Watch:
    """What a page must not do, collected while it is used."""

    url: str
    found: list[str] = field(default_factory=list)

    def attach(self, page: Any) -> None:
        """Listen to a page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"raised: {error}"))
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type not in ("error", "warning"):
            return
        where = (message.location or {}).get("url", "")
        if message.text.startswith("Failed to load resource") and "/_utils/" not in where:
            return  # the browser's own note of a status like 404 or 409, which the page is there to tell
        self.found.append(f"{message.type}: {message.text} ({where})")

    def _request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(self.url).netloc:
            self.found.append(f"asked another host: {request.url}")


@contextmanager
def watched(
    browser: Any, site: Site, *, dark: bool = False, narrow: bool = False, idle: bool = False, **options: Any
) -> Iterator[tuple[Any, Watch]]:
    """A page of its own cookies and storage, and what it did that it must not do.

    ``idle``: it also does what pages do while nothing happens, which is to read the code of all views.
    """
    context = browser.new_context(
        viewport=NARROW if narrow else WIDE,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        accept_downloads=True,
        **options,
    )
    context.set_default_timeout(TIMEOUT)
    if not idle:
        context.add_init_script("window.requestIdleCallback = () => 0")
    watch = Watch(site.url)
    context.on("page", watch.attach)
    try:
        yield context.new_page(), watch
    finally:
        context.close()


@contextmanager
def opened(browser: Any, site: Site, **options: Any) -> Iterator[Any]:
    """A page of its own for a test; what it must not do fails at the end of the block. Options as of ``watched``."""
    with watched(browser, site, **options) as (page, watch):
        yield page
        assert watch.found == []


@pytest.fixture(scope="package")
def turns(browser: Any, site: Site) -> Iterator[Turns]:
    """The page for the server without administrators."""
    one = Turns(lambda: watched(browser, site))
    yield one
    one.close()


@pytest.fixture(scope="package")
def guarded_turns(browser: Any, guarded: Site) -> Iterator[Turns]:
    """The page for the server with an administrator."""
    one = Turns(lambda: watched(browser, guarded))
    yield one
    one.close()


@pytest.fixture
def page(turns: Turns) -> Iterator[Any]:
    """A page for the server without administrators, not yet anywhere."""
    with turns.turn() as one:
        yield one


@pytest.fixture
def guarded_page(guarded_turns: Turns) -> Iterator[Any]:
    """The same for the server with an administrator; nobody is signed in."""
    with guarded_turns.turn() as one:
        yield one
