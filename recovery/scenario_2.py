"""DRP Scenario 2, "Database Connection Lost": restart, then restore when the data is damaged."""

from __future__ import annotations

from functools import partial

from plan.model import Plan
from recovery.crash_loop import in_crash_loop
from recovery.damage import LOG, READY, why_whole
from recovery.restore import TIMEOUT_S as RESTORE_TIMEOUT_S
from recovery.runbook import Condition, Runbook, Rung, Step

NAME = "database-lost"
RESTORE = "restore"
"""The rung that puts a backup in the place of the data."""
_SESSIONS = (
    "docker exec {postgres} psql -U postgres -d minimarket -c "
    '"SELECT pid, application_name, state, wait_event_type, pg_blocking_pids(pid) AS blocked_by'
    " FROM pg_stat_activity WHERE backend_type = 'client backend' ORDER BY cardinality(pg_blocking_pids(pid)), pid\""
)


def runbook(plan: Plan) -> Runbook:
    """The runbook, with the plan's titles and times."""
    scenario = plan.scenarios[NAME]
    timeout_s = plan.drill.step_timeout.total_seconds()
    whole = partial(why_whole, scenario.rto.total_seconds() / 4, timeout_s)
    restart = Step(
        *scenario.named(4),
        "docker restart {postgres}",
        "it is started anew; what held locks or connections is gone",
        timeout_s,
    )
    return Runbook(
        name=NAME,
        section=scenario.heading,
        diagnose=_diagnose(plan),
        ladder=(
            Rung("restart", (restart, *_come_up(plan))),
            _restore(plan, "latest", Condition("only when the data are damaged", whole)),
        ),
        monitor=_monitor(plan),
        validation_timeout_s=plan.drill.validation_timeout.total_seconds(),
    )


def rewind(plan: Plan, to: str) -> Runbook:
    """Back to the moment before a mistake: nothing but a restore undoes what was committed.

    :param to: the moment, with its UTC offset.
    """
    scenario = plan.scenarios[NAME]
    return Runbook(
        name="database-rewind",
        section=scenario.heading,
        diagnose=_diagnose(plan),
        ladder=(_restore(plan, to, None),),
        monitor=_monitor(plan),
        validation_timeout_s=plan.drill.validation_timeout.total_seconds(),
    )


def _diagnose(plan: Plan) -> Rung:
    scenario = plan.scenarios[NAME]
    timeout_s = plan.drill.step_timeout.total_seconds()
    return Rung(
        "diagnose",
        (
            Step(*scenario.named(1), READY, "accepting connections", timeout_s),
            Step(
                *scenario.named(1),
                LOG,
                "its last words",
                timeout_s,
            ),
            Step(
                *scenario.named(2),
                "docker exec {postgres} df -h /var/lib/postgresql/data /wal_archive",
                "room on both volumes",
                timeout_s,
            ),
            Step(
                *scenario.named(3),
                _SESSIONS,
                "nobody waits for anybody",
                timeout_s,
                note="with who blocks whom: states alone, as the plan lists them, show no lock",
            ),
        ),
    )


def _come_up(plan: Plan) -> tuple[Step, ...]:
    scenario = plan.scenarios[NAME]
    patience_s = plan.drill.validation_timeout.total_seconds()
    request_s = plan.drill.request_timeout.total_seconds()
    return (
        Step(
            *scenario.named(5),
            READY,
            "accepting connections",
            request_s,
            patience_s=patience_s,
            in_vain=in_crash_loop("postgres", request_s),
            verifies=True,
            note="asked until it is so, in place of a sleep of 30 s",
        ),
        Step(
            *scenario.named(6),
            'curl -H "X-API-Key: $DASHBOARD_API_KEY" {edge url}/api/health',
            "HTTP 200",
            request_s,
            patience_s=patience_s,
            verifies=True,
            note="the application itself is asked: create_engine, as in the plan, connects to nothing",
        ),
    )


def _restore(plan: Plan, to: str, when: Condition | None) -> Rung:
    scenario = plan.scenarios[NAME]
    return Rung(
        RESTORE,
        (
            Step(
                *scenario.named(7),
                f"dr stack restore --stack {{stack}} --to {to}",
                "the last base backup, rolled forward, in a fresh volume",
                RESTORE_TIMEOUT_S,
                verifies=True,
                note="not a dump fed into the damaged database, which would lose all since the night",
            ),
            *_come_up(plan),
        ),
        when=when,
    )


def _monitor(plan: Plan) -> Rung:
    scenario = plan.scenarios[NAME]
    timeout_s = plan.drill.step_timeout.total_seconds()
    return Rung(
        "monitor",
        (
            Step(
                scenario.section(1),
                "Look at its log once more",
                "docker logs --tail 20 {postgres}",
                "no errors",
                timeout_s,
            ),
        ),
    )
