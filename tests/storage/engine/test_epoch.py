"""When a store gets a new epoch: the verdicts, and each way in which a file can go back in time."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from docstore.settings import Durability, StorageSettings
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.epoch import FileFacts, Seal, SealFile, Witness, reason_for_new_epoch
from docstore.storage.engine.store_run import StoreRun

FACTS = FileFacts((1, 2), 1000)
CLOSED = Seal(("now",), ((1, 2),), True, 1000)
RUNNING = replace(CLOSED, closed_ns=None)
RISKY = replace(RUNNING, survives_power_cut=False)
WITNESS = FileFacts((1, 3), 900)
SEEN = replace(RUNNING, witness=WITNESS)


@pytest.mark.parametrize(
    ("seal", "run", "word"),
    [
        (CLOSED, "now", None),
        (replace(CLOSED, survives_power_cut=False), "now", None),
        (RUNNING, "now", None),
        (replace(RUNNING, runs=("now", "next")), "now", None),
        (replace(RUNNING, runs=("before", "now")), "now", None),
        (replace(RUNNING, files=((9, 9), (1, 2))), "now", None),
        (None, "now", "no seal"),
        (None, None, "no seal"),
        (RISKY, "now", "not closed cleanly"),
        (replace(CLOSED, files=((1, 3),)), "now", "is a copy"),
        (replace(CLOSED, files=((3, 2),)), "now", "is a copy"),
        (CLOSED, "before", "older or newer"),
        (RUNNING, "before", "older or newer"),
        (CLOSED, None, "older or newer"),
        (replace(CLOSED, closed_ns=999), "now", "changed after"),
        (replace(CLOSED, closed_ns=1001), "now", "changed after"),
    ],
)
def test_verdict(seal: Seal | None, run: str | None, word: str | None) -> None:
    reason = reason_for_new_epoch(seal, run, FACTS, None)
    assert reason is None if word is None else reason is not None and word in reason


@pytest.mark.parametrize(
    ("seal", "witness", "word"),
    [
        (SEEN, WITNESS, None),
        (SEEN, None, "its witness"),
        (SEEN, replace(WITNESS, changed_ns=901), "its witness"),
        (SEEN, replace(WITNESS, changed_ns=899), "its witness"),
        (SEEN, replace(WITNESS, file=(1, 4)), "its witness"),
        (SEEN, replace(WITNESS, file=(2, 3)), "its witness"),
        (replace(SEEN, files=((9, 9),)), WITNESS, "its data file is a copy"),
        (replace(SEEN, survives_power_cut=False), WITNESS, "not closed cleanly"),
        (replace(SEEN, closed_ns=1000), None, None),
        (RUNNING, WITNESS, None),
    ],
)
def test_verdict_of_the_witness(seal: Seal, witness: FileFacts | None, word: str | None) -> None:
    """It counts after a kill alone; and of a seal that names none, as in earlier versions, nothing is asked."""
    reason = reason_for_new_epoch(seal, "now", FACTS, witness)
    assert reason is None if word is None else reason is not None and word in reason


@pytest.mark.parametrize("seal", [CLOSED, RISKY, SEEN, Seal(("a", "b"), ((2**64 - 1, 5), (1, 2)), False, 2**62)])
def test_a_seal_is_read_as_it_was_written(tmp_path: Path, seal: Seal) -> None:
    file = SealFile(tmp_path / "file")
    assert file.read() is None
    file.write(RUNNING, sync=False)
    file.write(seal, sync=True)
    assert file.read() == seal
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file-seal", "file-seal.new"]
    file.remove(sync=True)
    assert file.read() is None


SENSE = b'{"runs": [], "files": [], "survives_power_cut": true, "closed_ns": %s, "witness": %s}'


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"runs": 5, "files": [], "survives_power_cut": true}',
        SENSE % (b"1e999", b"null"),
        SENSE % (b"[]", b"null"),
        SENSE % (b"1", b"[1, 2, 3]"),
        SENSE % (b"1", b'"x"'),
        SENSE % (b"1", b"{}"),
        SENSE % (b"1", b'{"file": [1], "changed_ns": 1}'),
        SENSE % (b"1", b'{"file": [1, 2], "changed_ns": null}'),
        SENSE % (b"1", b'{"file": [1, 1e999], "changed_ns": 1}'),
    ],
)
def test_a_seal_that_makes_no_sense_is_none(tmp_path: Path, text: bytes) -> None:
    file = SealFile(tmp_path / "file")
    file.path.write_bytes(text)
    assert file.read() is None


def test_a_seal_of_an_earlier_version(tmp_path: Path) -> None:
    file = SealFile(tmp_path / "file")
    file.path.write_bytes(b'{"runs": ["now"], "files": [[1, 2]], "survives_power_cut": true, "closed_ns": 1000}')
    assert file.read() == CLOSED


def opened(folder: Path, durability: Durability = Durability.FSYNC) -> Environment:
    return Environment.open(folder, StorageSettings(durability=durability))


def epoch_of(folder: Path, durability: Durability = Durability.FSYNC) -> int:
    with opened(folder, durability) as environment:
        return environment.epoch


def write(environment: Environment, value: bytes) -> None:
    transaction = environment.begin_write()
    transaction.put(transaction.tables.docs, b"key", value)
    transaction.transaction.commit()


KILLED = """
import os, signal, sys
from pathlib import Path
from docstore.settings import Durability, StorageSettings
from docstore.storage.engine.environment import Environment
environment = Environment.open(Path(sys.argv[1]), StorageSettings(durability=Durability(sys.argv[2])))
print(environment.epoch, flush=True)
transaction = environment.begin_write()
transaction.put(transaction.tables.docs, b"key", b"value")
transaction.transaction.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""


