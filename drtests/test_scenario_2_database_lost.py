"""DRP Scenario 2, "Database Connection Lost": detection < 1 minute, RTO 30 minutes, RPO 1 minute."""

from __future__ import annotations

import pytest

from chaos.corrupt_data import CorruptData
from chaos.cut_connection import CutConnection
from chaos.delete_rows import DeleteRows
from chaos.exhaust_connections import ExhaustConnections
from chaos.kill_process import KillProcess
from chaos.lock_table import LockTable
from fixtures.drill import Drill


@pytest.mark.monthly_drill(
    id="scenario-2/connections-cut", scenario="database-lost", title="Connections to the database cut"
)
def test_connections_cut(drill: Drill) -> None:
    """While the network between dashboard and database is cut, every request that needs the database is refused
    with 503 at once; when it is mended, the dashboard reconnects by itself, and no acknowledged sale is lost."""
    with drill:
        drill.hold_steady_state()
        drill.inject(CutConnection(drill.stack, proxy="postgres"))
        drill.detect("DatabaseUnreachable")
        drill.expect_refusals("health", "write", every=True)
        drill.repair("the network is mended")
        drill.await_self_healing("dashboard")
        drill.verify()


@pytest.mark.monthly_drill(
    id="scenario-2/postmaster-killed", scenario="database-lost", title="Database server killed"
)
def test_postmaster_killed(drill: Drill) -> None:
    """A database server that is killed comes back by its restart policy and recovers from its log; somebody is
    told within 1 minute, the dashboard reconnects by itself, and no acknowledged sale is lost."""
    with drill:
        drill.hold_steady_state()
        drill.inject(KillProcess(drill.stack, "postgres"))
        drill.detect("DatabaseRestarted", "DatabaseDown", "DatabaseUnreachable")
        drill.await_self_healing("postgres")
        drill.verify()


@pytest.mark.monthly_drill(id="scenario-2/lock-pile-up", scenario="database-lost", title="Lock pile-up")
def test_lock_pile_up(drill: Drill) -> None:
    """A session that holds a lock on the sales has every writer wait: each is refused in bounded time, the
    engineer is paged within 1 minute, sees who blocks whom, restarts by the runbook, and no sale is lost."""
    with drill:
        drill.hold_steady_state()
        drill.inject(LockTable(drill.stack, "postgres"))
        drill.detect("DatabaseBlocked")
        drill.expect_refusals("write", every=True)
        drill.recover("database-lost")
        drill.verify()


@pytest.mark.monthly_drill(
    id="scenario-2/connections-exhausted", scenario="database-lost", title="Connections exhausted"
)
def test_connections_exhausted(drill: Drill) -> None:
    """When every connection that the database allows is taken, the engineer is paged within 1 minute and restarts
    it by the runbook; the dashboard has its connections back by itself, and no acknowledged sale is lost."""
    with drill:
        drill.hold_steady_state()
        drill.inject(ExhaustConnections(drill.stack, "postgres"))
        drill.detect("DatabaseConnectionsHigh", "DatabaseDown", "DatabaseUnreachable")
        drill.expect_refusals("health", "write", every=True)
        drill.recover("database-lost")
        drill.verify()


@pytest.mark.monthly_drill(id="scenario-2/corruption", scenario="database-lost", title="Data files corrupted")
def test_corruption(drill: Drill, backed_up: None) -> None:
    """A database whose files are damaged cannot be restarted into health: the runbook restores the base backup into
    a fresh volume, rolls it forward to the last moment, and of the acknowledged sales at most those of the last
    minute are lost."""
    with drill:
        drill.hold_steady_state(cover_rpo=True)
        drill.inject(CorruptData(drill.stack, "postgres"))
        drill.detect("DatabaseDown", "DatabaseUnreachable")
        drill.expect_refusals("health", "write", every=True)
        drill.recover("database-lost")
        drill.verify()


@pytest.mark.monthly_drill(
    id="scenario-2/rows-deleted",
    scenario="database-lost",
    title="Rows deleted by mistake",
    alerts=False,
)
def test_rows_deleted_by_mistake(drill: Drill, backed_up: None) -> None:
    """All sales, deleted by a statement without a condition and committed, come back by a restore to the moment
    before it; what was sold after that moment is the price, and is told."""
    with drill:
        drill.hold_steady_state()
        mistake = DeleteRows(drill.stack, "postgres")
        drill.inject(mistake)
        drill.notice("a colleague")
        drill.rewind(mistake.utc)
        drill.verify()
