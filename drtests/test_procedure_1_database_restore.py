"""DRP Test 1, "Database Restore": the latest dump holds all that it should, and can be had back."""

from __future__ import annotations

import shlex
import time

import pytest

from fixtures.procedure import Procedure
from fixtures.watch import SEEDED_PRODUCTS
from measure import baseline, survivors
from measure.ledger import check
from recovery.answers import answer_of
from reports.record import LedgerRecord

SALES = 100
DROP = 'psql -U postgres -c "DROP DATABASE IF EXISTS test_restore"'


@pytest.mark.monthly_drill(
    id="procedure-1/database-restore",
    scenario="database-lost",
    procedure="database-restore",
    title="Database restore",
)
@pytest.mark.usefixtures("no_other_backup")
def test_database_restore(procedure: Procedure) -> None:
    """The latest dump, restored with every error fatal, has each table, each row and its content as they were when
    it was made, and every sale acknowledged before; the database would be back well within its 30 minutes."""
    settings = procedure.run.plan.drill
    rto_s = procedure.spec.component.rto.total_seconds()
    with procedure:
        procedure.phase("sales that the dump must hold")
        before = baseline.take(procedure.stack.dsn())
        history = procedure.sell(SALES, SEEDED_PRODUCTS)
        acknowledged = time.monotonic()
        procedure.phase("backing up")
        made = procedure.stack.exec("backup", ["drbackup", "dump"], settings.backup_timeout.total_seconds())
        if made.exit_code != 0:
            procedure.end(f"no dump could be made: {made.output.strip()}")
        procedure.phase("backed up")
        ran = procedure.step(
            2,
            "docker exec {backup} drbackup restore-test --json",
            "restored into a server of its own; tables, rows, content, keys and indexes as dumped",
            rto_s,
            note="into a server of its own, with every error fatal; psql alone goes on after one and says it succeeded",
        )
        tested = answer_of(ran.output)
        if tested is None:
            procedure.end(f"the restore test told nothing: {ran.output.strip()[-300:]}")
        else:
            procedure.box("restored", "Latest backup restored, content verified", ran.ok, tested["sentence"])
            procedure.took("restore", tested["seconds"], rto_s)
        procedure.phase("reading the sales back")
        # Whatever comes: a database of that name on the server that serves is nobody's.
        procedure.afterwards(lambda: procedure.stack.exec("postgres", shlex.split(DROP)))
        restored = procedure.step(
            4,
            "docker exec {backup} sh -c 'drbackup restore --into test_restore"
            " --dump $(ls /backups/postgresql/*.sql.gz | tail -n 1)'",
            "all of it, in one transaction",
            rto_s,
        )
        if restored.ok:
            dsn = f"{procedure.stack.dsn()} dbname=test_restore"
            survivors.read(dsn, before, procedure.folder / "survivors.jsonl")
            result = check(history, procedure.folder / "survivors.jsonl", acknowledged, None)
            procedure.ledger = LedgerRecord.of(result)
            kept = result.lost == result.corrupt == result.duplicate == result.phantom == 0
            differences = baseline.compare(before, dsn)
            procedure.box(
                "integrity",
                "Data integrity: every sale acknowledged before the backup is in it",
                kept and not differences,
                f"{result.survived} of {result.acked} sales; "
                + ("; ".join(differences) or "the rest unchanged"),
            )
        else:
            procedure.box("integrity", "Data integrity", False, restored.output.strip()[-300:])
        cleaned = procedure.step(
            5,
            f"docker exec {{postgres}} {DROP}",
            "DROP DATABASE",
            settings.step_timeout.total_seconds(),
        )
        left = procedure.stack.exec("backup", ["find", "/var/tmp", "-name", "drbackup*"])
        procedure.box(
            "cleaned-up",
            "Cleaned up",
            cleaned.ok and not left.output.strip(),
            left.output.strip() or "no database and no scratch server is left",
        )
