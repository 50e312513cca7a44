"""DRP Test 3, "Backup Verification", and that backups are made at all (Backup Strategy 1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fixtures.procedure import Procedure
from recovery.answers import answer_of
from recovery.backup_schedule import CRONTAB, ScheduledRun, next_run, scheduled


@pytest.mark.monthly_drill(
    id="procedure-3/backup-verification",
    scenario="database-lost",
    procedure="backup-verification",
    title="Backup verification",
)
def test_backup_verification(procedure: Procedure, backed_up: None) -> None:
    """Every backup that is kept is whole and says the truth: fresh, of the usual size, with its checksum, complete,
    with every table and row of its manifest, and with no gap in the log from each base to now."""
    with procedure:
        procedure.phase("verifying")
        ran = procedure.step(
            1,
            "docker exec {backup} drbackup verify --depth wal --json",
            "n/n OK",
            procedure.run.plan.drill.backup_timeout.total_seconds(),
            note="gunzip -t, the plan's test, passes a dump that was cut off before it was compressed",
        )
        verified = answer_of(ran.output)
        if verified is None:
            procedure.end(f"the verification told nothing: {ran.output.strip()[-300:]}")
        else:
            bad = [each for each in verified["findings"] if not each["ok"]]
            named = "; ".join(f"{each['name']}: {each['fault']}: {each['sentence']}" for each in bad)
            procedure.box(
                "all-verified",
                "All backups verified",
                ran.ok and verified["total"] > 0 and not bad,
                f"{verified['ok']}/{verified['total']} OK" + (f"; {named}" if named else ""),
            )


@pytest.mark.monthly_drill(
    id="backup-strategy/automation",
    scenario="database-lost",
    procedure="backup-verification",
    section="Backup Strategy 1: Automated Daily Backups",
    title="Backup automation",
)
def test_backup_automation(procedure: Procedure, night: ScheduledRun) -> None:
    """Backups are made without anybody's hand: cron has the plan's line, its next run is at 2:00 UTC, and a run that
    cron starts makes backups that are whole, here and in the vault."""
    backup = procedure.run.plan.backup.database
    with procedure:
        procedure.phase("looking at the schedule")
        lines = procedure.stack.exec("backup", ["cat", CRONTAB]).output
        found = scheduled(lines, backup.command)
        procedure.box(
            "line",
            "The schedule is the plan's",
            found == [backup.schedule],
            f"cron has {found}, the plan {backup.schedule}",
        )
        now = datetime.now(UTC)
        due = next_run(found[0], now) if found else None
        # By the plan's words, "2:00 AM UTC daily": compared with the plan's own schedule, any would be right.
        procedure.box(
            "next-run",
            "The next run is the one that the plan wants",
            due is not None and (due.hour, due.minute) == (2, 0) and due - now <= timedelta(days=1),
            f"{due:%Y-%m-%d %H:%M} UTC" if due else "there is none",
        )
        procedure.phase("waiting for cron")
        made = night.wait(procedure.run.plan.drill.backup_timeout.total_seconds())
        procedure.box("made-by-cron", "A run started by cron makes a good backup", made.good, made.evidence)
