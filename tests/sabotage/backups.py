"""What saboteurs of backups do to them: a few lines of Python in the backup container, as a rotten script would."""

from __future__ import annotations

from stack.stack import Stack

PRELUDE = r"""
import datetime, gzip, hashlib, json, os, pathlib, subprocess, sys, time
sys.path.insert(0, "/opt/drbackup")
root = pathlib.Path("/backups")
archive = pathlib.Path("/wal_archive")

def dumps():
    return sorted((root / "postgresql").glob("*.sql.gz"))

def newest():
    return dumps()[-1]

def manifest(path):
    return path.with_name(path.name + ".json")

def content(path):
    return gzip.decompress(path.read_bytes())

def segments():
    return sorted(path for path in archive.iterdir() if len(path.name) == 24)

def sql(*texts):
    command = ["psql", "-q", "-A", "-t"]
    for text in texts:
        command += ["-c", text]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

def pg_dump(*arguments):
    return subprocess.run(["pg_dump", *arguments], check=True, capture_output=True).stdout

def until(holds, what):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)

def write_a_segment():
    sql("CREATE TABLE rotten ()", "DROP TABLE rotten")
    return sql("SELECT pg_walfile_name(pg_switch_wal())")

def rewrite(path, data, **changes):
    # As a script would that believes in what it has written: checksum and size are right.
    path.write_bytes(gzip.compress(data, 1))
    said = json.loads(manifest(path).read_text())
    said["bytes"] = path.stat().st_size
    said["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    said.update(changes)
    manifest(path).write_text(json.dumps(said))
"""


def spoil(stack: Stack, script: str) -> None:
    """Run ``script`` there, with the functions of the prelude at hand."""
    done = stack.exec("backup", ["python3", "-c", PRELUDE + script], timeout_s=60)
    if done.exit_code != 0:
        raise RuntimeError(f"the saboteur failed: {done.output}")
