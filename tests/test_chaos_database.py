"""What faults of database and disk say and ask, as far as that needs no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from chaos.corrupt_data import CorruptData
from chaos.exhaust_connections import ExhaustConnections
from chaos.fill_disk import FillDisk
from chaos.lock_table import LockTable
from chaos.marks import SESSION_PREFIX
from chaos.postgres import conninfo, quoted
from chaos.registry import from_journal
from chaos.site_lost import SiteLost
from stack.stack import Stack

STACK = Stack("database-1", Path("/nowhere"))


def test_a_table_may_have_a_schema() -> None:
    assert quoted("sales") == '"sales"'
    assert quoted("drill.writes") == '"drill"."writes"'


@given(name=st.text(st.characters(exclude_characters="\0.", codec="utf-8"), min_size=1))
def test_no_name_gets_out_of_its_quotes(name: str) -> None:
    text = quoted(name)
    assert text[0] == text[-1] == '"'
    assert text[1:-1].replace('""', "") == name.replace('"', "")


def test_a_session_of_a_fault_says_so_and_is_not_ended_for_idling() -> None:
    found = conninfo_to_dict(conninfo(LockTable(STACK).mark))
    assert found["application_name"] == f"{SESSION_PREFIX}-lock-table"
    assert "idle_in_transaction_session_timeout=0" in str(found["options"])


def test_each_kind_of_session_has_a_mark_of_its_own() -> None:
    """Healing the one must not end the other."""
    assert LockTable(STACK).mark not in ExhaustConnections(STACK).mark
    assert ExhaustConnections(STACK).mark not in LockTable(STACK).mark


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            FillDisk(STACK),
            "The volume at /var/lib/postgresql/data of postgres is filled to the last byte (ENOSPC).",
        ),
        (
            FillDisk(STACK, "backup", "/backups", percent=85),
            "The volume at /backups of backup is filled to 85 %.",
        ),
        (
            FillDisk(STACK, leave_bytes=4096),
            "The volume at /var/lib/postgresql/data of postgres is filled to 100 %; 4096 bytes are left free.",
        ),
    ],
)
def test_how_full_a_disk_gets_is_said(fault: FillDisk, sentence: str) -> None:
    assert fault.describe() == sentence


def test_whether_the_server_can_start_is_said() -> None:
    assert "control file" in CorruptData(STACK).describe()
    assert "control file" not in CorruptData(STACK, control=False).describe()


def test_a_lost_site_is_named_and_is_the_stacks_own() -> None:
    lost = SiteLost(STACK)
    kept = json.loads(json.dumps(lost.to_journal()))
    assert from_journal(STACK, kept).describe() == lost.describe()
    assert (
        lost.describe() == "Everything in site a is destroyed at once: its containers, volumes and networks."
    )
