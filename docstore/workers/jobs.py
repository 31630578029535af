"""What a worker does with a job: find the function by its name, call it, tell what came of it.

Owns the way from a job to its answer, in a worker process as in a thread. It must not know how either came. Only
functions below a package, which is ``docstore`` but in tests, can be named.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Final, cast

from docstore.workers.messages import Buffers, FrameReader, Plain, Unpackable, pack, pack_error, size_of

DONE: Final = "done"
FAILED: Final = "failed"


@cache
def function_named(name: str, package: str) -> Callable[..., Plain]:
    """The function of a name such as ``docstore.core.rev:parse_rev``; it is below ``package``. Raises LookupError."""
    module_name, _, function_name = name.partition(":")
    if not module_name.startswith(f"{package}."):
        raise LookupError(f"{name} is not a function below {package}")
    found = getattr(import_module(module_name), function_name, None)
    if not callable(found) or not found.__module__.startswith(f"{package}."):
        raise LookupError(f"{name} is not a function below {package}")
    function: Callable[..., Plain] = found
    return function


def answer(job: object, package: str, max_result: int, leaves: Callable[[], bool] = bool) -> Buffers:
    """To ``[function, arguments]`` the frame of ``[DONE, result, leaves]`` or of ``[FAILED, error, leaves]``.

    ``leaves`` tells, after the work, whether the process takes no more jobs; one that ran out of memory never does.
    """
    name, arguments = cast("tuple[str, Sequence[Plain]]", job)
    try:
        result = function_named(name, package)(*arguments)
        buffers = pack([DONE, result, leaves()])
        if size_of(buffers) > max_result:
            raise Unpackable(f"the result has more than {max_result} bytes")
    except MemoryError:
        return pack([FAILED, pack_error(MemoryError("out of memory")), True])
    except Exception as error:
        return pack([FAILED, pack_error(error), leaves()])
    return buffers


def answer_here(job: Buffers, package: str, max_result: int) -> object:
    """What a worker would say to a job's frame, computed in this process, as plain data as there."""
    return _read(answer(_read(job), package, max_result))


def _read(buffers: Buffers) -> object:
    reader = FrameReader()
    value: object = None
    for buffer in buffers:
        left = memoryview(buffer)
        while left:
            count = min(len(left), len(reader.room))
            reader.room[:count] = left[:count]
            left = left[count:]
            _, value = reader.filled(count)
    return value
