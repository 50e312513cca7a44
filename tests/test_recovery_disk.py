"""Full disks: what df says, what may be removed, and who is to be restarted."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import cast

import pytest

from chaos.marks import FILE_PREFIX
from fixtures.backups import Clutter, kept, needed, not_cleaned
from plan.load import load_plan
from plan.model import Plan
from recovery import scenario_4
from recovery.disk import parse, too_full
from recovery.model import StepResult, StepStatus
from recovery.runbook import Ran, Step
from stack.execution import ExecResult
from stack.stack import Stack

DF = """\
Filesystem     1024-blocks   Used Available Capacity Mounted on
tmpfs               524288 524288         0     100% /hold/backups
tmpfs              1048576  78572    970004       8% /hold/postgres
/dev/loop0          100000  70000     20000      78% /hold/wal
tmpfs                    0      0         0       0% /hold/none
overlay           10000000 900000    100000      99% /
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Path(__file__).parent.parent / "drp.toml")


def test_df_is_read_as_an_operator_reads_it() -> None:
    """What is kept for root is not free: df counts so too."""
    shares = parse(DF)
    assert set(shares) == {"/hold/backups", "/hold/postgres", "/hold/wal", "/hold/none"}
    assert shares["/hold/backups"] == 1
    assert shares["/hold/postgres"] == pytest.approx(0.0749, abs=1e-3)
    assert shares["/hold/wal"] == pytest.approx(7 / 9)
    assert shares["/hold/none"] == 0


@pytest.mark.parametrize("output", ["", "df: /hold: No such file or directory"])
def test_what_df_does_not_say_is_not_known(output: str) -> None:
    assert parse(output) == {}


def test_a_volume_is_too_full_from_the_limit_on() -> None:
    assert too_full({"/hold/a": 0.799, "/hold/b": 0.1}, 0.8) == ""
    said = too_full({"/hold/a": 0.8, "/hold/b": 1.0, "/hold/c": 0.5}, 0.8)
    assert said == "/hold/a is 80% full, /hold/b is 100% full: less than 80% is wanted"


class Container:
    """Hands that find one log in a container, and one list of metrics."""

    def __init__(self, log: str = "", metrics: str = "", ok: bool = True) -> None:
        self._log, self._metrics, self._ok = log, metrics, ok
        self.asked: list[str] = []

    def spell(self, command: str) -> str:
        return command

    def run(self, command: str, timeout_s: float) -> Ran:
        self.asked.append(command)
        if "inspect" in command:
            return Ran(True, "2026-11-24T12:00:00.5Z\n")
        return Ran(self._ok, self._log if "docker logs" in command else self._metrics)


def step(plan: Plan, command: str) -> Step:
    """The step of the ladder whose command contains this."""
    rungs = scenario_4.runbook(plan).ladder
    [found] = [step for rung in rungs for step in rung.steps if command in step.command]
    return found


def why_not(step: Step, hands: Container) -> str:
    assert step.when is not None
    return step.when.why_not(hands)


@pytest.mark.parametrize("service", scenario_4.WRITERS)
def test_only_who_has_met_a_full_disk_is_restarted(plan: Plan, service: str) -> None:
    restart = step(plan, f"restart --timeout 20 {service}")
    hands = Container("ERROR:  could not extend file: No space left on device")
    assert why_not(restart, hands) == ""
    assert hands.asked[-1] == f"docker logs --since 2026-11-24T12:00:00.5Z {{{service}}}"
    assert "has not met a full disk" in why_not(restart, Container("all is well"))
    assert why_not(restart, Container(ok=False)) == "", "what is not known is not spared"


@pytest.mark.parametrize(
    ("metrics", "again"),
    [
        ('drbackup_last_run_failed{kind="dump"} 1.0\ndrbackup_last_run_failed{kind="base"} 0.0', True),
        ('drbackup_last_run_failed{kind="dump"} 0.0', False),
        ('drbackup_last_size_bytes{kind="dump"} 1.0', False),
        ("", False),
    ],
)
def test_a_backup_is_made_again_when_one_has_failed(plan: Plan, metrics: str, again: bool) -> None:
    backup = step(plan, "backup_database.sh")
    assert (why_not(backup, Container(metrics=metrics)) == "") is again
    assert why_not(backup, Container(ok=False)) == ""


def here(command: str, root: Path) -> list[str]:
    """Carry out a command of the holder on the volumes below ``root``, and tell what it printed."""
    argv = shlex.split(command)
    argv = [part.replace("/hold", str(root)) for part in argv[argv.index("find") :]]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """The volumes that are cleaned, with nothing in them."""
    for volume in ("postgres", "wal", "redis", "backups"):
        (tmp_path / volume).mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "goes"),
    [
        (f"postgres/{FILE_PREFIX}", True),
        (f"backups/{FILE_PREFIX}", True),
        ("backups/.old-export.sql.Xy12Zw", True),
        (f"backups/postgresql/{FILE_PREFIX}", False),
        ("backups/config_1795489200.tar.gz", False),
        ("backups/by_hand.sql.gz", False),
        ("backups/old-export.sql", False),
        ("backups/.drbackup.lock", False),
        ("wal/000000010000000000000007", False),
        ("wal/000000010000000000000007.partial", False),
        ("wal/.000000010000000000000007.part", False),
        ("wal/000000010000000000000007.bak", False),
        ("postgres/postgresql.auto.conf", False),
        ("redis/dump.rdb", False),
        ("redis/temp-42.rdb", False),
    ],
)
def test_nothing_that_may_be_somebodys_is_removed(plan: Plan, hold: Path, path: str, goes: bool) -> None:
    file = hold / path
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as sparse:
        sparse.truncate(2 << 20)
    printed = here(step(plan, " -delete").command, hold)
    assert printed == ([str(file)] if goes else [])
    assert file.exists() is not goes


