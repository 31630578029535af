"""Questions about attachments of 20 MB: how fast they are taken, durably, and how fast they are given.

Owns how the bytes are sent and timed. The ceilings are LMDB writing the same chunks with the same syncs, and aiohttp
streaming the same bytes from memory. Figures are medians, in MB/s.
"""

import os
import statistics
import subprocess
import time
from pathlib import Path

import lmdb

from bench import questions
from bench.servers import Target
from docstore.storage.attachments.blob_rows import CHUNK_BYTES

SIZE = 20_000_000
TIMES = 9
WINDOW_CHUNKS = 16
"""Chunks in one transaction: about 4 MiB, as the server stages them."""
DATABASE = "bench_attachments"
MEGA = 1e6


def puts(target: Target, content_type: str, size: int = SIZE, times: int = TIMES) -> float:
    """PUTs of attachments that the store has not seen before."""
    questions.create(target, DATABASE)
    connection = target.connection()
    rates = []
    for number in range(times):
        body = os.urandom(size)
        began = time.perf_counter()
        connection.request(
            "PUT", f"/{DATABASE}/doc{number}/bytes", body, {**target.headers, "Content-Type": content_type}
        )
        response = connection.getresponse()
        response.read()
        rates.append(size / (time.perf_counter() - began) / MEGA)
        if response.status != 201:
            raise RuntimeError(f"an attachment was answered {response.status}")
    connection.close()
    return statistics.median(rates)


def gets(url: str, size: int = SIZE, times: int = TIMES) -> float:
    """GETs by curl, the bytes thrown away."""
    rates = []
    for _ in range(times):
        command = ["curl", "-s", "-o", os.devnull, "-w", "%{size_download} %{time_total}", url]
        received, taken = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        if int(received) != size:
            raise RuntimeError(f"{url} gave {received} bytes")
        rates.append(size / float(taken) / MEGA)
    return statistics.median(rates)


def bare_chunks(folder: Path, size: int = SIZE, times: int = TIMES) -> float:
    """LMDB alone: the same chunks in transactions of the same size, each synced."""
    rates = []
    with lmdb.open(str(folder / "chunks.mdb"), subdir=False, map_size=1 << 34) as env:
        for number in range(times):
            data = os.urandom(size)
            pieces = [data[start : start + CHUNK_BYTES] for start in range(0, size, CHUNK_BYTES)]
            began = time.perf_counter()
            for start in range(0, len(pieces), WINDOW_CHUNKS):
                with env.begin(write=True) as transaction:
                    for index, piece in enumerate(pieces[start : start + WINDOW_CHUNKS], start):
                        transaction.put(b"%08d%08d" % (number, index), piece)
            rates.append(size / (time.perf_counter() - began) / MEGA)
    return statistics.median(rates)