def epoch_of_a_killed_run(folder: Path, durability: Durability) -> int:
    command = [sys.executable, "-c", KILLED, str(folder), durability]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("durability", Durability)
def test_a_clean_shutdown_keeps_it(tmp_path: Path, durability: Durability) -> None:
    first = epoch_of(tmp_path, durability)
    assert [epoch_of(tmp_path, durability) for _ in range(3)] == [first] * 3


@pytest.mark.parametrize(
    ("durability", "kept"), [(Durability.FSYNC, True), (Durability.RELAXED, False), (Durability.NONE, False)]
)
def test_a_kill_keeps_it_only_where_commits_survive(tmp_path: Path, durability: Durability, kept: bool) -> None:
    epoch = epoch_of_a_killed_run(tmp_path, durability)
    after = epoch_of(tmp_path, durability)
    assert (after == epoch) is kept
    assert epoch_of(tmp_path, durability) == after


def test_what_counts_is_the_durability_of_the_run_that_was_killed(tmp_path: Path) -> None:
    epoch = epoch_of(tmp_path)
    assert epoch_of_a_killed_run(tmp_path, Durability.NONE) == epoch
    after = epoch_of(tmp_path, Durability.FSYNC)
    assert after != epoch
    assert epoch_of_a_killed_run(tmp_path, Durability.FSYNC) == after
    assert epoch_of(tmp_path, Durability.NONE) == after


def copy_of_folder(folder: Path) -> Path:
    """The whole folder copied elsewhere, times and all."""
    return Path(shutil.copytree(folder, folder.with_name("copy")))


def copy_of_file_in_new_folder(folder: Path) -> Path:
    other = folder.with_name("other")
    other.mkdir()
    shutil.copy2(folder / DATA_FILE, other / DATA_FILE)
    return other


def folder_put_back_over_itself(folder: Path) -> Path:
    """Copied away and back in place: every file keeps its inode, its content and its time of modification."""
    backup = copy_of_folder(folder)
    for file in backup.iterdir():
        shutil.copy2(file, folder / file.name)
    return folder


def moved_and_copied_back(folder: Path) -> Path:
    folder.rename(folder.with_name("away"))
    return Path(shutil.copytree(folder.with_name("away"), folder))


def seal_removed(folder: Path) -> Path:
    (folder / f"{DATA_FILE}-seal").unlink()
    return folder


@pytest.mark.parametrize(
    "restore",
    [copy_of_folder, copy_of_file_in_new_folder, folder_put_back_over_itself, moved_and_copied_back, seal_removed],
)
def test_a_restored_store_gets_a_new_one(
    tmp_path: Path, restore: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path / "data") as environment:
        epoch, uuid = environment.epoch, environment.server_uuid
    restored = restore(tmp_path / "data")
    with opened(restored) as environment:
        assert environment.epoch != epoch
        assert environment.server_uuid == uuid
        after = environment.epoch
    assert "gets a new epoch" in caplog.text
    assert epoch_of(restored) == after


