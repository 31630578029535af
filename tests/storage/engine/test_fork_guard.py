"""Every open store is told of a fork, in the child alone."""

import os

from docstore.storage.engine import fork_guard


class Listener:
    def __init__(self, *, failing: bool = False) -> None:
        self.told = 0
        self.failing = failing

    def after_fork_in_child(self) -> None:
        self.told += 1
        if self.failing:
            raise OSError


def status_of_child(expected: dict[Listener, int]) -> int:
    child = os.fork()
    if child == 0:
        os._exit(0 if all(listener.told == times for listener, times in expected.items()) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_all_are_told_whatever_one_of_them_does() -> None:
    listeners = [Listener(failing=number % 2 == 0) for number in range(6)]
    for listener in listeners:
        fork_guard.guard(listener)
    try:
        assert status_of_child(dict.fromkeys(listeners, 1)) == 0
        assert [listener.told for listener in listeners] == [0] * 6
        fork_guard.unguard(listeners[0])
        assert status_of_child({listeners[0]: 0, listeners[1]: 1}) == 0
    finally:
        for listener in listeners:
            fork_guard.unguard(listener)
