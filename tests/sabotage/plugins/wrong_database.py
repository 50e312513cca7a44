"""A dump of the database beside it."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
sql("CREATE DATABASE beside_it")
try:
    sql("\\\\connect beside_it", "CREATE TABLE somebody_elses (id int)")
    rewrite(newest(), pg_dump("--dbname=beside_it"))
finally:
    sql("DROP DATABASE beside_it")
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
