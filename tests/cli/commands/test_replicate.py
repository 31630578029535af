"""``docstore replicate`` between URLs and folders, alike in all four ways."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docstore.settings import Admin
from docstore.testing import TestNode, run_node_in_thread
from tests.cli.replicas import Database
from tests.cli.running import PROGRAM, Said, run, run_program, serving


@pytest.fixture
def server() -> Iterator[TestNode]:
    with run_node_in_thread() as running:
        yield running


@pytest.fixture
def replicate(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    return lambda *arguments: run(capsys, "replicate", *arguments)


def test_from_url_to_url(server: TestNode, replicate: Callable[..., Said]) -> None:
    source, target = Database(f"{server.url}/source"), Database(f"{server.url}/target")
    source.fill()
    said = replicate(source.url, target.url, "--create-target")
    assert (said.status, said.err) == (0, "")
    assert said.out == "32 written of 32 missing revisions, 32 compared\n"
    assert target.contents() == source.contents()
    assert replicate(source.url, target.url).out == "nothing new\n"


def test_by_way_of_folders(server: TestNode, replicate: Callable[..., Said], tmp_path: Path) -> None:
    source, back = Database(f"{server.url}/source"), Database(f"{server.url}/back")
    source.fill()
    one, other = tmp_path / "one", tmp_path / "other"
    for arguments in (
        (source.url, "first", "--target-data", one),
        ("first", "second", "--data", one),
        ("second", "third", "--source-data", one, "--target-data", other),
        ("third", back.url, "--source-data", other),
    ):
        said = replicate(*arguments, "--create-target")
        assert (said.status, said.err) == (0, "")
        assert replicate(*arguments).out == "nothing new\n"
    assert back.contents() == source.contents()


def test_only_some_documents(server: TestNode, replicate: Callable[..., Said]) -> None:
    source = Database(f"{server.url}/source")
    source.fill()
    source.ask("PUT", "/50%25", {})
    by_id, by_selector = Database(f"{server.url}/ids"), Database(f"{server.url}/selected")
    replicate(source.url, by_id.url, "--create-target", "--doc-id", "50%", "--doc-id", "document 7")
    assert [row["id"] for row in by_id.ask("GET", "/_all_docs")["rows"]] == ["50%", "document 7"]
    replicate(source.url, by_selector.url, "--create-target", "--selector", '{"number":{"$gt":27}}')
    assert [row["id"] for row in by_selector.ask("GET", "/_all_docs")["rows"]] == ["document 28", "document 29"]


def test_winners_alone_since_a_sequence(server: TestNode, replicate: Callable[..., Said]) -> None:
    source, target = Database(f"{server.url}/source"), Database(f"{server.url}/target")
    source.fill()
    seq = source.ask("GET", "/_changes?limit=28")["last_seq"]
    said = replicate(source.url, target.url, "--create-target", "--winning-revs-only", "--since", seq, "--json")
    summary = json.loads(said.out)
    assert summary["history"][0]["docs_written"] == 3
    assert sorted(target.contents()["leaves"]) == ["attached", "document 1", "document 3"]
    assert target.ask("GET", "/document%201?conflicts=true").get("_conflicts") is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a", "b"), "'a' is a name and needs --source-data DIR (or give a URL)"),
        (("http://127.0.0.1:1/a", "b"), "'b' is a name and needs --target-data DIR"),
        (("http://127.0.0.1:1/a", "b", "--source-data", ".", "--target-data", "."), "goes with a name, not with a URL"),
        (("a", "b", "--data", ".", "--source-auth", '{"bearer":{"token":"secret"}}'), "credentials go with a URL"),
        (("http://127.0.0.1:1/a", "b", "--data", ".", "--source-auth", "{}"), "--source-auth is none of"),
        (("http://127.0.0.1:1/a", "b", "--data", ".", "--source-auth", '{"bearer":{"token":1}}'), "is none of"),
        (("http://127.0.0.1:1/a", "b", "--data", ".", "--source-auth", '{"basic":{"user":"secret"}}'), "is none of"),
        (("ftp://127.0.0.1:1/a", "b", "--data", "."), "is no http:// or https:// URL"),
        (("a", "b", "--data", ".", "--timeout", "nan"), "--timeout is not a number of seconds"),
        (("a", "b", "--data", ".", "--timeout", "inf"), "--timeout is not a number of seconds"),
        (("a", "b", "--data", ".", "--source-auth", "secret"), "--source-auth is not a JSON object"),
        (("a", "b", "--data", ".", "--selector", "{"), "--selector is no JSON"),
        (("a", "b", "--data", ".", "--selector", "1"), "parameter `selector` must be a JSON object"),
        (("a", "b", "--data", ".", "--selector", "{}", "--doc-id", "a"), "mutually exclusive"),
        (("a", "b", "--data", ".", "--filter", "x"), "Invalid filter"),
        (("a", "b", "--data", ".", "--filter", "x/y", "--param", "a"), "is not NAME=VALUE"),
    ],
)
def test_what_cannot_be_meant(replicate: Callable[..., Said], arguments: tuple[str, ...], words: str) -> None:
    said = replicate(*arguments)
    assert said.status == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert "secret" not in said.err.replace("--source-auth", "")


def test_what_is_not_there(server: TestNode, replicate: Callable[..., Said], tmp_path: Path) -> None:
    source = Database(f"{server.url}/source")
    source.ask("PUT")
    for arguments in (
        (f"{server.url}/nowhere", source.url),
        (source.url, f"{server.url}/nowhere"),
        ("nowhere", source.url, "--source-data", load(tmp_path / "data")),
    ):
        said = replicate(*arguments)
        assert said.status == 1
        assert "could not open" in said.err
        assert said.err.count("\n") == 1
    for arguments in (
        ("a", source.url, "--source-data", tmp_path / "typo", "--create-target"),
        (source.url, "a", "--target-data", tmp_path / "typo"),
    ):
        said = replicate(*arguments)
        assert (said.status, said.err) == (1, f"docstore: {tmp_path / 'typo'} is no data folder\n")
        assert not (tmp_path / "typo").exists()


def test_the_url_to_use_for_a_folder_in_use_can_be_used(replicate: Callable[..., Said], tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        url = f"{server.url}/shop%2F2024"
        Database(url).ask("PUT")
        said = replicate("shop/2024", "copy", "--data", tmp_path, "--create-target")
    assert (said.status, said.err) == (1, f"docstore: {tmp_path} is in use by {server.url}; give {url} instead\n")


def test_credentials(replicate: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with run_node_in_thread(admin=Admin("ann", "se:cret")) as guarded:
        url = f"{guarded.url}/db"
        load(tmp_path)
        refused = replicate("new", url, "--source-data", tmp_path, "--create-target", "--retries", "0")
        assert refused.status == 1
        assert "unauthorized to access or create database" in refused.err
        monkeypatch.setenv("DOCSTORE_TARGET_AUTH", '{"basic":{"username":"ann","password":"se:cret"}}')
        said = replicate("new", url, "--source-data", tmp_path, "--create-target")
        assert (said.status, said.err) == (0, "")
        assert "1 written" in said.out


def load(data: Path) -> Path:
    """A folder with a database of one document."""
    said = run_program("load", "new", "-", "--data", data, stdin='[{"_id":"a"}]')
    assert (said.status, said.err) == (0, "")
    return data


def test_a_continuous_one_ends_with_ctrl_c_at_a_checkpoint(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        source, target = Database(f"{server.url}/source"), Database(f"{server.url}/target")
        source.ask("PUT")
        target.ask("PUT")
        with subprocess.Popen(
            [PROGRAM, "replicate", source.url, target.url, "--continuous"], stdout=subprocess.PIPE, text=True
        ) as process:
            since: object = 0
            for number in range(3):  # the last one may not be counted yet when the signal comes
                source.ask("PUT", f"/{number}", {})
                feed = target.ask("GET", f"/_changes?feed=longpoll&since={since}&timeout=20000")
                assert [row["id"] for row in feed["results"]] == [str(number)]
                since = feed["last_seq"]
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        assert out.startswith("interrupted; the next run goes on from here: ")
        [log] = target.ask("GET", "/_local_docs?include_docs=true")["rows"]
        assert log["doc"]["history"][0]["docs_written"] >= 1