def test_an_older_file_copied_over_the_one_of_a_killed_run(tmp_path: Path) -> None:
    epoch = epoch_of(tmp_path)
    backup = shutil.copy2(tmp_path / DATA_FILE, tmp_path / "backup")
    assert epoch_of_a_killed_run(tmp_path, Durability.FSYNC) == epoch
    inode = (tmp_path / DATA_FILE).stat().st_ino
    shutil.copy2(backup, tmp_path / DATA_FILE)
    assert (tmp_path / DATA_FILE).stat().st_ino == inode
    assert epoch_of(tmp_path) != epoch


def test_a_file_that_was_only_moved_keeps_it_with_its_seal(tmp_path: Path) -> None:
    epoch = epoch_of(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    assert epoch_of(tmp_path / "b") == epoch


def test_reading_beside_does_not_disturb_the_seal(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        epoch = environment.epoch
        write(environment, b"1")
    Environment.open(tmp_path, StorageSettings(), read_only=True).close()
    assert epoch_of(tmp_path) == epoch


def killed(folder: Path, durability: Durability = Durability.FSYNC) -> int:
    """A run that leaves the folder as a kill does; its epoch."""
    environment = opened(folder, durability)
    write(environment, b"value")
    environment.writes_failed()  # so that the seal is not written at close
    environment.close()
    return environment.epoch


def folder_anew(kept: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)


def each_file_over_itself(kept: Path, folder: Path) -> None:
    for file in kept.iterdir():
        shutil.copy2(file, folder / file.name)


def what_differs_over_itself(kept: Path, folder: Path) -> None:
    """As ``rsync --archive --inplace`` does: files of the same length and time of modification are left alone."""
    for file in kept.iterdir():
        old, new = (folder / file.name).stat(), file.stat()
        if (old.st_size, old.st_mtime_ns) != (new.st_size, new.st_mtime_ns):
            shutil.copy2(file, folder / file.name)


def data_file_and_seal_over_themselves(kept: Path, folder: Path) -> None:
    for name in (DATA_FILE, f"{DATA_FILE}-seal"):
        shutil.copy2(kept / name, folder / name)


PutBack = Callable[[Path, Path], None]


@pytest.mark.parametrize(
    "put_back", [folder_anew, each_file_over_itself, what_differs_over_itself, data_file_and_seal_over_themselves]
)
def test_the_folder_of_a_killed_run_put_back(
    tmp_path: Path, put_back: PutBack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Copied after a kill, while the original went on: sequences are given out twice, even if the inode is the same."""
    if put_back is folder_anew:  # every file gets the inode of the one before, as may happen
        monkeypatch.setattr(FileFacts, "of", lambda path: FileFacts((1, 1), path.stat().st_ctime_ns))
    folder, kept = tmp_path / "data", tmp_path / "kept"
    epoch = killed(folder)
    shutil.copytree(folder, kept)
    assert killed(folder) == epoch
    put_back(kept, folder)
    after = epoch_of(folder)
    assert after != epoch
    assert "its witness is missing or was changed" in caplog.text
    assert killed(folder) == epoch_of(folder) == after


def test_the_folder_of_a_killed_run_moved(tmp_path: Path) -> None:
    epoch = killed(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    assert epoch_of(tmp_path / "b") == epoch


def test_a_copy_that_was_made_does_not_disturb_the_original(tmp_path: Path) -> None:
    epoch = killed(tmp_path / "data")
    for name in ("first", "second"):
        shutil.copytree(tmp_path / "data", tmp_path / name)
        assert killed(tmp_path / "data") == epoch


@pytest.mark.parametrize("change", [lambda path: path.chmod(0o600), lambda path: path.unlink()], ids=["mode", "gone"])
def test_a_witness_that_was_changed(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """Nobody can tell that from a copy. After a clean close it does not matter."""
    epoch = epoch_of(tmp_path)
    change(Witness(tmp_path / DATA_FILE).path)
    assert killed(tmp_path) == epoch
    change(Witness(tmp_path / DATA_FILE).path)
    after = killed(tmp_path)
    assert after != epoch
    assert epoch_of(tmp_path) == after


def test_a_killed_run_of_an_earlier_version(tmp_path: Path) -> None:
    """Its seal names no witness, and there is none: the store opens with its epoch, and has one from then on."""
    epoch = killed(tmp_path)
    seal = SealFile(tmp_path / DATA_FILE)
    members = json.loads(seal.path.read_bytes())
    del members["witness"]
    seal.path.write_text(json.dumps(members))
    witness = Witness(tmp_path / DATA_FILE)
    witness.path.unlink()
    assert killed(tmp_path) == epoch
    kept = seal.read()
    assert kept is not None
    assert kept.witness == witness.facts() is not None
    assert epoch_of(tmp_path) == epoch


def test_where_there_can_be_no_witness(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Something else has its name, say: the store opens, takes writes, and keeps its epoch."""
    Witness(tmp_path / DATA_FILE).path.mkdir()
    epoch = killed(tmp_path)
    assert "has no witness" in caplog.text
    assert killed(tmp_path) == epoch_of(tmp_path) == epoch
    Witness(tmp_path / DATA_FILE).path.rmdir()
    assert killed(tmp_path) == epoch_of(tmp_path) == epoch


def test_a_touched_witness(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "file")
    assert witness.facts() is None
    first = witness.touch(sync=True)
    assert witness.facts() == first
    while (second := witness.touch(sync=False)) == first:  # the clock of a file system has steps
        pass
    assert witness.facts() == second
    assert second.file == first.file
    assert second.changed_ns > first.changed_ns
    assert witness.path.stat().st_size == 0


class _KilledHere(BaseException):
    pass


@pytest.mark.parametrize("before", [epoch_of, killed])
@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize("call", range(5))
def test_a_kill_while_opening(
    tmp_path: Path, before: Callable[[Path], int], restored: bool, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any of the steps that open the store: a kept epoch stays, and a new one is not forgotten."""
    epoch = before(tmp_path)
    if restored:
        seal_removed(tmp_path)
    steps = 0

    def dying(target: type, name: str) -> None:
        step = getattr(target, name)

        def step_or_die(*arguments: object, **keywords: object) -> object:
            nonlocal steps
            steps += 1
            if steps > call:
                raise _KilledHere
            return step(*arguments, **keywords)

        monkeypatch.setattr(target, name, step_or_die)

    dying(SealFile, "write")
    dying(SealFile, "remove")
    dying(Witness, "touch")
    dying(StoreRun, "_write_meta")
    try:
        environment = opened(tmp_path)
    except _KilledHere:
        assert call < 4
    else:
        assert call == 4
        environment.writes_failed()  # so that the seal is not written at close, as in a kill
        environment.close()
    monkeypatch.undo()
    after = epoch_of(tmp_path)
    assert (after == epoch) is not restored
    assert epoch_of(tmp_path) == after


def test_facts_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("a")
    facts = FileFacts.of(file)
    assert FileFacts.of(file) == facts
    os.utime(file, (1, 1))
    assert FileFacts.of(file).file == facts.file
    assert FileFacts.of(file).changed_ns > facts.changed_ns


@pytest.mark.parametrize("durability", Durability)
def test_the_seal_of_the_run_before_is_broken_for_good_before_anything_is_written(
    tmp_path: Path, durability: Durability, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a power cut that takes all of a run would leave the clean end of the one before."""
    write, written = SealFile.write, []

    def recorded(file: SealFile, seal: Seal, *, sync: bool) -> None:
        written.append((seal.closed_ns is None, sync))
        write(file, seal, sync=sync)

    epoch_of(tmp_path, durability)
    monkeypatch.setattr(SealFile, "write", recorded)
    epoch_of(tmp_path, durability)
    assert written[0] == (True, True)


def test_a_witness_survives_a_power_cut_before_a_seal_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the seal would tell of a time that the file no longer has, and cost an epoch."""
    steps: list[str] = []
    fsync, replaced = os.fsync, SealFile.write

    def synced(descriptor: int) -> None:
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def written(file: SealFile, seal: Seal, *, sync: bool) -> None:
        steps.append("a seal without" if seal.witness is None else "a seal with a witness")
        replaced(file, seal, sync=sync)

    epoch_of(tmp_path)
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(SealFile, "write", written)
    killed(tmp_path)
    assert steps.index("a seal without") < steps.index(f"{DATA_FILE}-witness") < steps.index("a seal with a witness")
