"""What this node counts, as Prometheus reads it.

Owns the names. Where CouchDB's ``_prometheus`` (``couch_prometheus_util``) has a metric of the same meaning, it has the
same name and labels here, also where that is not Prometheus' own way; all else begins with ``docstore_``. The process
itself is told by prometheus-client's own collectors. The module is imported when somebody first asks, since that
library takes a while to load.
"""

import time
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, UntypedMetricFamily
from prometheus_client.registry import Collector

from docstore.core.histogram import PERCENTILES
from docstore.httpd.server.statistics import numbers_of
from docstore.httpd.server.statistics_names import NUMBERS
from docstore.node import Node

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
COUCHDB: Final = "couchdb"
OPEN_DATABASES: Final = (COUCHDB, "open_databases")
"""A counter in ``_stats`` and a gauge here, as in CouchDB."""


def render(collector: "NodeCollector") -> bytes:
    """The text of all metrics; made in a thread, since there may be many."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return generate_latest(registry)


class NodeCollector(Collector):
    """The metrics of one running node. What changes on the event loop is copied there, when this is made."""

    def __init__(self, node: Node, certificate_end: float | None = None) -> None:
        self._certificate_end = certificate_end
        self._node = node
        stats, counters = node.conflict_stats, node.counters
        self._numbers = numbers_of(node)
        times = counters.request_times
        self._times = (times.count, times.total, times.percentiles(time.monotonic()))
        self._methods = dict(counters.requests_by_method)
        self._statuses = dict(counters.responses_by_status)
        self._conflicted = dict(stats.conflicts)
        self._replayed = dict(stats.replays)
        self._lenient = dict(stats.leniencies)
        self._most_refused = stats.most_refused()
        self._duplicates = node.registry.unique.duplicates()
        self._uploaded = dict(node.uploads.counts)
        pool = node.pool
        self._worked = dict(pool.counts)
        self._pool = (pool.waited, len(pool.pids), pool.busy, pool.waiting)

    def describe(self) -> list[Metric]:
        """Nothing is collected before it is asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics but those of the process."""
        yield from self._of_couchdb()
        yield from self._conflicts()
        yield from self._uploads()
        yield from self._storage()
        yield from self._workers()
        if self._certificate_end is not None:
            yield GaugeMetricFamily(
                "docstore_certificate_end_seconds",
                "when the certificate runs out, in seconds since 1970",
                value=self._certificate_end,
            )

    def _of_couchdb(self) -> Iterator[Metric]:
        node = self._node
        yield GaugeMetricFamily(
            "couchdb_uptime_seconds", "seconds since the node started", value=int(time.time() - node.started_at)
        )
        for number in NUMBERS:
            value = self._numbers.get(".".join(number.path))
            if value is not None:
                gauge = number.kind == "gauge" or number.path == OPEN_DATABASES
                name = "_".join(number.path if number.path[0] == COUCHDB else (COUCHDB, *number.path))
                yield (GaugeMetricFamily if gauge else CounterMetricFamily)(name, number.description, value=value)
        yield self._request_times()
        methods = UntypedMetricFamily(
            "couchdb_httpd_request_methods", "number of HTTP requests by method", labels=["method"]
        )
        for method, count in sorted(self._methods.items()):
            methods.add_metric([method], count)
        yield methods
        statuses = UntypedMetricFamily(
            "couchdb_httpd_status_codes", "number of HTTP responses by status code", labels=["code"]
        )
        for status, count in sorted(self._statuses.items()):
            statuses.add_metric([str(status)], count)
        yield statuses

    def _request_times(self) -> Metric:
        """As CouchDB's, but that sum and count are of all requests since the start, so that they can be compared."""
        count, total, percentiles = self._times
        times = Metric("couchdb_request_time_seconds", "length of a request inside CouchDB without MochiWeb", "summary")
        for name, value in zip(PERCENTILES, percentiles, strict=True):
            quantile = name / 100 if name < 100 else name / 1_000
            times.add_sample("couchdb_request_time_seconds", {"quantile": str(quantile)}, value / 1_000)
        times.add_sample("couchdb_request_time_seconds_sum", {}, total / 1_000)
        times.add_sample("couchdb_request_time_seconds_count", {}, count)
        return times

    def _conflicts(self) -> Iterator[Metric]:
        conflicts = CounterMetricFamily(
            "docstore_conflicts", "number of requests and of rows answered with 409", labels=["kind", "db"]
        )
        for (kind, database), count in sorted(self._conflicted.items()):
            conflicts.add_metric([kind, database], count)
        yield conflicts
        replays = CounterMetricFamily(
            "docstore_idempotent_replays", "number of replies given again for an idempotency key", labels=["db"]
        )
        for database, count in sorted(self._replayed.items()):
            replays.add_metric([database], count)
        yield replays
        leniencies = CounterMetricFamily(
            "docstore_lenient_successes", "number of edits that were applied already and answered so", labels=["db"]
        )
        for database, count in sorted(self._lenient.items()):
            leniencies.add_metric([database], count)
        yield leniencies
        often = GaugeMetricFamily(
            "docstore_document_conflicts_last_hour",
            "the documents most often answered with 409 in the last hour, and how often at least",
            labels=["db", "doc"],
        )
        for one in self._most_refused:
            often.add_metric([one.database, one.id], one.refusals)
        yield often
        yield GaugeMetricFamily(
            "docstore_unique_duplicates",
            "number of values in unique indexes that several documents have",
            value=self._duplicates,
        )

    def _uploads(self) -> Iterator[Metric]:
        counts = self._uploaded
        uploads = CounterMetricFamily("docstore_uploads", "number of resumable uploads by event", labels=["event"])
        for event in ("created", "completed", "conflicts", "cancelled", "expired"):
            uploads.add_metric([event], counts.get(event, 0))
        yield uploads
        yield CounterMetricFamily(
            "docstore_upload_bytes", "number of bytes received by resumable uploads", value=counts.get("bytes", 0)
        )

    def _storage(self) -> Iterator[Metric]:
        node = self._node
        yield CounterMetricFamily(
            "docstore_group_commits", "number of transactions that were written", value=node.writer.groups
        )
        yield CounterMetricFamily(
            "docstore_commands", "number of commands carried out in them", value=node.writer.commands
        )
        env = node.env
        yield GaugeMetricFamily("docstore_open_snapshots", "number of open snapshots", value=env.open_snapshots)
        yield GaugeMetricFamily(
            "docstore_oldest_snapshot_seconds",
            "age of the oldest open snapshot, 0 without one",
            value=env.oldest_snapshot_age,
        )
        yield GaugeMetricFamily("docstore_data_file_bytes", "size of the data file", value=env.data_file.stat().st_size)

    def _workers(self) -> Iterator[Metric]:
        counts = self._worked
        waited, processes, busy, waiting = self._pool
        jobs = CounterMetricFamily("docstore_worker_jobs", "number of jobs of worker processes", labels=["outcome"])
        for outcome in ("done", "failed", "timed_out", "lost"):
            jobs.add_metric([outcome], counts.get(outcome, 0))
        yield jobs
        yield CounterMetricFamily(
            "docstore_worker_jobs_retried", "number of jobs done again", value=counts.get("retried", 0)
        )
        yield CounterMetricFamily("docstore_worker_wait_seconds", "seconds that jobs have waited", value=waited)
        changes = CounterMetricFamily("docstore_worker_changes", "changes of worker processes", labels=["event"])
        for event in ("started", "killed", "replaced", "ended", "refused"):
            changes.add_metric([event], counts.get(event, 0))
        yield changes
        yield GaugeMetricFamily("docstore_workers", "number of worker processes", value=processes)
        yield GaugeMetricFamily("docstore_workers_busy", "number of jobs that are being done", value=busy)
        yield GaugeMetricFamily("docstore_worker_jobs_waiting", "number of jobs that wait", value=waiting)
