"""DRP, Backup Strategy 2, "Redis Backups": the RDB that is kept can be had back."""

from __future__ import annotations

import time

import pytest

from fixtures.cache import differing, fill, forget
from fixtures.procedure import Procedure

SECTION = "Backup Strategy 2"


@pytest.mark.monthly_drill(
    id="backup-strategy/redis-restore",
    scenario="redis-down",
    section="Backup Strategy 2: Redis Backups",
    title="Redis restore",
)
@pytest.mark.usefixtures("no_other_backup")
def test_redis_restore(procedure: Procedure) -> None:
    """A Redis whose data are gone has all that its backup has, within 5 minutes, and the dashboard's cache works again.
    Nobody has to restore it: what the dashboard keeps there can be rebuilt."""
    settings = procedure.run.plan.drill
    rto_s = procedure.spec.component.rto.total_seconds()
    with procedure:
        procedure.phase("keys that the RDB must hold")
        kept = fill(procedure.stack)
        procedure.afterwards(lambda: forget(procedure.stack, kept))
        procedure.phase("backing up")
        made = procedure.act(
            SECTION,
            "Manual snapshot, backup RDB file",
            "docker exec {backup} drbackup redis",
            "saved, copied and checked",
            settings.backup_timeout.total_seconds(),
            note="waits for the BGSAVE, which the plan copies before it has ended: the copy was of the save before",
        )
        if not made.ok:
            procedure.end(f"no RDB could be made: {made.output.strip()}")
        procedure.phase("backed up")
        lost = time.monotonic()
        procedure.act(
            SECTION,
            "Lose all that Redis has",
            "docker exec {redis} redis-cli FLUSHALL",
            "OK",
            settings.step_timeout.total_seconds(),
            note="the loss that is drilled",
        )
        if not differing(procedure.stack, kept):
            procedure.end("nothing was lost: Redis has its keys as before")
        restored = procedure.act(
            SECTION,
            "Restore the RDB",
            "dr stack restore-cache --stack {stack} --site {site}",
            "in the place of what Redis has, and Redis up again",
            rto_s,
            note="the plan has no step for it",
        )
        gone = differing(procedure.stack, kept)
        procedure.box(
            "restored",
            "All that was backed up is back",
            restored.ok and not gone,
            f"{len(kept) - len(gone)} of {len(kept)} keys with their values"
            + ("" if restored.ok else f"; {restored.output.strip()[-300:]}"),
        )
        procedure.validate("redis-accepting", "cache-rebuilding")
        procedure.took("restore", time.monotonic() - lost, rto_s)
