"""Replays recorded scenarios against a server: each step's answer must be the recorded one.

A scenario file is ``{"name", "area", "notes", "steps": [STEP...], "cleanup": [STEP...]?}``. A step has

    method, path, headers?, auth? (null: none; "user:password"; absent: the server's administrator)
    at most one of  body (JSON) | text | base64 | multipart {"subtype", "boundary", "parts"}
    save     {"variable": "json.path" | "@Header" | "@cookie:NAME"}   taken from the answer
    sleep    seconds before the request
    async    a tag: send it and go on; the later step with ``join`` of that tag has its answer
    poll     {"path", "in" | "absent" | "len", "status", "max_s"}: repeat until it holds
    expect   {"status", "headers", and one of json lines events multipart text binary empty}

Variables in ``${...}``: db db2 db3 db4 (names of databases, deleted at the end), user user2 rand, url, aurl (with
credentials), host, and whatever a step saves. How answers are compared is in ``matching``, their bytes in ``wire``.

By hand, against any server:  python -m tests.conformance.replay http://admin:secret@127.0.0.1:5984 [AREA...]
"""

import json
import secrets
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.matching import Difference, difference, is_of_type, loads, matcher_of
from tests.conformance.wire import Answer, Step, Variables, observe, send, substitute

SCENARIOS = Path(__file__).parent / "scenarios"
DATABASES = ("db", "db2", "db3", "db4")
KINDS = ("json", "lines", "events", "multipart", "text", "binary", "empty")
ERRORS_FROM = 400
# A request sent on a thread counts as under way after this time; over HTTP nothing tells that it is.
HEAD_START_SECONDS = 0.1
POLL_PAUSE_SECONDS = 0.05
POLL_LONGEST_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Scenario:
    """One recorded file."""

    name: str
    area: str
    steps: list[Step]
    cleanup: list[Step]


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step with an expectation went; ``difference`` is None when it passed."""

    index: int
    step: Step
    difference: Difference | None

    def __str__(self) -> str:
        verdict = "as recorded" if self.difference is None else str(self.difference)
        return f"step {self.index} {self.step['method']} {self.step['path']} {verdict}"


def load_scenarios(folder: Path = SCENARIOS) -> list[Scenario]:
    """All scenarios of a folder, by name."""
    scenarios = []
    for path in sorted(folder.glob("*.json")):
        recorded = json.loads(path.read_text())
        name, area = recorded["name"], recorded["area"]
        scenarios.append(Scenario(name, area, recorded["steps"], recorded.get("cleanup", [])))
    return scenarios


def compare(expected: dict[str, Any], observed: dict[str, Any], variables: Variables) -> Difference | None:
    """The first difference between a recorded answer and one that came: status, headers, then the body."""
    expected = substitute(expected, variables)
    if expected.get("lenient500") and observed["status"] >= ERRORS_FROM:
        return None  # a crash of the recorded server: any refusal will do
    if expected["status"] != observed["status"]:
        body = next((observed[kind] for kind in KINDS if kind in observed), None)
        return Difference("status", expected["status"], {"status": observed["status"], "body": body})
    if found := difference(expected["headers"], observed["headers"], "headers"):
        return found
    kind = next((kind for kind in KINDS if kind in expected), None)
    got = next(kind for kind in KINDS if kind in observed)
    if kind is None:
        return None
    if {kind, got} == {"json", "lines"}:  # a feed of one line can be read as either
        wanted = expected[kind] if kind == "lines" else [expected[kind]]
        return difference(wanted, observed[got] if got == "lines" else [observed[got]], kind)
    if kind == "json" and got in {"text", "lines"} and matcher_of(expected["json"]) == "$any":
        matches = is_of_type(expected["json"]["$any"], observed[got])
        return None if matches else Difference(kind, expected["json"], observed[got])
    if kind != got:
        return Difference("kind of body", {kind: expected[kind]}, {got: observed[got]})
    return difference(expected[kind], observed[got], kind)


@dataclass(slots=True)
class _Pending:
    """A request that was sent on a thread."""

    thread: threading.Thread
    answers: list[Answer] = field(default_factory=list)


class Replay:
    """One run of one scenario against the server at ``url``, whose credentials are the administrator's."""

    def __init__(self, url: str, scenario: Scenario) -> None:
        parts = urllib.parse.urlsplit(url)
        self._host = f"{parts.hostname}:{parts.port or 80}"
        self._credentials = f"{parts.username}:{parts.password}" if parts.username else None
        self._scenario = scenario
        self._pending: dict[str, _Pending] = {}
        at = f"{self._credentials}@" if self._credentials else ""
        self.variables: Variables = {
            "host": self._host,
            "url": f"http://{self._host}",
            "aurl": f"http://{at}{self._host}",
            "user": f"u{secrets.token_hex(5)}",
            "user2": f"w{secrets.token_hex(5)}",
            "rand": f"r{secrets.token_hex(5)}",
        }
        for name in DATABASES:
            self.variables[name] = f"g{name[2:]}z{secrets.token_hex(5)}"

    def run(self) -> Iterator[StepResult]:
        """The result of each step that has an expectation, in order."""
        try:
            for index, step in enumerate(self._scenario.steps):
                try:
                    answer = self._answer(step)
                except (OSError, ValueError, IndexError) as error:
                    yield StepResult(index, step, Difference("request", "an answer", repr(error)))
                    continue
                if answer is None:
                    continue
                self._save(step, answer)
                if "expect" in step:
                    observed = observe(answer, step.get("ignore_headers", []))
                    yield StepResult(index, step, compare(step["expect"], observed, self.variables))
        finally:
            self._clean_up()

    def _answer(self, step: Step) -> Answer | None:
        """The answer to a step; None when it is to be joined later."""
        if "sleep" in step:
            time.sleep(step["sleep"])
        if "join" in step:
            pending = self._pending.pop(step["join"])
            pending.thread.join()
            return pending.answers[0]
        if "async" in step:
            self._send_on_thread(step)
            return None
        if "poll" in step:
            return self._poll(step)
        return send(self._host, self._credentials, step, self.variables)

    def _send_on_thread(self, step: Step) -> None:
        variables = dict(self.variables)
        answers: list[Answer] = []

        def run() -> None:
            answers.append(send(self._host, self._credentials, step, variables))

        thread = threading.Thread(target=run, daemon=True)
        self._pending[step["async"]] = _Pending(thread, answers)
        thread.start()
        thread.join(HEAD_START_SECONDS)

    def _poll(self, step: Step) -> Answer:
        poll = step["poll"]
        ends = time.monotonic() + poll.get("max_s", POLL_LONGEST_SECONDS)
        while True:
            answer = send(self._host, self._credentials, step, self.variables)
            if self._holds(poll, answer) or time.monotonic() > ends:
                return answer
            time.sleep(POLL_PAUSE_SECONDS)

    def _holds(self, poll: dict[str, Any], answer: Answer) -> bool:
        if "status" in poll:
            return bool(answer.status == poll["status"])
        try:
            value = value_at(loads(answer.body.decode()), poll["path"])
        except (ValueError, LookupError, TypeError):
            return bool(poll.get("absent"))
        if poll.get("absent"):
            return False
        if "len" in poll:
            return len(value) >= poll["len"]
        return "in" not in poll or value in substitute(poll["in"], self.variables)

    def _save(self, step: Step, answer: Answer) -> None:
        for variable, path in step.get("save", {}).items():
            try:
                self.variables[variable] = _saved(path, answer)
            except (ValueError, LookupError, TypeError, StopIteration, AttributeError):
                self.variables[variable] = "MISSING"

    def _clean_up(self) -> None:
        for step in self._scenario.cleanup:
            self._answer(step)
        for name in DATABASES:  # these, and every database whose name begins with one of them
            start = self.variables[name]
            listing = {"method": "GET", "path": f'/_all_dbs?startkey="{start}"&endkey="{start}%EF%BF%B0"'}
            answer = send(self._host, self._credentials, listing, self.variables)
            found = loads(answer.body.decode())
            for database in found if isinstance(found, list) else []:
                path = "/" + urllib.parse.quote(database, safe="")
                send(self._host, self._credentials, {"method": "DELETE", "path": path}, self.variables)


def value_at(value: Any, path: str) -> Any:
    """The value at a dotted path; numbers index arrays, the empty path is the value itself."""
    for name in path.split(".") if path else []:
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def _saved(path: str, answer: Answer) -> Any:
    if path.startswith("@cookie:"):
        start = path.removeprefix("@cookie:") + "="
        cookies = (value for name, value in answer.headers if name.lower() == "set-cookie")
        return next(cookie for cookie in cookies if cookie.startswith(start)).split(";")[0].removeprefix(start)
    if path.startswith("@"):
        header = answer.header(path[1:])
        if header is None:
            raise LookupError(path)
        return header.strip('"')
    return value_at(loads(answer.body.decode()), path)


def main(url: str, areas: list[str]) -> int:
    """Replay by hand; the number of steps that differ."""
    failed = 0
    for scenario in load_scenarios():
        if areas and scenario.area not in areas:
            continue
        results = list(Replay(url, scenario).run())
        differing = [result for result in results if result.difference]
        failed += len(differing)
        print(f"{scenario.name}: {len(results) - len(differing)} of {len(results)}")
        for result in differing:
            print(f"    {result}")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], sys.argv[2:]) else 0)
