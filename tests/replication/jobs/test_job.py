"""How a job is shown."""

from docstore.core.job_history import Event, EventKind
from docstore.errors import DocstoreError
from docstore.replication.jobs.job import State, crash_reason, iso_time, public_proxy
from docstore.replication.options import Endpoint
from docstore.replication.replicator import Progress
from tests.replication.fake_jobs import job

ADDED = Event(EventKind.ADDED, 1_000_000.0)
CRASHED = Event(EventKind.CRASHED, 1_000_001.5, "db_not_found: could not open it")


def test_row_of_scheduler_jobs():
    one = job("a", continuous=True)
    one.history = (CRASHED, ADDED)
    assert one.members("n@h") == {
        "database": "_replicator",
        "id": "a+continuous",
        "pid": None,
        "source": "http://host:5984/a/",
        "target": "http://host:5984/b/",
        "user": None,
        "doc_id": "a",
        "info": None,
        "history": [
            {
                "timestamp": "1970-01-12T13:46:41Z",
                "type": "crashed",
                "reason": "db_not_found: could not open it",
            },
            {"timestamp": "1970-01-12T13:46:40Z", "type": "added"},
        ],
        "node": "n@h",
        "start_time": "1970-01-12T13:46:40Z",
    }
    assert list(one.members("n@h"))[:2] == ["database", "id"]


def test_row_of_scheduler_docs():
    one = job("a", source={"url": "http://host/a"}, source_proxy="http://u:p@proxy:8080")
    one.history = (CRASHED, ADDED)
    assert one.summary("n@h", 120.0) == {
        "database": "_replicator",
        "doc_id": "a",
        "id": "a",
        "node": "n@h",
        "source": "http://host/a/",
        "target": "http://host:5984/b/",
        "state": "crashing",
        "info": {"error": "db_not_found: could not open it"},
        "error_count": 1,
        "last_updated": "1970-01-12T13:46:41Z",
        "start_time": "1970-01-12T13:46:40Z",
        "source_proxy": "http://u:*****@proxy:8080",
        "target_proxy": None,
    }


def test_states_and_what_goes_with_them():
    one = job("a")
    one.history = (ADDED,)
    assert one.state() is State.PENDING
    one.run = 7
    one.progress = Progress()
    assert one.state() is State.RUNNING
    assert one.pid == "<0.7.0>"
    assert one.summary("n", 120.0)["info"] == one.progress.members()
    one.run = None
    one.history = (Event(EventKind.STOPPED, 2.0), CRASHED)
    assert one.state() is State.PENDING


def test_no_secret_is_shown():
    text = repr(job("a")) + repr(job("a").members("n")) + repr(job("a").options)
    assert "secret" not in text


def test_words():
    assert crash_reason(DocstoreError("why", error="what")) == "what: why"
    assert iso_time(1.9) == "1970-01-01T00:00:01Z"
    assert public_proxy(Endpoint("http://h/", proxy="socks5://h:1")) == "socks5://h:1"


def test_what_counts_as_the_same_job():
    assert job("a").same_as(job("a"))
    assert not job("a").same_as(job("a", worker_batch_size=7))
    assert not job("a").same_as(job("a", database="x/_replicator"))
