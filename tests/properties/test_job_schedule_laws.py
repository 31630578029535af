"""The schedule of replications as a machine: whatever jobs come, end, crash and are removed, its promises hold."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from docstore.core.job_history import Event, EventKind, consecutive_crashes, crash_wait, last_started, remember
from docstore.core.job_schedule import Standing, plan_turn
from tests.examples import examples

INTERVAL = 60.0
THRESHOLD = 120.0
OWNERS = ("_replicator", "x/_replicator", "user admin")


class Job:
    def __init__(self, number: int, owner: str, continuous: bool, now: float) -> None:
        self.id = f"{number:04}"
        self.owner = owner
        self.continuous = continuous
        self.running = False
        self.ready = 0.0
        self.waits = 0  # turns for which it could have run and did not
        self.history = (Event(EventKind.ADDED, now),)

    def standing(self) -> Standing:
        started = last_started(self.history)
        return Standing(self.id, self.owner, self.continuous, self.running, started, self.ready)


class Schedule(RuleBasedStateMachine):
    """Only turns stop and start jobs; between them the world does what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.max_jobs = 3
        self.jobs: list[Job] = []
        self.made = 0

    def note(self, job: Job, kind: EventKind) -> None:
        job.running = kind is EventKind.STARTED
        job.history = remember(job.history, Event(kind, self.now), 20)

    @rule(owner=st.sampled_from(OWNERS), continuous=st.booleans())
    def add(self, owner: str, continuous: bool) -> None:
        self.made += 1
        self.jobs.append(Job(self.made, owner, continuous, self.now))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        self.jobs.remove(data.draw(st.sampled_from(self.jobs)))

    @rule(seconds=st.floats(1.0, 300.0))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(most=st.integers(0, 5))
    def change_limit(self, most: int) -> None:
        self.max_jobs = most

    @precondition(lambda self: any(job.running for job in self.jobs))
    @rule(data=st.data(), fraction=st.floats(0.0, 1.0, exclude_max=True))
    def crash(self, data: st.DataObject, fraction: float) -> None:
        job = data.draw(st.sampled_from([job for job in self.jobs if job.running]))
        self.note(job, EventKind.CRASHED)
        wait = crash_wait(consecutive_crashes(job.history, THRESHOLD), fraction)
        assert 15.0 <= wait <= 1.25 * 30.0 * 1024
        job.ready = self.now + wait

    @precondition(lambda self: any(job.running and not job.continuous for job in self.jobs))
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        done = [job for job in self.jobs if job.running and not job.continuous]
        self.jobs.remove(data.draw(st.sampled_from(done)))

    @rule(max_churn=st.integers(0, 4))
    def turn(self, max_churn: int) -> None:
        self.now += 1.0
        running = {job.id: job for job in self.jobs if job.running}
        waiting = {job.id: job for job in self.jobs if not job.running and job.ready <= self.now}
        plan = plan_turn(
            [job.standing() for job in self.jobs], now=self.now, max_jobs=self.max_jobs, max_churn=max_churn
        )
        assert len(set(plan.stop)) == len(plan.stop)
        assert set(plan.stop) <= set(running)
        assert set(plan.start) <= set(waiting), "a job is started that may not be"
        surplus = max(0, len(running) - self.max_jobs)
        assert len(plan.stop) <= max(surplus, max_churn)
        if not surplus:
            assert all(running[job_id].continuous for job_id in plan.stop), "a one-shot job gives way"
            assert len(plan.stop) <= max(0, len(waiting) - (self.max_jobs - len(running))), "stopped for nothing"
        for job_id in plan.stop:
            self.note(running[job_id], EventKind.STOPPED)
        for job_id in plan.start:
            self.note(waiting[job_id], EventKind.STARTED)
        left = [job for job in waiting.values() if not job.running]
        places = self.max_jobs - sum(job.running for job in self.jobs)
        assert places >= 0
        assert not left or places == 0, "a place is free while a job waits"

    @invariant()
    def a_job_that_crashed_waits(self) -> None:
        assert not any(job.running and job.ready > self.now for job in self.jobs)


Schedule.TestCase.settings = settings(max_examples=examples(30, 120), stateful_step_count=40)
TestSchedule = Schedule.TestCase


def test_every_continuous_job_has_its_turn() -> None:
    """With one owner of forty jobs and one of two, and room for three, nobody waits forever, and owners share."""
    jobs = [Job(number, "many" if number < 40 else "few", True, 0.0) for number in range(42)]
    runs = dict.fromkeys((job.id for job in jobs), 0)
    turns = 200
    for turn in range(1, turns + 1):
        now = turn * INTERVAL
        plan = plan_turn([job.standing() for job in jobs], now=now, max_jobs=3, max_churn=20)
        for job in jobs:
            if job.id in plan.stop or job.id in plan.start:
                job.running = job.id in plan.start
                kind = EventKind.STARTED if job.running else EventKind.STOPPED
                job.history = remember(job.history, Event(kind, now), 20)
            runs[job.id] += job.running
    assert min(runs.values()) >= turns // 42
    few = sum(runs[job.id] for job in jobs if job.owner == "few")
    assert few >= turns, "two owners share three places: the smaller one has one of them at any time"
