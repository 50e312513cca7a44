"""The archive command does nothing and says that it succeeded: the server lets go of what nobody has."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
import subprocess, time
archive = pathlib.Path("/wal_archive")

def segments():
    return {path.name for path in archive.iterdir() if len(path.name) == 24}

def sql(*texts):
    command = ["psql", "-q", "-A", "-t"]
    for text in texts:
        command += ["-c", text]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

def until(holds, what):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)

def write_a_segment():
    sql("CREATE TABLE rotten ()", "DROP TABLE rotten")
    return sql("SELECT pg_walfile_name(pg_switch_wal())").splitlines()[-1]

sql("ALTER SYSTEM SET archive_command = '/bin/true'", "SELECT pg_reload_conf()")
until(lambda: sql("SHOW archive_command") == "/bin/true", "the archive command is as it was")
never_archived = write_a_segment()
until(
    lambda: sql("SELECT last_archived_wal FROM pg_stat_archiver") >= never_archived, "the server has not let go of it"
)
sql("ALTER SYSTEM RESET archive_command", "SELECT pg_reload_conf()")
until(lambda: sql("SHOW archive_command") != "/bin/true", "the archive command is still rotten")
next_one = write_a_segment()
until(lambda: next_one in segments(), "nothing is archived")
assert never_archived not in segments()
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
