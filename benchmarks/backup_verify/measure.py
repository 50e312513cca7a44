"""The inner part of the verification benchmark: runs in the backup image."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from drbackup.layout import listing, manifest_path, name
from drbackup.scratch import Server

from benchmarks.inside import compare, drbackup, shell, shop, timed

DUMPS = 30
# DRP, Test 3, test_backup_verification.sh.
LOOP = """
for backup in $(find $BACKUP_DIR -name "*.sql.gz"); do
    if ! gunzip -t "$backup" > /dev/null 2>&1; then echo corrupted; exit 1; fi
done
"""


def main(rows: int, rounds: int) -> int:
    """Print a line a depth; 1 when a goal is missed."""
    with shop(rows) as (folder, server):
        drbackup(server, folder, "dump")
        thirty(folder / "backups")
        size = sum(path.stat().st_size for path in (folder / "backups" / "postgresql").glob("*.gz"))
        print(
            f"{DUMPS} dumps of {rows:,} sales, {size / 1e6:.0f} MB; theirs, ours, medians of {rounds}\n",
            flush=True,
        )
        depths = {
            "checksum": (5.0, "inflating, on all cores"),
            "contents": (3.5, "inflating and counting rows, on all cores"),
        }
        theirs: list[float] = []
        ours: dict[str, list[float]] = {depth: [] for depth in depths}
        for _ in range(rounds):
            theirs.append(timed(lambda: shell(LOOP, BACKUP_DIR=str(folder / "backups" / "postgresql"))))
            for depth, taken in ours.items():
                taken.append(timed(lambda depth=depth: verify(server, folder, depth)))  # type: ignore[misc]
    met = [
        compare(f"gunzip -t loop / verify --depth {depth}", theirs, ours[depth], goal, limit)
        for depth, (goal, limit) in depths.items()
    ]
    return 0 if all(met) else 1


def thirty(root: Path) -> None:
    """Give the dump 29 copies, each a day older."""
    newest = listing(root, "dump")[-1]
    if newest.manifest is None:
        raise SystemExit(newest.problem)
    for days in range(1, DUMPS):
        age = timedelta(days=days)
        path = newest.path.with_name(name("dump", newest.named - age))
        path.write_bytes(newest.path.read_bytes())
        manifest = replace(
            newest.manifest,
            file=path.name,
            started_utc=newest.manifest.started_utc - age,
            finished_utc=newest.manifest.finished_utc - age,
        )
        manifest_path(path).write_text(manifest.to_json(), encoding="utf-8")
    os.sync()


def verify(server: Server, folder: Path, depth: str) -> None:
    """Every dump must be OK; that there is no base, which is said too, is no matter here."""
    told = json.loads(drbackup(server, folder, "verify", "--depth", depth, "--json", status=1))
    found = [each for each in told["findings"] if each["name"].endswith(".gz")]
    if len(found) != DUMPS or not all(each["ok"] and each["reached"] == depth for each in found):
        raise SystemExit(f"not all dumps are OK: {found}")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
