"""``dr ledger check`` against DuckDB on the same files, by turns, in one run; medians.

``python -m benchmarks.ledger [OPERATIONS [ROUNDS]]``; the peer comes with ``pip install -e .[bench]``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.ledger.generate import generate


@dataclass
class Run:
    """What a process took, seconds and MiB at its peak, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    printed: dict[str, object]


def run(argv: list[str]) -> Run:
    """Run a process that prints a JSON object."""
    with tempfile.TemporaryFile() as out:
        start = perf_counter()
        process = subprocess.Popen(argv, stdout=out)
        _, _, usage = os.wait4(process.pid, 0)
        wall_s = perf_counter() - start
        out.seek(0)
        printed = json.load(out)
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed)


def main(operations: int, rounds: int) -> None:
    """Print a line a contestant, and the ratio of their wall times."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as name:
        folder = Path(name)
        fault_at = str(generate(folder, operations))
        files = [str(folder / "history.jsonl"), str(folder / "survivors.jsonl")]
        ours = [sys.executable, "-c", "from cli.main import main; main()", "ledger", "check", *files]
        contestants = {
            "dr ledger check": [*ours, "--fault-at", fault_at, "--rpo", "60", "--json"],
            "DuckDB": [sys.executable, str(Path(__file__).with_name("peer_duckdb.py")), *files, fault_at],
        }
        taken: dict[str, list[Run]] = {each: [] for each in contestants}
        for _ in range(rounds):
            for each, argv in contestants.items():
                taken[each].append(run(argv))
    for one, other in zip(*taken.values(), strict=True):
        if not other.printed.items() <= one.printed.items():
            raise SystemExit(f"they do not count the same: {one.printed}, {other.printed}")
    print(f"{operations:,} operations, medians of {rounds}")
    for each, runs in taken.items():
        wall_s, cpu_s = median(r.wall_s for r in runs), median(r.cpu_s for r in runs)
        peak = max(r.peak_mib for r in runs)
        print(f"  {each:16} {wall_s:6.2f} s wall  {cpu_s:6.2f} s cpu  {peak:6.0f} MiB at its peak")
    ours_s, peer_s = (median(r.wall_s for r in runs) for runs in taken.values())
    print(f"  DuckDB takes {peer_s / ours_s:.2f} times as long")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("operations", type=int, nargs="?", default=10_000_000)
    parser.add_argument("rounds", type=int, nargs="?", default=5)
    wanted = parser.parse_args()
    if importlib.util.find_spec("duckdb") is None:
        parser.error("the peer, DuckDB, is not installed: pip install -e .[bench]")
    main(wanted.operations, wanted.rounds)
