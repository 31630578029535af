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


def answer(job: object, package: str, max_result: int) -> Buffers:
    """To ``[function, arguments]`` the frame of ``[DONE, result]`` or of ``[FAILED, error]``."""
    name, arguments = cast("tuple[str, Sequence[Plain]]", job)
    try:
        buffers = pack([DONE, function_named(name, package)(*arguments)])
        if size_of(buffers) > max_result:
            raise Unpackable(f"the result has more than {max_result} bytes")
    except MemoryError:
        return pack([FAILED, pack_error(MemoryError("out of memory"))])
    except Exception as error:
        return pack([FAILED, pack_error(error)])
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
