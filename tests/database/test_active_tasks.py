"""The list of running tasks."""

import pytest

from docstore.database.active_tasks import ActiveTasks


def test_a_task_is_listed_while_it_runs():
    now = [100.9]
    tasks = ActiveTasks(lambda: now[0])
    with tasks.running("database_compaction", database="db", progress=0) as task:
        [entry] = tasks.entries()
        assert entry["type"] == "database_compaction"
        assert (entry["database"], entry["progress"]) == ("db", 0)
        assert (entry["started_on"], entry["updated_on"]) == (100, 100)
        now[0] = 105.0
        task.update(progress=50)
        [entry] = tasks.entries()
        assert (entry["progress"], entry["started_on"], entry["updated_on"]) == (50, 100, 105)
    assert tasks.entries() == []


def test_a_failing_task_is_taken_out():
    tasks = ActiveTasks(lambda: 0)
    with pytest.raises(ValueError, match="broken"), tasks.running("x"):
        raise ValueError("broken")
    assert tasks.entries() == []


def test_tasks_have_their_own_pids_and_entries_are_copies():
    tasks = ActiveTasks(lambda: 0)
    with tasks.running("x"), tasks.running("y"):
        first, second = tasks.entries()
        assert first["pid"] != second["pid"]
        first["type"] = "changed"
        assert tasks.entries()[0]["type"] == "x"
