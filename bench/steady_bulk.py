"""Writes ``_bulk_docs`` of 1,000 documents without a pause until it is terminated.

Usage: steady_bulk.py HOST:PORT DATABASE [HEADER...]. Prints a line once the first request was answered.
"""

import itertools
import sys
from http.client import HTTPConnection

from bench import documents


def main() -> None:
    """Write until SIGTERM."""
    netloc, database, *extra = sys.argv[1:]
    headers = {"Content-Type": "application/json", **dict(line.split(": ", 1) for line in extra)}
    connection = HTTPConnection(netloc, timeout=60)
    (template,) = documents.bulk_bodies(1_000, 1_000, prefix="ROUND-")
    for number in itertools.count():
        connection.request("POST", f"/{database}/_bulk_docs", template.replace(b"ROUND-", b"r%06d-" % number), headers)
        response = connection.getresponse()
        response.read()
        if response.status != 201:
            raise SystemExit(f"_bulk_docs answered {response.status}")
        if number == 0:
            print("writing", flush=True)


if __name__ == "__main__":
    main()
