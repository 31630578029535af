"""The documentation names everything there is: routes, limits, statuses."""

import dataclasses
import re
from pathlib import Path

from docstore.config.table import TABLE
from docstore.httpd.app import ROUTER
from docstore.httpd.problems.errors import STATUS
from docstore.settings import Limits

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "docstore"
DOCS = ROOT / "docs"
API = (DOCS / "api.md").read_text()
CONFIGURATION = (DOCS / "configuration.md").read_text()
ARCHITECTURE = (DOCS / "architecture.md").read_text()
ROW = re.compile(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \|", re.MULTILINE)


def documented_routes() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path, methods in ROW.findall(API):
        found.setdefault(path, set()).update(methods.split(", "))
    return found


def test_every_route_stands_in_the_api_page_and_nothing_else():
    served = {row.pattern: set(row.handlers) for row in ROUTER.routes}
    assert documented_routes() == served


def test_every_limit_stands_in_the_api_page():
    names = {field.name for field in dataclasses.fields(Limits)} - {
        "parse_off_loop_from",
        "min_body_rate",
    }  # thresholds
    documented = set(re.findall(r"^\| `(max_\w+)` \|", API, re.MULTILINE))
    assert documented == names


def test_every_status_of_an_error_stands_in_the_api_page():
    documented = {int(status) for status in re.findall(r"^\| (\d{3}) \|", API, re.MULTILINE)}
    assert set(STATUS.values()) <= documented


def test_every_error_word_stands_in_the_api_page():
    words = {kind.error for kind in STATUS}
    for word in words:
        assert f"`{word}`" in API


SETTING = re.compile(r"^\| `([\w]+/[\w-]+)` \| (?:`([^`]*)`)? \| (at once|next start) \|", re.MULTILINE)


def test_every_setting_stands_in_the_configuration_page_with_its_default():
    documented = {name: (default or None, holds) for name, default, holds in SETTING.findall(CONFIGURATION)}
    assert documented == {
        "/".join(row.name): (row.default, "at once" if row.live else "next start") for row in TABLE.values()
    }


# --- the map ----------------------------------------------------------------------------------------------------


def folders_on_disk() -> set[str]:
    """The folders that files are in; the web page counts as one, for no module of Python is in it."""
    folders = {
        path.parent.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path.parent != PACKAGE
    }
    return {"web" if folder.parts[0] == "web" else str(folder) for folder in folders}


def folders_in_the_page() -> list[str]:
    block = ARCHITECTURE.split("```")[1]
    found: list[str] = []
    for line in block.splitlines():
        if (entry := re.match(r"( {2}| {4})(\w+)/ +\S", line)) is not None:
            found.append(entry[2] if len(entry[1]) == 2 else f"{found_above(found)}/{entry[2]}")
    return found


def found_above(found: list[str]) -> str:
    return next(name for name in reversed(found) if "/" not in name)


def test_the_map_has_the_folders_that_there_are():
    assert sorted(folders_in_the_page()) == sorted(folders_on_disk())


def test_the_map_has_the_modules_at_the_top():
    block = ARCHITECTURE.split("```")[1]
    modules = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert set(re.findall(r"\b\w+\.py\b", block)) == modules


def test_a_walk_names_each_room_once():
    walks = re.findall(r"^### The way of .*?(?=^##)", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    assert len(walks) == 2
    for walk in walks:
        rooms = re.findall(r"^\d+\. `([\w/]+)/`", walk, re.MULTILINE)
        named = re.findall(r"`([\w/]+)/`", walk)
        assert len(rooms) > 5
        assert named == rooms
        assert len(set(rooms)) == len(rooms)
        assert set(rooms) <= folders_on_disk()


def test_files_that_the_pages_name_are_there():
    names = {path.name for folder in (PACKAGE, ROOT / "tests", ROOT / "bench") for path in folder.rglob("*.py")}
    lacking = []
    for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        text = page.read_text()
        for name in re.findall(r"`([\w./-]+\.py)`", text):
            here = [PACKAGE / name, ROOT / name, DOCS / name]
            if not any(path.is_file() for path in here) if "/" in name else name not in names:
                lacking.append(f"{page.name}: {name}")
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
        lacking += [f"{page.name}: {link}" for link in links if not (page.parent / link).exists()]
    assert not lacking


def test_files_that_the_modules_name_are_there():
    paths = [f"/{path.relative_to(ROOT)}" for path in PACKAGE.rglob("*.py")]
    lacking = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r"``([\w./]+\.py)``", path.read_text())
        if not any(one.endswith(f"/{name}") for one in paths)
    ]
    assert not lacking
