"""One segment of the log is missing in the archive."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
import subprocess, time
archive = pathlib.Path("/wal_archive")

def segments():
    return sorted(path for path in archive.iterdir() if len(path.name) == 24)

def sql(text):
    subprocess.run(["psql", "-q", "-c", text], check=True, stdout=subprocess.DEVNULL)

before = len(segments())
for _ in range(3):
    sql("CREATE TABLE rotten ()")
    sql("DROP TABLE rotten")
    sql("SELECT pg_switch_wal()")
deadline = time.monotonic() + 30
while len(segments()) < before + 3:
    assert time.monotonic() < deadline, "nothing is archived"
    time.sleep(0.2)
segments()[-2].unlink()
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