def test_what_is_small_is_not_worth_removing(plan: Plan, hold: Path) -> None:
    (hold / "backups" / ".small").write_bytes(b"small")
    assert here(step(plan, " -delete").command, hold) == []


def test_a_log_that_nobody_writes_to_any_more_is_compressed(plan: Plan, hold: Path) -> None:
    logs = hold / "backups" / "log"
    logs.mkdir()
    for name, days in (("old.log", 2), ("new.log", 0), ("old.csv", 2)):
        (logs / name).write_text("all is well\n")
        os.utime(logs / name, (time.time() - days * 86400,) * 2)
    assert here(step(plan, "gzip").command, hold) == [str(logs / "old.log")]
    assert {path.name for path in logs.iterdir()} == {"old.log.gz", "new.log", "old.csv"}


class Listed:
    """A stack whose backup container, and whose vault, list these files, and bases that begin at these positions."""

    def __init__(self, files: list[str], *begins: str, vault: list[str] | None = None) -> None:
        self._files = files
        self._vault = vault
        bases = [
            {"kind": "base", "path": f"/backups/base/{lsn}", "manifest": {"wal_lsn": lsn}} for lsn in begins
        ]
        self._bases = json.dumps({"backups": bases}, indent=1)

    @property
    def standby(self) -> Listed:
        return self

    def exec(self, service: str, argv: list[str], user: str = "") -> ExecResult:
        if service == "vault":
            if self._vault is None:
                raise LookupError("there is no vault")
            return ExecResult(0, "\n".join(self._vault))
        return ExecResult(0, self._bases if argv[0] == "drbackup" else "\n".join(self._files))


LOG = [
    "000000010000000000000004",
    "000000010000000000000005",
    "000000020000000100000000",
    "00000002.history",
    "000000010000000000000005.00000028.backup",
    ".000000020000000100000001.part",
    "000000020000000100000001.partial",
]


def test_the_log_from_the_first_bases_beginning_on_is_needed() -> None:
    paths = [f"/wal_archive/{name}" for name in LOG]
    stack = cast("Stack", Listed(paths, "0/9000028", "0/5000028"))
    assert needed(stack) == {*paths[1:4], "/backups/base/0/9000028", "/backups/base/0/5000028"}
    assert needed(cast("Stack", Listed(paths))) == set(), "nothing to roll forward"


def test_so_is_what_the_vault_has_of_it() -> None:
    vault = [
        "/vault",
        "/vault/base/0/5000028",
        "/vault/base/0/1000028",
        *(f"/vault/wal/{name}" for name in LOG),
    ]
    stack = cast("Stack", Listed([], "0/9000028", "0/5000028", vault=vault))
    in_vault = {path for path in needed(stack) if path.startswith("vault:")}
    assert in_vault == {"vault:/vault/base/0/5000028", *(f"vault:/vault/wal/{name}" for name in LOG[1:4])}
    assert in_vault <= kept(stack)


OLD = Clutter("/backups/postgresql/needed", "/backups/postgresql/expired", "/backups/log/backup.log")


@pytest.mark.parametrize(
    ("command", "files", "left"),
    [
        ("docker exec b drbackup retention", [f"{OLD.log}.gz"], []),
        ("docker exec b backup_database.sh", [f"{OLD.log}.gz"], [OLD.expired]),
        ("docker exec b drbackup retention", [f"{OLD.log}.gz", f"{OLD.expired}.json"], [OLD.expired]),
        ("docker exec b drbackup retention", [f"{OLD.log}.gz", OLD.log], [OLD.log]),
        ("docker exec b drbackup retention", [], [OLD.log]),
    ],
)
def test_what_the_cleaning_left_undone_is_found(command: str, files: list[str], left: list[str]) -> None:
    said = f"drbackup: retention: {OLD.expired} is removed\n"
    done = StepResult("clean", "", "", command, "", StepStatus.OK, 0.0, 0.0, said)
    found = not_cleaned(cast("Stack", Listed(files)), OLD, [done])
    assert [path for path in (OLD.expired, OLD.log) if any(path in each for each in found)] == left


def test_a_retention_that_fails_is_not_waited_out(plan: Plan) -> None:
    assert step(plan, "drbackup retention").verifies


def test_the_plans_letter_is_not_carried_out(plan: Plan) -> None:
    commands = [step.command for rung in scenario_4.runbook(plan).rungs for step in rung.steps]
    assert not any("mtime +7" in command or "find /backups" in command for command in commands)
