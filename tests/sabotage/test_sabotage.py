"""Each saboteur must turn its drill red, for the right reason."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.marks import FILE_PREFIX
from fixtures.backups import finished_backups
from fixtures.sites import rebuild
from recovery.backup_schedule import STATE
from reports.record import DrillRecord, Record
from stack.stack import COMPOSE_FILE, Stack
from tests.sabotage.saboteurs import SABOTEURS, Saboteur

ROOT = COMPOSE_FILE.parent
ROTTEN = ROOT / "tests" / "sabotage" / "rotten.compose.yml"
TIMEOUT_S = 300
IMPATIENT = {
    "detection": (r"\d+ min", "12 s"),
    "rpo": ("1 min", "6 s"),
    "rto": ("30 min", "20 s"),
    "effect_timeout": (r"\d+ s", "10 s"),
    "sla": (r"\d+ s", "10 s"),
    "validation_timeout": (r"\d+ s", "4 s"),
    "healed_timeout": (r"\d+ s", "10 s"),
}
"""What the plan of a rotten stack's drill has instead: nobody waits for minutes for what does not come. Where it
comes, it takes seconds; nor is load held for a minute to lose more than one of it."""
PATIENT = {
    # Clients may hold on to the lost site's address (dns_ttl); a database that is made anew is seeded first.
    "test_site_lost": {"validation_timeout", "effect_timeout"},
    # The dashboard does come back in each: by the first rung that the runbook tries.
    "test_container_killed": {"validation_timeout"},
    # What restores takes longer than that.
    "test_corruption": {"rto"},
    "test_rows_deleted": {"rto"},
    "test_database_restore": {"rto"},
}
"""What of the plan stays as it is: no saboteur of these drills is noticed by what does not come in time."""
PROCEDURES = {
    "test_backup_verification",
    "test_backup_automation",
    "test_database_restore",
    "test_redis_restore",
}
"""These do not begin with a stack where no alert fires: they make the backups that they need, or have them made."""
MAKE_BACKUPS = {
    *PROCEDURES,
    "test_corruption",
    "test_rows_deleted",
    "test_data_disk_full",
    "test_backup_disk_full",
    "test_disk_that_fills",
}
"""The drills that have backups made, here and in the vault; that of a lost site makes both sites anew."""
SITES = "test_site_lost"
"""The drill that may end with both sites made anew: it has twice the time."""


@pytest.mark.sabotage
def test_a_stack_that_nobody_has_spoiled_passes(victim: Stack, tmp_path: Path) -> None:
    done, drill = drilled(victim, "test_redis_killed", tmp_path, patient=set(IMPATIENT))
    assert (drill.verdict, drill.reasons) == ("PASS", [])
    assert done.returncode == 0, done.stdout


@pytest.mark.sabotage
@pytest.mark.parametrize(
    "saboteur",
    SABOTEURS,
    ids=lambda saboteur: "-".join([saboteur.name, *(saboteur.also or ())[:1], saboteur.drill]),
)
def test_saboteur_is_noticed(saboteur: Saboteur, victim: Stack, tmp_path: Path) -> None:
    spoilers = {saboteur.name: saboteur.reason, **dict([saboteur.also] if saboteur.also else [])}
    plugins = [] if saboteur.rotten else [f"-ptests.sabotage.plugins.{name}" for name in spoilers]
    with spoiled(victim, saboteur):
        patient = PATIENT.get(saboteur.drill, set())
        done, drill = drilled(victim, saboteur.drill, tmp_path, *plugins, patient=patient)
    told = "\n".join(drill.reasons)
    assert re.fullmatch(saboteur.verdict, drill.verdict), f"{drill.verdict}: {told}"
    unnoticed = [name for name, reason in spoilers.items() if not re.search(reason, told)]
    assert not unnoticed, told
    did = [step.command for step in drill.steps if step.status == "ok" and saboteur.did in step.command]
    assert did or not saboteur.did, f"no step with {saboteur.did!r} succeeded"
    assert done.returncode == 1, done.stdout


def drilled(
    stack: Stack, drill: str, folder: Path, *options: str, patient: set[str]
) -> tuple[subprocess.CompletedProcess[str], DrillRecord]:
    """One drill on ``stack``, as an operator runs it.

    :param patient: what of the plan is not made shorter.
    """
    plan = folder / "impatient.toml"
    written = (ROOT / "drp.toml").read_text(encoding="utf-8")
    for key, (is_now, shorter) in IMPATIENT.items():
        if key in patient:
            continue
        written, found = re.subn(rf'^{key} = "{is_now}"', f'{key} = "{shorter}"', written, flags=re.M)
        assert found, f"the plan has no {key} of {is_now}"
    plan.write_text(written, encoding="utf-8")
    done = subprocess.run(
        [
            # No drill uses hypothesis; its plugin takes a second to load, each time.
            sys.executable, "-m", "pytest", "-p", "no:hypothesispytest",
            "-m", "monthly_drill", "-k", drill, *options, f"--plan={plan}",
            f"--reuse-stack={stack.run_dir}", f"--reports-dir={folder}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT_S if drill == SITES else TIMEOUT_S,
        check=False,
    )  # fmt: skip
    [record] = Record.load(folder / "latest").drills
    return done, record


@contextmanager
def spoiled(stack: Stack, saboteur: Saboteur) -> Iterator[None]:
    """The stack with a rotten dashboard, where the saboteur is one; what else it spoils is good again afterwards."""
    # One that cron has begun while the drill before was ending would be in the way of the next.
    free = stack.exec(
        "backup", ["flock", "-w", "60", "/backups/.drbackup.lock", "true"], timeout_s=70, user="root"
    )
    assert free.exit_code == 0, f"another backup is being made: {free.output}"
    if saboteur.drill not in {*MAKE_BACKUPS, SITES} and not finished_backups(stack):
        # The one before was about backups, and there are none: an alert would be firing.
        made = stack.exec("backup", ["backup_database.sh"], timeout_s=TIMEOUT_S)
        assert made.exit_code == 0, made.output
    # Whatever the one before left down or rotten is made good with it.
    files = (*stack.files, ROTTEN) if saboteur.rotten else stack.files
    replace(stack, files=files).compose(
        "up", "--detach", "--wait", "--no-deps", "dashboard", "redis", env={"ROTTEN": saboteur.name}
    )
    stack.exec("redis", ["redis-cli", "FLUSHALL"])  # a rotten dashboard's keys outlive it
    try:
        yield
    except subprocess.TimeoutExpired:
        rebuild(stack)  # it had no time to undo anything itself
        raise
    finally:
        for volume in stack.docker.volumes.list(filters={"name": "forgotten"}):
            if volume.attrs["Labels"].items() >= stack.labels.items():
                volume.remove()
        forgotten = ["find", "/hold", "-maxdepth", "2", "-name", f"{FILE_PREFIX}*", "-delete"]
        stack.exec("holder", forgotten, user="root")
        if saboteur.drill in MAKE_BACKUPS:
            # Spoilt ones must not be there for the next; nor good ones in the vault, whose disk would be full after
            # some nights. What failed is forgotten, or its alert would be firing. And cron goes on.
            old = "rm -rf /vault/[!w]*/*; find /vault/wal -name '0*' ! -name '*.partial' -delete"
            stack.standby.exec("vault", ["sh", "-c", old], user="root")
            here = f"pkill -CONT -x cron; rm -rf /backups/*/* {STATE}/*.json"
            stack.exec("backup", ["sh", "-c", here], user="root")
        if saboteur.damaged:
            stack.compose("up", "--detach", "--wait", "--no-deps", "--force-recreate", saboteur.damaged)
