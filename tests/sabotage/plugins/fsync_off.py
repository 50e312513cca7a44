"""Somebody has switched fsync off: what is acknowledged is not on disk.

A killed server loses nothing by it, a machine without power would: the drill must look at the setting."""

from __future__ import annotations

from typing import LiteralString

import psycopg

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        alter(drill, "ALTER SYSTEM SET fsync = off")
    elif phase == "stopped":
        alter(drill, "ALTER SYSTEM RESET fsync")


def alter(drill: Drill, statement: LiteralString) -> None:
    with psycopg.connect(drill.stack.dsn(), autocommit=True) as connection:
        connection.execute(statement)
        connection.execute("SELECT pg_reload_conf()")
