"""The differential test, by hand: ``python -m tests.differential http://user:password@127.0.0.1:15984``."""

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.crash.server_process import ServerProcess
from tests.differential.connection import Server
from tests.differential.known_differences import KNOWN
from tests.differential.playing import Found
from tests.differential.running import WORKERS, Bounds, Report, Run

ADDRESS = "127.0.21.7"


def main() -> int:
    """Run, report; 1 if there was a difference that nobody declared."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("peer", help="http://user:password@host:port of a CouchDB")
    parser.add_argument("--seconds", type=float, help="how long (default: 60, without --requests)")
    parser.add_argument("--requests", type=int, help="how many requests to each")
    parser.add_argument("--seed", type=int, help="default: a new one")
    parser.add_argument("--sequence", type=int, help="only this one of the seed's sequences")
    parser.add_argument("--workers", type=int, default=WORKERS, help="sequences at a time")
    parser.add_argument("--caught", type=Path, help="a file for what the declared differences caught, a line each")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(1_000_000)
    seconds = arguments.seconds if arguments.seconds or arguments.requests else 60.0
    print(f"seed {seed}", flush=True)
    peer = Server(arguments.peer, ADDRESS)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="docstore-differ-"))
        process = stack.enter_context(own_server(peer, Path(folder)))
        caught = stack.enter_context((arguments.caught or Path(os.devnull)).open("w"))
        own = Server(f"http://{peer.user}:{peer.password}@127.0.0.1:{process.port}")
        run = Run(peer, own, KNOWN, seed, partial(print, flush=True), lambda *one: print(as_line(*one), file=caught))
        if arguments.sequence is not None:
            work = run.single(arguments.sequence)
        else:
            work = run.until(Bounds(seconds, arguments.requests), arguments.workers)
        report: Report = asyncio.run(work)
    print(report)
    for entry in KNOWN:
        if entry.name not in report.met:
            print(f"  not met: {entry.name}")
    return 1 if report.groups else 0


def as_line(name: str, caught: Found) -> str:
    """What an entry caught, as JSON: to see whether all of it is what the entry says."""
    difference = caught.difference
    told = {"entry": name, "request": str(caught.requests[-1]), "where": difference.where}
    told |= {"theirs": difference.theirs, "ours": difference.ours, "kind": difference.kind}
    return json.dumps(told, ensure_ascii=False, default=str)


def own_server(peer: Server, folder: Path) -> ServerProcess:
    """docstore, with the peer's administrator."""
    arguments = ["--durability", "none", "--log-level", "error", "--admin", peer.user, "--set", "search/enabled=false"]
    env = {**os.environ, "DOCSTORE_ADMIN_PASSWORD": peer.password}
    return ServerProcess(folder, arguments=arguments, env=env)


sys.exit(main())
