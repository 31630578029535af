"""The pytest plugin of docstore: fixtures, options and a marker (docs/testing.md).

Owns their names and when a test's things begin and end; what they are is in ``docstore.testing``. Every pytest run on a
machine with docstore imports this module, so the server is imported only when a test asks for a fixture.

``docstore_server``      the server of the run, shared by all of its tests
``docstore_db``          a new database for each test, on that server or on another one that its marker asks for
``docstore_own_server``  a new server for each test
"""

import unittest
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from docstore.core.json_text import JsonValue
    from docstore.testing.databases import TestDatabase
    from docstore.testing.nodes import TestNode
    from docstore.testing.servers import Kind, Servers

MARKER = (
    "docstore(admin_party=True, profile=None, faults=(), load=None): what the server of docstore_db and of"
    " docstore_own_server is like, the rules by which it misbehaves, and the data in docstore_db"
)
MEMBERS = frozenset({"admin_party", "profile", "faults", "load"})
OWN = ("docstore_db", "docstore_own_server")

_SERVERS: "pytest.StashKey[Servers]" = pytest.StashKey()
_FAILED: "pytest.StashKey[bool]" = pytest.StashKey()
_USED: "pytest.StashKey[list[TestNode]]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and the profile as a setting of pytest's configuration too."""
    group = parser.getgroup("docstore", "servers of docstore for tests")
    group.addoption("--docstore-profile", metavar="NAME", help="the service that servers stand for: couchdb, cloudant")
    group.addoption("--docstore-seed", metavar="N", type=int, help="what rules of misbehaviour draw from")
    group.addoption(
        "--docstore-keep", metavar="DIR", type=Path, help="keep the databases of tests that fail below this folder"
    )
    parser.addini(
        "docstore_profile", "the service that servers stand for, unless --docstore-profile says it", default=""
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def docstore_server(request: pytest.FixtureRequest) -> "TestNode":
    """The server of the run: started once, empty, and everybody is administrator; of each worker with xdist."""
    return _server(request.config, _kind(request.config, {}))


@pytest.fixture
def docstore_db(request: pytest.FixtureRequest) -> "Iterator[TestDatabase]":
    """A new database; it, and whatever else of databases the test makes, is deleted afterwards."""
    from docstore.testing.databases import make_database

    said = _said(request.node)
    server = _server(request.config, _kind(request.config, said))
    request.node.stash[_USED] = [server]
    database = make_database(server, request.node.name)
    try:
        if said.get("load") is not None:
            database.load(_found(said["load"], request.path))
        server.faults.add_all(said.get("faults", ()))
        if isinstance(request.instance, unittest.TestCase):
            vars(request.instance)["docstore_db"] = database
        yield database
    finally:
        server.faults.clear()
        if request.config.option.docstore_keep is None or not request.node.stash.get(_FAILED, False):
            database.remove()


@pytest.fixture
def docstore_own_server(request: pytest.FixtureRequest) -> "Iterator[TestNode]":
    """A server of the test's own, empty, at ``docstore_own_server.url``."""
    said = _said(request.node)
    with ExitStack() as stack:
        server = _started(request.config, _kind(request.config, said), stack)
        server.faults.add_all(said.get("faults", ()))
        request.node.stash[_USED] = [server]
        if isinstance(request.instance, unittest.TestCase):
            vars(request.instance)["docstore_own_server"] = server
        yield server


# --- before and after each test


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a marker that would say nothing, and begin with an empty journal."""
    names = getattr(item, "fixturenames", ())
    said = _said(item)
    if said and not any(name in names for name in OWN):
        pytest.fail(
            "the marker docstore is about docstore_db and docstore_own_server, of which the test has none",
            pytrace=False,
        )
    servers = item.config.stash.get(_SERVERS, None)
    if servers is not None:
        servers.begin()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Take away what the test has left: rules, and another time."""
    servers = item.config.stash.get(_SERVERS, None)
    if servers is not None:
        servers.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell a failing test what its server was asked, and which documents are in conflict."""
    told = yield
    if told.failed:
        item.stash[_FAILED] = True
        for server in _used(item):
            told.sections.append(("docstore", _report(server)))
    return told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where databases are kept."""
    keep: Path | None = config.option.docstore_keep
    if keep is not None:
        for folder in sorted(folder.parent for folder in keep.absolute().glob("*/*/docs.mdb")):
            terminalreporter.write_line(f"databases of tests that failed: docstore serve --data {folder}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers."""
    servers = config.stash.get(_SERVERS, None)
    if servers is not None:
        servers.stop()
        del config.stash[_SERVERS]


# --- steps


def _servers(config: pytest.Config) -> "Servers":
    from docstore.testing.servers import Servers

    if _SERVERS not in config.stash:
        keep: Path | None = config.option.docstore_keep
        below = None if keep is None else keep.absolute() / _worker(config)
        config.stash[_SERVERS] = Servers(config.option.docstore_seed, below)
    return config.stash[_SERVERS]


def _worker(config: pytest.Config) -> str:
    """The name of this process with xdist, which leaves it there."""
    return str(getattr(config, "workerinput", {}).get("workerid", "main"))


def _server(config: pytest.Config, kind: "Kind") -> "TestNode":
    try:
        return _servers(config).get(kind)
    except ValueError as error:  # of the profile
        pytest.fail(str(error), pytrace=False)


def _started(config: pytest.Config, kind: "Kind", stack: ExitStack) -> "TestNode":
    try:
        return _servers(config).start(kind, stack)
    except ValueError as error:
        pytest.fail(str(error), pytrace=False)


def _kind(config: pytest.Config, said: dict[str, Any]) -> "Kind":
    from docstore.testing.servers import Kind

    profile = said.get("profile") or config.option.docstore_profile or config.getini("docstore_profile")
    return Kind(**({"profile": profile} if profile else {}), admin_party=said.get("admin_party", True))


def _said(item: pytest.Item) -> dict[str, Any]:
    """What the markers of a test say: of each member the nearest one."""
    said: dict[str, Any] = {}
    for marker in item.iter_markers("docstore"):
        if marker.args or not MEMBERS.issuperset(marker.kwargs):
            pytest.fail(f"the marker is {MARKER.partition(':')[0]}", pytrace=False)
        said = {**marker.kwargs, **said}
    return said


def _found(source: "Path | str | JsonValue", test: Path) -> "Path | JsonValue":
    """A path as seen from the test's file; anything else as it is."""
    return test.parent / source if isinstance(source, str | Path) else source


def _used(item: pytest.Item) -> "list[TestNode]":
    used = [*item.stash[_USED]] if _USED in item.stash else []
    if "docstore_server" in getattr(item, "fixturenames", ()) and _SERVERS in item.config.stash:
        shared = _server(item.config, _kind(item.config, {}))
        used += [] if shared in used else [shared]
    return used


def _report(server: "TestNode") -> str:
    from docstore.double.report import failure_report

    try:
        return f"{server.url} as {server.double.profile.name}\n{failure_report(server)}"
    except Exception as error:  # the failure of the test is what counts
        return f"nothing can be told of the server: {error!r}"
