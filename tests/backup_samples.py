"""Backups made by hand: what pg_dump and PostgreSQL would write, small and altered at will."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drbackup.layout import folder, manifest_path, name
from drbackup.manifest import Manifest, Table
from drbackup.wal import format_lsn, segment_name

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LAST_NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SYSTEM = 7412345678901234567
SEGMENT = 1 << 20

END = "--\n-- PostgreSQL database dump complete\n--\n\n"
TABLES: Mapping[str, Sequence[str]] = {
    "public.products": ["1\tSKU-00001\t\\N", "2\tSKU\\t2\t\\\\.", "3\t\\\\.\tlast"],
    "public.sales": ["1\tseed-1\t4", "2\tseed-2\t1"],
    "public.empty": [],
}


def dump_text(tables: Mapping[str, Sequence[str]] = TABLES, end: str = END) -> str:
    """A plain dump as pg_dump 17 writes it; ``tables`` are their rows, by ``schema.table``."""
    parts = [
        "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 17.6 (Debian 17.6-1)\n\n"
    ]
    for full in tables:
        schema, table = full.split(".")
        parts.append(f"--\n-- Name: {table}; Type: TABLE; Schema: {schema}; Owner: postgres\n--\n\n")
        parts.append(f"CREATE TABLE {full} (\n    id integer NOT NULL\n);\n\n\n")
    for full, rows in tables.items():
        schema, table = full.split(".")
        parts.append(
            f"--\n-- Data for Name: {table}; Type: TABLE DATA; Schema: {schema}; Owner: postgres\n--\n\n"
        )
        parts.append(f"COPY {full} (id, name, value) FROM stdin;\n")
        parts.extend(f"{row}\n" for row in rows)
        parts.append("\\.\n\n\n")
    return "".join([*parts, end])


def compressed(text: str | bytes) -> bytes:
    """What gzip makes of it, always the same."""
    return gzip.compress(text.encode() if isinstance(text, str) else text, 1, mtime=0)


def write_dump(
    root: Path,
    data: bytes,
    when: datetime = LAST_NIGHT,
    tables: Mapping[str, Sequence[str]] = TABLES,
    **changes: object,
) -> Path:
    """A dump with a manifest that is right about its bytes and says that ``tables`` are in it.

    :param changes: fields of the manifest that are something else.
    """
    path = folder(root, "dump") / name("dump", when)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    manifest = Manifest(
        kind="dump",
        file=path.name,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        started_utc=when,
        finished_utc=when + timedelta(seconds=2),
        database="minimarket",
        tables={table: Table(len(rows), "0") for table, rows in tables.items()},
    )
    write_manifest(path, replace(manifest, **changes))  # type: ignore[arg-type]
    return path


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Put a manifest beside a backup."""
    manifest_path(path).write_text(manifest.to_json(), encoding="utf-8")


def write_base(
    root: Path,
    ends_in: int,
    when: datetime = LAST_NIGHT,
    timeline: int = 1,
    **changes: object,
) -> Path:
    """A base that ends in the middle of the segment of that number; a backup_manifest is all it holds."""
    path = folder(root, "base") / name("base", when)
    path.mkdir(parents=True)
    own = b'{"PostgreSQL-Backup-Manifest-Version": 2}\n'
    (path / "backup_manifest").write_bytes(own)
    manifest = Manifest(
        kind="base",
        file=path.name,
        bytes=len(own),
        sha256=hashlib.sha256(own).hexdigest(),
        started_utc=when,
        finished_utc=when + timedelta(seconds=2),
        system_identifier=str(SYSTEM),
        wal_lsn=format_lsn(ends_in * SEGMENT + 40),
        wal_end_lsn=format_lsn(ends_in * SEGMENT + 300),
        timeline=timeline,
    )
    write_manifest(path, replace(manifest, **changes))  # type: ignore[arg-type]
    return path


def write_segment(
    wal: Path, number: int, timeline: int = 1, partial: bool = False, system: int = SYSTEM
) -> Path:
    """A segment of 1 MiB with the first page's header that PostgreSQL would write."""
    wal.mkdir(parents=True, exist_ok=True)
    path = wal / (segment_name(timeline, number, SEGMENT) + (".partial" if partial else ""))
    header = struct.pack("=HHIQI4xQII", 0xD116, 2, timeline, number * SEGMENT, 0, system, SEGMENT, 8192)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(SEGMENT)
    return path


def write_history(wal: Path, timeline: int, ancestors: Sequence[tuple[int, int]]) -> Path:
    """The history of a timeline: each ancestor, and the position at which it was left."""
    path = wal / f"{timeline:08X}.history"
    path.write_text(
        "".join(f"{each}\t{format_lsn(at)}\tno recovery target specified\n\n" for each, at in ancestors)
    )
    return path
