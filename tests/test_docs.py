"""The documentation names everything there is: routes, limits, statuses."""

import dataclasses
import re
from pathlib import Path

from docstore.httpd.app import ROUTER
from docstore.httpd.problems.errors import STATUS
from docstore.settings import Limits

API = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
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
    names = {field.name for field in dataclasses.fields(Limits)} - {"parse_off_loop_from"}  # no limit, a threshold
    documented = set(re.findall(r"^\| `(max_\w+)` \|", API, re.MULTILINE))
    assert documented == names


def test_every_status_of_an_error_stands_in_the_api_page():
    documented = {int(status) for status in re.findall(r"^\| (\d{3}) \|", API, re.MULTILINE)}
    assert set(STATUS.values()) <= documented


def test_every_error_word_stands_in_the_api_page():
    words = {kind.error for kind in STATUS}
    for word in words:
        assert f"`{word}`" in API
