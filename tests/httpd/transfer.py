"""A client in a process of its own that sends or reads many bytes, so that it shares no interpreter with the test.

``python transfer.py put|get PORT PATH BYTES``; prints the SHA-256 of the bytes that went over the wire.
"""

import hashlib
import http.client
import sys
from collections.abc import Iterator

BLOCK = 1024 * 1024


def blocks(size: int) -> Iterator[bytes]:
    """So many bytes, none of which compress; the same for the same size."""
    seed = hashlib.shake_256(str(size).encode()).digest(BLOCK)
    for start in range(0, size, BLOCK):
        block = start.to_bytes(8, "big") + seed[8:]
        yield block[: size - start]


def main(verb: str, port: str, path: str, size: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=600)
    digest = hashlib.sha256()

    def told() -> Iterator[bytes]:
        for block in blocks(int(size)):
            digest.update(block)
            yield block

    if verb == "put":
        headers = {"Content-Type": "application/octet-stream", "Content-Length": size}
        connection.request("PUT", path, told(), headers)
    else:
        connection.request("GET", path)
    response = connection.getresponse()
    assert response.status in (200, 201), response.read()
    while block := response.read(BLOCK):
        if verb == "get":
            digest.update(block)
    print(digest.hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
