"""DRP Scenario 4, "Storage Disk Full": detection < 5 minutes, RTO 20 minutes."""

from __future__ import annotations

import pytest

from chaos.fill_disk import FillDisk
from fixtures.backups import Clutter
from fixtures.drill import Drill
from fixtures.effects import failed_backup, filled


@pytest.mark.monthly_drill(id="scenario-4/data-disk-full", scenario="disk-full", title="Data disk full")
def test_data_disk_full(drill: Drill, backed_up: None) -> None:
    """A database whose disk is full to the last byte refuses writes, and says so at once; the engineer is paged
    within 5 minutes, makes room by the runbook, and no acknowledged sale is lost, nor any backup."""
    with drill:
        drill.hold_steady_state()
        drill.expect_backups()
        drill.inject(FillDisk(drill.stack, "postgres", "/var/lib/postgresql/data"))
        drill.detect("DiskAlmostFull")
        drill.expect_refusals("write")
        drill.recover("disk-full")
        drill.verify()


@pytest.mark.monthly_drill(id="scenario-4/backup-disk-full", scenario="disk-full", title="Backup disk full")
def test_backup_disk_full(drill: Drill, clutter: Clutter) -> None:
    """When the backups' disk is full, the nightly backup fails and the engineer is paged within 5 minutes; cleaned by
    the runbook, it has room for a good backup again: a dump that is too old is gone, an old log is compressed, no
    backup that the retention needs is gone, and clients notice nothing."""
    with drill:
        drill.hold_steady_state()
        drill.expect_backups(clutter)
        drill.inject(FillDisk(drill.stack, "backup", "/backups"))
        drill.see(failed_backup(drill.stack, drill.settings))
        drill.detect("BackupFailed")
        drill.recover("disk-full")
        drill.verify()
        drill.expect_undisturbed_service()


@pytest.mark.monthly_drill(id="scenario-4/filling-disk", scenario="disk-full", title="Data disk filling up")
def test_disk_that_fills(drill: Drill, backed_up: None) -> None:
    """A data disk that is 85 % full pages the engineer while there is still room: every write goes on being taken,
    the runbook makes room without a restart, and no sale is lost, nor any backup."""
    with drill:
        drill.hold_steady_state()
        drill.expect_backups()
        drill.inject(FillDisk(drill.stack, "postgres", "/var/lib/postgresql/data", percent=85))
        drill.see(filled(drill.stack, drill.settings))
        drill.detect("DiskAlmostFull")
        drill.recover("disk-full")
        drill.verify()
        drill.expect_undisturbed_service()
