"""One page that tests take in turns: a page of its own for each would cost a second of the processor every time.

Owns what is cleared away between two tests. A page that has nothing in its storage and no dialog open is led to an
address without a view, and what it drew is taken out, so that no test finds what the one before left. Any other is left
for a blank page, and its storage and cookies are emptied; the next test loads it anew.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit

WIDE = {"width": 1100, "height": 720}

LEAVE = """() => {
  const main = document.getElementById('main');
  if (!main || sessionStorage.length || localStorage.length || document.querySelector('dialog[open]')) return false;
  location.hash = '#/between/tests';
  return true;
}"""
HAS_LEFT = """() => {
  const main = document.getElementById('main');
  return main.querySelector('h1')?.textContent === 'Not found' && main.ariaBusy === 'false';
}"""
CLEAR = """() => {
  const main = document.getElementById('main');
  main.replaceChildren();
  main.setAttribute('aria-busy', 'true');
  document.getElementById('toasts').replaceChildren();
  document.activeElement.blur();
}"""
A_LOOK = 20
"""Milliseconds between two looks. Not frames: a browser that draws nothing at the moment has none."""
PATIENCE = 3_000
"""Milliseconds after which the page is loaded anew instead."""


class Turns:
    """The page of a server. ``opening`` opens it, with the watch over it."""

    def __init__(self, opening: Callable[[], AbstractContextManager[Any]]) -> None:
        self._opening = opening
        self._opened: AbstractContextManager[Any] | None = None
        self._page: Any = None
        self._watch: Any = None

    @contextmanager
    def turn(self) -> Iterator[Any]:
        """The page for one test, as one that nobody used before."""
        if self._opened is None:
            self._opened = self._opening()
            self._page, self._watch = self._opened.__enter__()
        try:
            yield self._page
            self._page.unroute_all()
            self._tidy()
            found, self._watch.found = self._watch.found, []
            assert found == []
        except BaseException:
            self.close()
            raise

    def _tidy(self) -> None:
        page = self._page
        page.set_viewport_size(WIDE)
        if page.context.cookies() or not _has_left(page):
            page.goto("about:blank")
            page.context.clear_cookies()
            parts = urlsplit(self._watch.url)
            page.goto(f"{parts.scheme}://{parts.netloc}/_utils/icon.svg")
            page.evaluate("() => { sessionStorage.clear(); localStorage.clear(); }")
            page.goto("about:blank")

    def close(self) -> None:
        """The page is closed; the next turn opens another."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.__exit__(None, None, None)


def _has_left(page: Any) -> bool:
    """Lead the page away from its view; whether it is there, and empty."""
    from playwright.sync_api import TimeoutError as TooLate  # where there is none, nobody comes here

    if not page.evaluate(LEAVE):
        return False
    try:
        page.wait_for_function(HAS_LEFT, polling=A_LOOK, timeout=PATIENCE)
    except TooLate:
        return False
    page.evaluate(CLEAR)
    return True


def accept(dialog: Any) -> None:
    """What is asked when a page with edits is left."""
    dialog.accept()


@contextmanager
def listening(page: Any, event: str, heard: Callable[[Any], Any] = accept) -> Iterator[None]:
    """The events of a page are heard in this block and not behind it, since others use the page then."""
    page.on(event, heard)
    try:
        yield
    finally:
        page.remove_listener(event, heard)


class Held:
    """Requests of a page whose URLs match wait until they are let go."""

    def __init__(self, page: Any, pattern: str) -> None:
        self._page = page
        self._routes: list[Any] = []
        page.route(re.compile(pattern), self._hold)

    def _hold(self, route: Any) -> None:
        self._routes.append(route)

    def first(self) -> Any:
        """The first of them, once there is one."""
        while not self._routes:
            self._page.evaluate("0")
        return self._routes[0].request

    def let_go(self) -> None:
        """All of them go on, and later ones are not held."""
        self.first()
        for route in self._routes:
            route.continue_()
        self._page.unroute_all()
