"""Drives ``wrk`` and reads its report.

Owns the command line and the Lua snippets of wrk; it must not know databases beyond the paths it is given.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
P99 = re.compile(r"99%\s+([\d.]+)(us|ms|s)")
NON_2XX = re.compile(r"Non-2xx or 3xx responses: (\d+)")
SOCKET_ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests per second, p99 latency in seconds, replies that were not 2xx or 3xx, socket errors."""

    rate: float
    p99: float
    other_replies: int
    socket_errors: int


def available() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def run(url: str, headers: Mapping[str, str], *, connections: int, seconds: float, script: str = "") -> Load:
    """Load on one URL. ``script`` is Lua that may define ``request``; without one it is a plain GET."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "--latency"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    with tempfile.TemporaryDirectory() as folder:
        if script:
            path = Path(folder) / "request.lua"
            path.write_text(script)
            command += ["-s", str(path)]
        report = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    return _read(report)


def _read(report: str) -> Load:
    rate, p99 = RATE.search(report), P99.search(report)
    if rate is None or p99 is None:
        raise RuntimeError(f"wrk said: {report}")
    other, errors = NON_2XX.search(report), SOCKET_ERRORS.search(report)
    return Load(
        rate=float(rate.group(1)),
        p99=float(p99.group(1)) * UNITS[p99.group(2)],
        other_replies=int(other.group(1)) if other else 0,
        socket_errors=sum(map(int, errors.groups())) if errors else 0,
    )


def put_new(database: str, document: str, prefix: str) -> str:
    """Lua that PUTs a document under a new id at every call."""
    return f"""
local n = 0
local body = [[{document}]]
request = function()
  n = n + 1
  return wrk.format("PUT", string.format("/{database}/{prefix}%09d", n), {{["Content-Type"]="application/json"}}, body)
end
"""


def put_same(path: str, document: str) -> str:
    """Lua that PUTs the same document to the same path at every call."""
    return f"""
local body = [[{document}]]
request = function()
  return wrk.format("PUT", "{path}", {{["Content-Type"]="application/json"}}, body)
end
"""
