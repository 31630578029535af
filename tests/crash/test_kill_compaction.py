"""SIGKILL at every step of the compaction of a stopped store: the old or the new file is there, whole."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from docstore.settings import StorageSettings
from docstore.storage import keys
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.offline_compaction import STEPS, compact_offline
from tests.crash.storage_child import IN_THE_COPY, key_of, value_of

ROWS = 200
SETTINGS = StorageSettings()


def make_store(folder: Path) -> None:
    """About 4 MB, half of which are free pages."""
    with Environment.open(folder, SETTINGS) as environment:
        for _ in range(2):
            transaction = environment.begin_write()
            transaction.putmulti(
                transaction.tables.docs, [(key_of(number), value_of(number)) for number in range(ROWS)]
            )
            transaction.transaction.commit()


OF_THE_RUN = (keys.META_RUN, keys.META_EXPIRIES_RUN)


def contents(environment: Environment) -> list[list[tuple[bytes, bytes]]]:
    with environment.snapshot() as snapshot:
        return [
            [row for row in snapshot.cursor(getattr(snapshot.tables, name.decode())) if row[0] not in OF_THE_RUN]
            for name in keys.TABLE_NAMES
        ]


@pytest.mark.parametrize("step", [*STEPS, IN_THE_COPY])
def test_kill(tmp_path: Path, step: str) -> None:
    make_store(tmp_path)
    with Environment.open(tmp_path, SETTINGS) as environment:
        before, epoch = contents(environment), environment.epoch
    size = (tmp_path / DATA_FILE).stat().st_size

    command = [sys.executable, "-m", "tests.crash.storage_child", "compact", str(tmp_path), step]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    expected = signal.SIGXFSZ if step == IN_THE_COPY else signal.SIGKILL
    assert killed.returncode == -expected, killed.stderr
    compacted = (tmp_path / DATA_FILE).stat().st_size < size
    assert compacted == (step in STEPS[STEPS.index("renamed") :])

    with Environment.open(tmp_path, SETTINGS) as environment:
        assert contents(environment) == before
        assert environment.epoch == epoch
    assert {path.name for path in tmp_path.iterdir()} == {
        DATA_FILE, f"{DATA_FILE}-lock", f"{DATA_FILE}-seal", f"{DATA_FILE}-seal.new", f"{DATA_FILE}-witness",
        "server.lock",
    }  # fmt: skip
    compact_offline(tmp_path, SETTINGS)
    assert (tmp_path / DATA_FILE).stat().st_size < size
