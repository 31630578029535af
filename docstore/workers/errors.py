"""What can go wrong with a job, beside what the job itself raises.

    DocstoreError
      Unavailable                      503
        WorkersBusy                         workers_busy
      WorkerError                      500  worker_error
        WorkerTimedOut                      worker_timed_out
        WorkerLost                          worker_lost
        WorkerFailed                        worker_failed

Owns these classes and their words.
"""

from docstore.errors import DocstoreError, Unavailable


class WorkersBusy(Unavailable):
    """Too much waits for the workers already (``max_waiting``, ``max_waiting_bytes`` of ``WorkerSettings``)."""

    error = "workers_busy"
    default_reason = "Too much work is waiting for the worker processes; try again later."


class WorkerError(DocstoreError):
    """Work that was given to a worker process did not come to its end; nothing else is affected."""

    error = "worker_error"


class WorkerTimedOut(WorkerError):
    """Work that took longer than it may; the process was ended."""

    error = "worker_timed_out"
    default_reason = "The work took too long and was ended."


class WorkerLost(WorkerError):
    """A worker process that ended in the middle of the work, twice."""

    error = "worker_lost"
    default_reason = "The process that did the work ended unexpectedly."


class WorkerFailed(WorkerError):
    """An error that nobody foresaw; the reason tells its class and words."""

    error = "worker_failed"
