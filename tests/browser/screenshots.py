"""The pictures of docs/web.md: made of a server with sample data, by

.venv/bin/python -m tests.browser.screenshots docs/web
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from docstore.testing import run_node_in_thread
from tests.browser.conftest import ARGUMENTS, NAMES, Site

SIZE = {"width": 920, "height": 560}

FILMS = [
    {"_id": "alien", "title": "Alien", "year": 1979, "director": "Ridley Scott", "rating": 8.5},
    {"_id": "brazil", "title": "Brazil", "year": 1985, "director": "Terry Gilliam", "rating": 7.9},
    {"_id": "dune", "title": "Dune", "year": 1984, "director": "David Lynch", "rating": 6.3},
    {"_id": "heat", "title": "Heat", "year": 1995, "director": "Michael Mann", "rating": 8.3},
    {"_id": "metropolis", "title": "Metropolis", "year": 1927, "director": "Fritz Lang", "rating": 8.3},
    {"_id": "playtime", "title": "Playtime", "year": 1967, "director": "Jacques Tati", "rating": 7.9},
    {"_id": "solaris", "title": "Solaris", "year": 1972, "director": "Andrei Tarkovsky", "rating": 8.0},
    {"_id": "stalker", "title": "Stalker", "year": 1979, "director": "Andrei Tarkovsky", "rating": 8.1},
]
PICTURES = (
    ("databases", "/", "light"),
    ("documents", "/db/films", "light"),
    ("document", "/db/films/doc/heat", "dark"),
    ("merge", "/db/films/doc/alien/merge", "light"),
    ("tree", "/db/films/doc/alien/tree", "dark"),
    ("test-server", "/test-server", "light"),
    ("server", "/server", "dark"),
)


def fill(site: Site) -> None:
    """Databases with something to see in them, a document in conflict among it."""
    site.ask("PUT", "films")
    site.ask("POST", "films/_bulk_docs", {"docs": FILMS})
    heat = site.ask("GET", "films/heat", text=True)
    edited = heat.replace(
        '"rating":8.3', '"rating":8.3,"box_office_cents":18743681812345678,"crew":["De Niro","Pacino"]'
    )
    rev = site.ask("PUT", "films/heat", edited)["rev"]
    site.ask("PUT", f"films/heat/note.txt?rev={rev}", "A note.", **{"Content-Type": "text/plain"})
    alien = site.ask("GET", "films/alien")
    parent = alien["_rev"].split("-")[1]
    sides = ({"year": 1980, "rating": 8.6}, {"rating": 8.4, "seen": True})
    docs = [
        alien | side | {"_rev": f"2-{letter * 32}", "_revisions": {"start": 2, "ids": [letter * 32, parent]}}
        for letter, side in zip("ab", sides, strict=True)
    ]
    site.ask("POST", "films/_bulk_docs", {"new_edits": False, "docs": docs})
    for name, number in (("books", 340), ("people", 1250), ("reviews", 20)):
        site.ask("PUT", name)
        site.ask("POST", f"{name}/_bulk_docs", {"docs": [{"_id": f"{name}-{at:05}"} for at in range(number)]})


def picture(page: Page, site: Site, state: str, scheme: str, to: Path) -> None:
    """One state of the page as a file."""
    page.emulate_media(color_scheme=scheme)
    page.goto("about:blank")
    page.goto(site.page(state))
    page.wait_for_selector("main[aria-busy=false]")
    page.wait_for_load_state("networkidle") if state != "/server" else page.wait_for_timeout(7000)
    page.screenshot(path=str(to))


def main(folder: Path) -> None:
    """Make all of them."""
    folder.mkdir(exist_ok=True)
    program = next(filter(None, map(shutil.which, NAMES)))
    with run_node_in_thread() as server, sync_playwright() as playwright:
        site = Site(server.url, server.node)
        fill(site)
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        for name, state, scheme in PICTURES:
            picture(page, site, state, scheme, folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
