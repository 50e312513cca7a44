"""What the inner parts of the backup benchmarks share: a server as the stack's, a shop of a size, a stopwatch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

from drbackup.scratch import Server, make_cluster, running, scratch_folder

FOLDER = Path("/var/tmp")
DATABASE = "minimarket"
# As stack/postgres/conf/postgresql.conf has it, as far as it matters to speed.
AS_STACK: Mapping[str, str] = {
    "fsync": "on",
    "wal_level": "replica",
    "max_wal_senders": "6",
    "max_wal_size": "512MB",
    "wal_compression": "on",
    "shared_buffers": "768MB",
    "maintenance_work_mem": "64MB",
    "max_parallel_maintenance_workers": "2",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
_SHOP = """
    CREATE TABLE products (id integer PRIMARY KEY, sku text NOT NULL, name text NOT NULL, price_cents integer NOT NULL,
        stock integer NOT NULL);
    INSERT INTO products SELECT n, 'SKU-' || lpad(n::text, 5, '0'), 'Product ' || n, 99 + (n * 37) % 9900, 1000000
        FROM generate_series(1, 5000) n;
    CREATE TABLE sales (id bigint NOT NULL, client_id text NOT NULL, product_id integer NOT NULL,
        quantity integer NOT NULL, unit_price_cents integer NOT NULL, sold_at timestamptz NOT NULL);
    INSERT INTO sales SELECT n, 'seed-' || substr(md5(n::text), 1, 20), 1 + (n::bigint * 7919) % 5000, 1 + n % 4,
        99 + (n % 9900), timestamptz '2025-01-01 00:00:00+00' + n * interval '1.234567 seconds'
        FROM generate_series(1, {rows}) n;
    ALTER TABLE sales ADD PRIMARY KEY (id), ADD UNIQUE (client_id),
        ADD FOREIGN KEY (product_id) REFERENCES products;
    CREATE INDEX ON sales (product_id);
    VACUUM (FREEZE, ANALYZE);
    CHECKPOINT;
"""


@contextmanager
def shop(rows: int) -> Iterator[tuple[Path, Server]]:
    """A server with a shop of so many sales, and the folder that it lies in."""
    with scratch_folder(FOLDER) as folder:
        make_cluster(folder / "data")
        with running(folder / "data", folder, {**AS_STACK, **archiving(folder)}) as server:
            psql(server, f"CREATE DATABASE {DATABASE}", "postgres")
            for statement in _SHOP.format(rows=rows).split(";\n"):
                if statement.strip():
                    psql(server, statement)
            yield folder, server


def archiving(folder: Path) -> dict[str, str]:
    """Settings that archive WAL to the folder's ``backups/wal``."""
    (folder / "backups" / "wal").mkdir(parents=True)
    (folder / "backups" / "wal").chmod(0o777)
    return {"archive_mode": "on", "archive_command": f"cp %p {folder}/backups/wal/%f"}


def psql(server: Server, statement: str, database: str = DATABASE) -> str:
    """Run a statement; what it answers."""
    command = [
        "psql",
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        server.dsn(database),
        "-c",
        statement,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def shell(command: str, **environment: str) -> None:
    """Run a command of the DRP's, as it stands there."""
    subprocess.run(
        ["sh", "-c", command], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment}
    )


def drbackup(server: Server, folder: Path, *arguments: str, status: int = 0) -> str:
    """Run our tool; what it prints."""
    environment = {
        "PGHOST": str(server.sockets),
        "PGUSER": "postgres",
        "PGDATABASE": DATABASE,
        "DRBACKUP_ROOT": str(folder / "backups"),
        "DRBACKUP_WAL_ARCHIVE": "/none",
    }
    done = subprocess.run(
        [sys.executable, "-m", "drbackup", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != status:
        raise SystemExit(f"drbackup {arguments[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = perf_counter()
    action()
    return perf_counter() - began


def compare(what: str, theirs: list[float], ours: list[float], goal: float, limit: str) -> bool:
    """Print a line: medians and their ratio; whether the goal is reached."""
    ratio = median(theirs) / median(ours)
    mark = "✔" if ratio >= goal else "✘"
    print(f"{mark} {what:44} {median(theirs):7.2f} s {median(ours):7.2f} s {ratio:6.2f}x  (goal {goal:g}x)")
    print(f"    limited by {limit}; all rounds: {_all(theirs)} / {_all(ours)}", flush=True)
    return ratio >= goal


def _all(seconds: list[float]) -> str:
    return " ".join(f"{each:.2f}" for each in seconds)
