"""``docstore snapshot``: a copy beside a running server, and its use as a data folder."""

import threading
import urllib.request

import pytest

from docstore.cli.commands import snapshot as command
from docstore.config.kept import FILE, KeptSettings
from docstore.storage.engine.data_file import DATA_FILE
from docstore.testing import run_node_in_thread
from tests.cli.running import run, run_program


def ask(url, method="GET", body=None):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as reply:
        return reply.read()


def test_a_copy_of_a_running_server_is_a_data_folder(tmp_path):
    data, copy = tmp_path / "data", tmp_path / "copy"
    with run_node_in_thread(data=data) as server:
        ask(f"{server.url}/films", "PUT")
        ask(f"{server.url}/films/alien", "PUT", b'{"year":1979}')
        KeptSettings(data).update({("some", "thing"): "x"})
        seq = server.node.registry.open("films").info().update_seq
        said = run_program("snapshot", copy, "--data", data)
        assert (said.status, said.err) == (0, "")
        assert said.out.startswith(f"{copy}: ")
        assert said.out.endswith("MiB, verified\n")
        ask(f"{server.url}/films/aliens", "PUT", b'{"year":1986}')
    assert sorted(path.name for path in copy.iterdir()) == [FILE, DATA_FILE]
    assert (copy / FILE).stat().st_mode & 0o777 == 0o600
    with run_node_in_thread(data=copy) as server:
        assert b'"year":1979' in ask(f"{server.url}/films/alien")
        assert server.node.registry.open("films").info().doc_count == 1
        assert server.node.registry.open("films").info().update_seq != seq  # of another epoch: nobody skips changes
        assert server.node.config.get("some", "thing") == "x"


def test_it_is_one_moment_beside_a_busy_writer(tmp_path):
    data = tmp_path / "data"
    stop = threading.Event()
    with run_node_in_thread(data=data) as server:
        ask(f"{server.url}/films", "PUT")

        def write():
            while not stop.is_set():
                ask(f"{server.url}/films/_bulk_docs", "POST", b'{"docs":[{},{},{}]}')

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(3):
                assert run_program("snapshot", tmp_path / f"copy{number}", "--data", data).status == 0
        finally:
            stop.set()
            writer.join()


def test_a_folder_that_is_there_is_left_alone(capsys, tmp_path):
    with run_node_in_thread(data=tmp_path / "data"):
        pass
    (tmp_path / "copy").mkdir()
    said = run(capsys, "snapshot", tmp_path / "copy", "--data", tmp_path / "data")
    assert said.status == 2
    assert "is there already" in said.err


def test_a_copy_goes_into_no_folder_of_somebody_else(capsys, tmp_path):
    """Not by a link that waits where the unfinished copy is to be; one's own leftovers are taken, and closed."""
    with run_node_in_thread(data=tmp_path / "data"):
        pass
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "copy.unfinished"
    link.symlink_to(tmp_path / "elsewhere")
    said = run(capsys, "snapshot", tmp_path / "copy", "--data", tmp_path / "data")
    assert said.status == 2
    assert "is in the way" in said.err
    assert list((tmp_path / "elsewhere").iterdir()) == []
    link.unlink()
    link.mkdir(mode=0o777)
    link.chmod(0o777)
    assert run(capsys, "snapshot", tmp_path / "copy", "--data", tmp_path / "data").status == 0
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700


def test_no_store(capsys, tmp_path):
    (tmp_path / "data").mkdir()
    said = run(capsys, "snapshot", tmp_path / "copy", "--data", tmp_path / "data")
    assert said.status == 2
    assert "There is no store" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_copy_with_findings_does_not_get_the_name(capsys, tmp_path, monkeypatch):
    with run_node_in_thread(data=tmp_path / "data"):
        pass

    def finding(folder, settings, *, hashing):
        yield "something is wrong"
        return True

    monkeypatch.setattr(command, "folder_findings", finding)
    said = run(capsys, "snapshot", tmp_path / "copy", "--data", tmp_path / "data")
    assert said.status == 1
    assert said.out == "something is wrong\n"
    assert not (tmp_path / "copy").exists()


def test_a_full_disk_leaves_nothing_behind(capsys, tmp_path, monkeypatch):
    from docstore.errors import StorageFull

    with run_node_in_thread(data=tmp_path / "data"):
        pass

    def full(folder, target, settings):
        (target / DATA_FILE).write_bytes(b"half")
        raise StorageFull(f"The disk has no room for {target / DATA_FILE}.")

    monkeypatch.setattr(command, "copy_store", full)
    said = run(capsys, "snapshot", tmp_path / "copy", "--data", tmp_path / "data")
    assert said.status == 1
    assert "no room" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("option", [(), ("--skip-hashing",)])
def test_options(capsys, tmp_path, option):
    with run_node_in_thread(data=tmp_path / "data"):
        pass
    assert run(capsys, "snapshot", tmp_path / "copy", "--data", tmp_path / "data", *option).status == 0
