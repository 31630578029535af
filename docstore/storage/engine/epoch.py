"""The epoch of a store: when must clients no longer trust the update sequences that they hold?

Owns the seal and the witness, small files beside the data file, and the verdict whether the store needs a new epoch. It
must not know LMDB: ``store_run.py`` keeps the rows ``epoch`` and ``run`` in the table ``meta`` and hands them in.

A client that read changes up to sequence 100 must not go on from 100 when the store went back to 90 meanwhile, or it
would skip what is written as 91 to 100 the second time. A store goes back when it is restored from a copy, and when a
power cut takes its last commits, which can happen under ``relaxed`` and ``none`` durability. Then it gets a new epoch,
a random number that is part of the text of every sequence, and a ``since`` of another epoch starts from zero.

What happened to a file cannot be told from the file alone, as a copy is equal to its original. So the seal says, from
outside: which run of docstore wrote last (each run puts a random name into ``meta``), which file it wrote (file system
and inode), whether commits of that run survive a power cut, what the run's witness looks like, and, once the store was
closed cleanly, the time of the file's last change (ctime, which no tool can set back). The verdicts:

* no seal: the data file alone was copied here, or somebody removed the seal in order to ask for a new epoch;
* another file: the folder was copied, or the file was replaced by a copy;
* another run: the data file was overwritten in place with one of an earlier or later run;
* changed after the clean close: the same, with a copy of the same run;
* never closed, and commits may have been lost: killed, or power cut, under ``relaxed`` or ``none``;
* never closed, and another witness: the folder of a killed server was copied.

The last verdict is for the copy that gets the inode of the original, because that was removed before or is overwritten.
The data file's own ctime says nothing then, as each commit changes it. The witness is an empty file that a run touches
when it begins and that nobody touches afterwards; a copy of it has a later ctime. While a run begins there is none in
the seal, nor is there in those of earlier versions: then the inode must do, as it must where no witness can be made.

Under ``fsync`` a killed server keeps its epoch. Moving the folder within its file system changes no verdict. An epoch
too many, which costs time and nothing else, comes of all that changes the files' ctime without need: another owner,
mode or label, a hard link. Not noticed are a data file that was overwritten in place, after a crash, with a copy
made earlier in that very run, and what brings a whole file system back, ctime and all: a snapshot of it, or the image
of a disk or machine. Remove the seal then.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import randbits, token_hex
from typing import Any, BinaryIO

SEAL_SUFFIX = "-seal"
WITNESS_SUFFIX = "-witness"
SEAL_ROOM_BYTES = 4096
EPOCH_BITS = 63
RUN_NAME_BYTES = 8


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Which file it is, and when it was last changed (nanoseconds since 1970)."""

    file: tuple[int, int]
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileFacts":
        """The facts of a file that exists.

        The file system is named by its own id, which, other than a device number, outlives a reboot.
        """
        status = path.stat()
        return cls((os.statvfs(path).f_fsid or status.st_dev, status.st_ino), status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Seal:
    """What was known about the data file when the seal was written.

    ``runs`` and ``files`` have a second member only while a step that changes them is under way: either is right.
    """

    runs: tuple[str, ...]
    files: tuple[tuple[int, int], ...]
    survives_power_cut: bool
    closed_ns: int | None = None
    witness: FileFacts | None = None


class SealFile:
    """The file that holds the seal; always replaced as a whole.

    The file that will replace it stands ready beside it, with its room on the disk: a store whose disk is full can be
    opened then, and what is deleted from it makes room again.
    """

    def __init__(self, data_file: Path) -> None:
        self.path = data_file.with_name(data_file.name + SEAL_SUFFIX)
        self._next = self.path.with_name(self.path.name + ".new")

    def read(self) -> Seal | None:
        """The seal, or None if there is none that makes sense."""
        try:
            members = json.loads(self.path.read_bytes())
            return Seal(
                runs=tuple(str(run) for run in members["runs"]),
                files=tuple((int(file_system), int(inode)) for file_system, inode in members["files"]),
                survives_power_cut=members["survives_power_cut"] is True,
                closed_ns=None if members["closed_ns"] is None else int(members["closed_ns"]),
                witness=_witness_from(members.get("witness")),
            )
        except (FileNotFoundError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None

    def write(self, seal: Seal, *, sync: bool) -> None:
        """Replace the seal; with ``sync`` it survives a power cut from now on. Raises OSError."""
        members = {
            "runs": seal.runs,
            "files": seal.files,
            "survives_power_cut": seal.survives_power_cut,
            "closed_ns": seal.closed_ns,
            "witness": seal.witness and asdict(seal.witness),
        }
        text = json.dumps(members).encode()
        with self._open_next() as file:
            file.write(text)
            file.truncate()
            file.flush()
            if sync:
                os.fsync(file.fileno())
        self._next.replace(self.path)
        if sync:
            sync_folder(self.path.parent)
        with contextlib.suppress(OSError), self._open_next() as file:
            os.posix_fallocate(file.fileno(), 0, SEAL_ROOM_BYTES)

    def remove(self, *, sync: bool) -> None:
        """Break the seal: the next open makes a new epoch, whatever happens before."""
        self.path.unlink(missing_ok=True)
        if sync:
            sync_folder(self.path.parent)

    def _open_next(self) -> BinaryIO:
        """The file that will take the seal's place; what is in it does not count, but its room does."""
        return os.fdopen(os.open(self._next, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b")


class Witness:
    """The file by which the folder of a killed run is told from a copy. It is empty, so that a full disk has room."""

    def __init__(self, data_file: Path) -> None:
        self.path = data_file.with_name(data_file.name + WITNESS_SUFFIX)

    def facts(self) -> FileFacts | None:
        """What it looks like, or None if it cannot be seen."""
        try:
            return FileFacts.of(self.path)
        except OSError:
            return None

    def touch(self, *, sync: bool) -> FileFacts:
        """Begin a run: what the witness looks like from now on; with ``sync`` after a power cut too. Raises OSError."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.utime(descriptor)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return FileFacts.of(self.path)


def reason_for_new_epoch(seal: Seal | None, run: str | None, facts: FileFacts, witness: FileFacts | None) -> str | None:
    """Why the store needs a new epoch, in words for the log; None if it keeps the one it has.

    ``run`` is the name in the data file; ``witness``, as ``facts``, what is there. To be asked before anything is
    written to either file.
    """
    if seal is None:
        return "it has no seal: it is a copy, or the seal was removed"
    if facts.file not in seal.files:
        return "its data file is a copy"
    if run is None or run not in seal.runs:
        return "its data file was replaced by an older or newer one"
    if seal.closed_ns is None:
        if not seal.survives_power_cut:
            return "it was not closed cleanly, so commits may have been lost"
        if seal.witness is not None and seal.witness != witness:
            return "its witness is missing or was changed: it is a copy, or its files got another owner or mode"
        return None
    return None if seal.closed_ns == facts.changed_ns else "its data file was changed after it had been closed"


def new_epoch() -> int:
    """A number that no other epoch of this or another store has."""
    return randbits(EPOCH_BITS)


def new_run_name() -> str:
    """A name that no other run has."""
    return token_hex(RUN_NAME_BYTES)


def _witness_from(member: dict[str, Any] | None) -> FileFacts | None:
    """As it stands in the seal. Raises TypeError, ValueError, KeyError, OverflowError."""
    if member is None:
        return None
    file_system, inode = member["file"]
    return FileFacts((int(file_system), int(inode)), int(member["changed_ns"]))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut. Raises OSError."""
    sync_opened_folder(open_folder(folder))


def open_folder(folder: Path) -> int:
    """A descriptor for ``sync_opened_folder``, for those who must know which of the two has failed. Raises OSError."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def sync_opened_folder(descriptor: int) -> None:
    """``sync_folder``, once it is open; closes the descriptor. Raises OSError."""
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
