"""The steps of the recorded scenarios that docstore does not answer as recorded yet.

Each entry names a scenario, the steps by index, and what is missing. A listed step that passes fails the test, so that
the list can only shrink. A step that will never pass because docstore differs on purpose says so and is explained in
docs/compatibility.md.
"""

from collections.abc import Iterable

ATTACHMENTS = "needs attachments"
JAVASCRIPT = "needs JavaScript: functions of design documents"
USERS = "needs users: the database _users, and members of databases"


def _steps(indices: Iterable[int], reason: str) -> dict[int, str]:
    return dict.fromkeys(indices, reason)


NOT_YET: dict[str, dict[int, str]] = {
    "bulk__get_json": _steps([2, 7, 8, 9], ATTACHMENTS),
    "changes__builtin_filters": _steps([16], JAVASCRIPT),
    "changes__style_conflicts": _steps([8, 9, 10, 12, 13], ATTACHMENTS),
    "doc__copy": _steps([1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16], ATTACHMENTS),
    "ids__design_paths": _steps([9, 10, 11, 16], ATTACHMENTS),
    "security__object": _steps([12, 13], USERS),
    "session__cookie_login": _steps([0, 2, 3, 7, 13, 14], USERS),
}
