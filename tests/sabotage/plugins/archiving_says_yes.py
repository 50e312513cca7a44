"""The archive command does nothing and says that it succeeded: the server lets go of what nobody has."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
sql("ALTER SYSTEM SET archive_command = '/bin/true'", "SELECT pg_reload_conf()")
until(lambda: sql("SHOW archive_command") == "/bin/true", "the archive command is as it was")
never_archived = write_a_segment()
until(
    lambda: sql("SELECT last_archived_wal FROM pg_stat_archiver") >= never_archived, "the server has not let go of it"
)
assert not (archive / never_archived).exists()
"""
UNDO_SCRIPT = """
sql("ALTER SYSTEM RESET archive_command", "SELECT pg_reload_conf()")
until(lambda: sql("SHOW archive_command") != "/bin/true", "the archive command is still rotten")
next_one = write_a_segment()
until(lambda: (archive / next_one).exists(), "nothing is archived")
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
    elif phase == "stopped":
        spoil(drill.stack, UNDO_SCRIPT)
