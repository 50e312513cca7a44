"""Runs in the backup container: makes a dump that is rotten in one way, with a manifest that is right about its bytes.

What it stands for is a backup that went wrong before it was checksummed: only its content can tell. Prints its name.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

HOME = Path("/backups/postgresql")
how = sys.argv[1]
source = sorted(HOME.glob("*.sql.gz"))[-1]
manifest = json.loads(source.with_name(source.name + ".json").read_text())
text = gzip.decompress(source.read_bytes())
rows = text.index(b"\n", text.index(b"COPY public.sales ")) + 1
row_end = text.index(b"\n", rows) + 1
when = datetime.now(UTC)

if how == "deleted-row":
    text = text[:rows] + text[row_end:]
elif how == "changed-value":
    fields = text[rows:row_end].split(b"\t")
    fields[3] = b"1" if fields[3] != b"1" else b"2"
    text = text[:rows] + b"\t".join(fields) + text[row_end:]
elif how == "missing-table":
    text = subprocess.run(["pg_dump", "--exclude-table=sales"], capture_output=True, check=True).stdout
elif how == "wrong-database":
    subprocess.run(["psql", "-qc", "CREATE DATABASE elsewhere"], check=True)
    subprocess.run(["psql", "-qd", "elsewhere", "-c", "CREATE TABLE other (id int)"], check=True)
    text = subprocess.run(["pg_dump", "-d", "elsewhere"], capture_output=True, check=True).stdout
    subprocess.run(["psql", "-qc", "DROP DATABASE elsewhere"], check=True)
elif how == "without-keys":
    sections = ["--section=pre-data", "--section=data"]
    text = subprocess.run(["pg_dump", *sections], capture_output=True, check=True).stdout
elif how == "behind":
    text = re.sub(rb"\nSELECT pg_catalog\.setval\([^\n]*", b"", text)
elif how == "truncated":
    text = text[: text.rindex(b"--\n-- PostgreSQL database dump complete")]
elif how == "empty":
    text = b""
elif how == "failing-statement":
    text = text[:rows] + b"no number\tx\t1\t1\t1\t2025-01-01\n" + text[row_end:]
elif how == "old":
    pass  # the same rows, made two days ago by its manifest
else:
    raise SystemExit(f"unknown: {how}")

data = gzip.compress(text, 1)
target = HOME / f"minimarket_{when:%Y%m%d_%H%M%S}.sql.gz"
if target.exists():
    target = HOME / f"minimarket_{when + timedelta(seconds=1):%Y%m%d_%H%M%S}.sql.gz"
target.write_bytes(data)
if how == "old":
    when -= timedelta(days=2)
stamp = when.isoformat(timespec="microseconds").replace("+00:00", "Z")
manifest.update(
    file=target.name,
    bytes=len(data),
    sha256=hashlib.sha256(data).hexdigest(),
    started_utc=stamp,
    finished_utc=stamp,
)
target.with_name(target.name + ".json").write_text(json.dumps(manifest))
print(target.name)
