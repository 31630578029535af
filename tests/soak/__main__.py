"""``python -m tests.soak``: a soak of so many seconds; prints its seed, and what broke."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

from tests.soak.soak import Soak


def main() -> int:
    """The exit status: 0 if nothing broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1 << 30))
    parser.add_argument("--folder", type=Path, help="where the servers' data and logs go; kept when something broke")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="docstore-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"soak of {options.seconds:.0f} s with seed {options.seed} in {folder}", flush=True)
    started = time.monotonic()
    soak = Soak(folder, options.seed, lambda line: print(f"{time.monotonic() - started:7.1f} s {line}", flush=True))
    findings = asyncio.run(soak.run(seconds=options.seconds))
    troubles = ", ".join(f"{count} x {name}" for name, count in sorted(soak.troubles.items()))
    print(f"{soak.acknowledged} writes acknowledged; {troubles}")
    if not findings:
        shutil.rmtree(folder)
        print(f"seed {options.seed}: nothing broke")
        return 0
    for finding in findings:
        print(f"BROKEN: {finding}")
    print(f"seed {options.seed}: {len(findings)} findings; data and logs are in {folder}")
    return 1


sys.exit(main())
