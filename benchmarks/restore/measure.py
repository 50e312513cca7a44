"""The inner part of the restore benchmark: runs in the backup image."""

from __future__ import annotations

import sys
from pathlib import Path
from time import monotonic, perf_counter, sleep

from drbackup.data_directory import lay_out
from drbackup.layout import listing
from drbackup.manifest import Manifest
from drbackup.restore import new_database, restore_dump
from drbackup.scratch import Server, running, scratch_folder, scratch_server
from drbackup.wal import DEFAULT_SEGMENT_SIZE, parse_lsn, take_stock

from benchmarks.inside import AS_STACK, DATABASE, compare, drbackup, psql, shell, shop, timed

WAL_BYTES = 850 << 20
UPDATED = 20_000  # sales in one statement
ARCHIVING_S = 120
CONTENT = "SELECT count(*), sum(quantity) FROM sales"


def main(rows: int, rounds: int) -> int:
    """Print a line a comparison; 1 when a goal is missed."""
    with shop(rows) as (folder, server):
        size = int(psql(server, f"SELECT pg_database_size('{DATABASE}')"))
        print(
            f"{rows:,} sales, a database of {size / 1e9:.2f} GB; theirs, ours, medians of {rounds}\n",
            flush=True,
        )
        met = [dumps(server, folder, rounds)]
        drps = [timed(lambda: restore_by_the_drp(server, folder)) for _ in range(rounds)]
        met.append(logical(server, folder, drps, rounds))
        drbackup(server, folder, "base")
        archive(server, folder)
        content = psql(server, CONTENT)
        met.append(
            compare(
                "restore: gunzip | psql / base, no replay",
                drps,
                [physical(folder, "none", content) for _ in range(rounds)],
                10,
                "the disk: a copy of the base, and its sync",
            )
        )
        write_wal(server, folder, rows)
        content = psql(server, CONTENT)
        met.append(
            compare(
                f"restore: gunzip | psql / base and {log_size(folder) >> 20} MB of WAL",
                drps,
                [physical(folder, "wal", content) for _ in range(rounds)],
                3,
                "replay, which one core does",
            )
        )
    return 0 if all(met) else 1


def dumps(server: Server, folder: Path, rounds: int) -> bool:
    theirs, ours = [], []
    command = f"pg_dump -d '{server.dsn(DATABASE)}' | gzip > {folder}/drp.sql.gz"
    for _ in range(rounds):
        theirs.append(timed(lambda: shell(command)))
        ours.append(timed(lambda: drbackup(server, folder, "dump")))
    return compare(
        "dump: pg_dump | gzip / drbackup dump",
        theirs,
        ours,
        3,
        "pg_dump's one core, and counting and hashing every row",
    )


def newest(folder: Path) -> tuple[Path, Manifest]:
    backup = listing(folder / "backups", "dump")[-1]
    if backup.manifest is None:
        raise SystemExit(backup.problem)
    return backup.path, backup.manifest


def restore_by_the_drp(server: Server, folder: Path) -> None:
    psql(server, "CREATE DATABASE restored", "postgres")
    shell(f"gunzip -c {folder}/drp.sql.gz | psql -q '{server.dsn('restored')}'")
    psql(server, "DROP DATABASE restored", "postgres")


def logical(server: Server, folder: Path, drps: list[float], rounds: int) -> bool:
    path, manifest = newest(folder)

    def same_server() -> None:
        with new_database(server.dsn(), "restored") as dsn:
            restore_dump(path, manifest, dsn)

    def of_its_own() -> None:
        with scratch_server(folder) as scratch, new_database(scratch.dsn(), DATABASE) as dsn:
            restore_dump(path, manifest, dsn)

    into_server = []
    for _ in range(rounds):
        into_server.append(timed(same_server))
        psql(server, "DROP DATABASE restored", "postgres")
    scratch = [timed(of_its_own) for _ in range(rounds)]
    limit = "COPY and index builds, in one session"
    met = compare("restore: gunzip | psql / into the same server", drps, into_server, 1.25, limit)
    return compare("restore: gunzip | psql / into a scratch server", drps, scratch, 1.25, limit) and met


def physical(folder: Path, wal: str, content: str) -> float:
    """Seconds from an empty directory to a server that answers, has ended its recovery, and holds ``content``."""
    log = take_stock([folder / "backups" / "wal"])
    if wal == "none":
        # To the end of the base: the segment that it ends in, and no more.
        base = listing(folder / "backups", "base")[-1].manifest
        if base is None or base.wal_end_lsn is None:
            raise SystemExit("the base backup does not say where it ends")
        ends = parse_lsn(base.wal_end_lsn) // log.segment_size
        log.complete = {key: segment for key, segment in log.complete.items() if key[1] <= ends}
    settings = {**AS_STACK, "hot_standby": "off", "archive_mode": "off"}
    with scratch_folder(folder) as into:
        began = perf_counter()
        lay_out(listing(folder / "backups", "base"), log, into / "data", None)
        with running(into / "data", into, settings, 600) as server:
            took = perf_counter() - began
            if (found := psql(server, CONTENT)) != content:
                raise SystemExit(f"restored was {found}, and not {content}")
    return took


def write_wal(server: Server, folder: Path, sales: int) -> None:
    """Have the shop work until there is as much WAL as is to be replayed, and all of it is archived."""
    start = psql(server, "SELECT pg_current_wal_lsn()")
    part = 0
    while int(psql(server, f"SELECT (pg_current_wal_lsn() - '{start}')::bigint")) < WAL_BYTES:
        rows = f"id BETWEEN {part * UPDATED + 1} AND {(part + 1) * UPDATED}"
        psql(server, f"UPDATE sales SET quantity = quantity + 1 WHERE {rows}")
        part = (part + 1) % max(sales // UPDATED, 1)
    archive(server, folder)


def archive(server: Server, folder: Path) -> None:
    """End the segment that is being written, and wait until it is archived."""
    # A record first: a segment that holds none is not ended.
    segment = psql(server, "SELECT pg_walfile_name(pg_create_restore_point('archived'))")
    psql(server, "SELECT pg_switch_wal()")
    deadline = monotonic() + ARCHIVING_S
    path = folder / "backups" / "wal" / segment
    while not path.exists() or path.stat().st_size < DEFAULT_SEGMENT_SIZE:
        if monotonic() > deadline:
            raise SystemExit(f"{segment} is not archived within {ARCHIVING_S} s")
        sleep(0.1)


def log_size(folder: Path) -> int:
    """Bytes of the log that the newest base is rolled forward by."""
    base = listing(folder / "backups", "base")[-1].manifest
    if base is None or base.wal_lsn is None:
        raise SystemExit("the base backup does not say where its log begins")
    log = take_stock([folder / "backups" / "wal"])
    begins = parse_lsn(base.wal_lsn) // log.segment_size
    return sum(key[1] >= begins for key in log.complete) * log.segment_size


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
