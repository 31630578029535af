"""Query servers that misbehave, each one line of Python; and the example of the docs."""

import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "docs" / "query_servers" / "python_server.py"
PYTHON = (sys.executable, str(EXAMPLE))

_LOOP = """
import json, os, sys, time
def say(value):
    sys.stdout.write(value if isinstance(value, str) else json.dumps(value) + "\\n")
    sys.stdout.flush()
for line in sys.stdin:
    command = json.loads(line)
    if command[0] == "reset" or command[:2] == ["ddoc", "new"] or command[0] in ("add_fun", "add_lib"):
        say(True)
        continue
    {odd}
"""


def misbehaving(odd: str) -> tuple[str, ...]:
    """A program that does this with what is neither a reset nor something to be learned."""
    return (sys.executable, "-S", "-c", _LOOP.replace("{odd}", odd))
