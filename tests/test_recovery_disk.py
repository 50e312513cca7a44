"""Full disks: what df says, what may be removed, and who is to be restarted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plan.load import load_plan
from plan.model import Plan
from recovery import scenario_4
from recovery.disk import parse, too_full
from recovery.runbook import Ran, Step

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


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("000000010000000000000007", True),
        ("000000010000000000000007.partial", True),
        (".000000010000000000000007.part", True),
        ("000000010000000000000007.00000028.backup", True),
        ("backup_manifest", True),
        ("postgresql.auto.conf", True),
        ("dump.rdb", True),
        ("temp-42.rdb", True),
        (".drbackup.lock", True),
        (".dr-drill-fill", False),
        ("core.1234", False),
        ("old-export.sql", False),
        ("000000010000000000000007.bak", False),
    ],
)
def test_what_a_service_keeps_at_the_top_of_its_volume_is_never_removed(
    plan: Plan, name: str, own: bool
) -> None:
    command = step(plan, " -delete").command
    pattern = re.search(r"! -regex '(.*)' -print -delete", command)
    assert pattern is not None
    assert bool(re.fullmatch(pattern[1], f"/hold/wal/{name}")) is own
    assert "-maxdepth 1 -type f -size +1M" in command


def test_the_plans_letter_is_not_carried_out(plan: Plan) -> None:
    commands = [step.command for rung in scenario_4.runbook(plan).rungs for step in rung.steps]
    assert not any("mtime +7" in command or "find /backups" in command for command in commands)
