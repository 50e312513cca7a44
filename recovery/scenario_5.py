"""DRP Scenario 5, "Complete Data Center Failure": the other site takes over; and, later, the way back.

::

    site-lost   site b:  what of a still runs is stopped ──▶ activate (fences a) ──▶ restore ──▶ deploy ──▶ verify
                         ──▶ name ──▶ monitor
    failback    site a:  b takes no more writes ──▶ the vault has all of it ──▶ activate (fences b) ──▶ as above

A failover loses what had not left the lost site; a failback is planned, and loses nothing: the last thing that b's
server does is to hand its log over.
"""

from __future__ import annotations

import re
from functools import partial

from plan.model import Plan
from recovery.restore import TIMEOUT_S as RESTORE_TIMEOUT_S
from recovery.runbook import Condition, Hands, Runbook, Rung, Step

NAME = "site-lost"
FAILBACK = "failback"
_HEALTH = 'curl -H "X-API-Key: $DASHBOARD_API_KEY" {edge url}/api/health'
_WRITERS = "{backup elsewhere} {dashboard elsewhere} {postgres elsewhere}"
_SERVING = f"{{edge elsewhere}} {_WRITERS}"
_ID = re.compile(r"^[0-9a-f]{64}$", re.MULTILINE)
_STOP_S = 60  # a server that is killed has not handed its log over
_RECEIVED = (
    "docker exec {postgres elsewhere} psql -U postgres -d minimarket -Atc "
    "\"SELECT count(*) FROM pg_stat_replication WHERE application_name = 'vault'"
    ' AND flush_lsn >= pg_current_wal_flush_lsn()"'
)


def runbook(plan: Plan) -> Runbook:
    """The failover, carried out in the site that takes over, with the plan's titles and times."""
    timeout_s = plan.drill.step_timeout.total_seconds()
    return Runbook(
        name=NAME,
        section=plan.scenarios[NAME].heading,
        diagnose=Rung("diagnose", (_look_into_the_vault(plan, "{vault}"),)),
        ladder=(
            Rung("failover", (_stop_the_lost(plan), _clear(timeout_s), _activate(plan), *_take_over(plan))),
        ),
        monitor=Rung("monitor", (_monitor(plan),)),
        validation_timeout_s=plan.drill.validation_timeout.total_seconds(),
        elsewhere=True,
    )


def failback(plan: Plan) -> Runbook:
    """The way back, carried out in the site that was lost, while the other one serves."""
    timeout_s = plan.drill.step_timeout.total_seconds()
    request_s = plan.drill.request_timeout.total_seconds()
    leave = (
        Step(
            "Failback",
            "Stop writes in the site that serves",
            "docker stop {edge elsewhere}",
            "no client is served: the planned interruption begins",
            timeout_s,
            essential=True,
        ),
        Step(
            "Failback",
            "Wait until the vault has all of its log",
            _RECEIVED,
            "one receiver, which has written all there is to disk",
            timeout_s,
            patience_s=timeout_s,
            essential=True,
            wrong=_not_one,
        ),
        Step(
            "Failback",
            "Stop its application and its database",
            f"docker stop -t {_STOP_S} {_WRITERS}",
            "nothing can be written there any more; its server ends when the vault has its last record",
            timeout_s + _STOP_S,
            essential=True,
        ),
        Step(
            "Failback",
            "See that its last record is in the vault",
            "dr stack handed-over --stack {stack} --site {site elsewhere}",
            "the checkpoint with which it ended is there, and all before it",
            timeout_s + _STOP_S,
            essential=True,
        ),
        _clear(timeout_s),
    )
    return Runbook(
        name=FAILBACK,
        section=plan.scenarios[NAME].heading,
        diagnose=Rung("diagnose", (_look_into_the_vault(plan, "{vault elsewhere}"),)),
        ladder=(Rung("failback", (*leave, _activate(plan), *_take_over(plan))),),
        monitor=Rung(
            "monitor",
            (
                _monitor(plan),
                Step(
                    "Failback",
                    "Have the other site stand by again",
                    "dr stack standby --stack {stack} --site {site elsewhere}",
                    "its vault runs on; what it served from is removed",
                    plan.drill.deploy_timeout.total_seconds(),
                    # That this site answers is not enough: its data may be wrong, or clients not yet sent to it.
                    only_recovered=True,
                    when=Condition("once this site serves", partial(_serves_not, request_s)),
                ),
            ),
        ),
        validation_timeout_s=plan.drill.validation_timeout.total_seconds(),
        validates=NAME,
    )


def _look_into_the_vault(plan: Plan, vault: str) -> Step:
    scenario = plan.scenarios[NAME]
    return Step(
        scenario.section(2),
        "Look at what the vault has",
        f"docker exec {vault} sh -c 'ls -l /vault/base; ls -l /vault/wal | tail -n 5'",
        "a base backup, and log that reaches to a moment ago",
        plan.drill.step_timeout.total_seconds(),
    )


def _stop_the_lost(plan: Plan) -> Step:
    scenario = plan.scenarios[NAME]
    timeout_s = plan.drill.step_timeout.total_seconds()
    return Step(
        scenario.section(1),
        "Stop what still runs in the lost site",
        f"docker stop {_SERVING}",
        "nobody writes there any more",
        timeout_s,
        when=Condition("only where something of it still runs", partial(_nothing_runs, timeout_s)),
        note="added to the plan: a site that was only cut off would go on taking writes that nobody keeps",
    )


def _clear(timeout_s: float) -> Step:
    return Step(
        "Scenario 5",
        "Remove what an earlier attempt has left in this site",
        "dr stack clear --stack {stack} --site {site}",
        "nothing of it is there but its vault",
        timeout_s,
        essential=True,
        when=Condition("only where something is left", partial(_nothing_left, timeout_s)),
        note="added to the plan: its archive would lead a restore onto the history of an attempt that was given up",
    )


def _activate(plan: Plan) -> Step:
    scenario = plan.scenarios[NAME]
    return Step(
        *scenario.named(1),
        "docker exec {dns} activate-site {site}",
        "this site may serve; the other one's database does not start any more",
        plan.drill.step_timeout.total_seconds(),
        essential=True,
        note="the plan leaves it to the infrastructure; without fencing, a site that comes back would take writes",
    )


def _take_over(plan: Plan) -> tuple[Step, ...]:
    """Steps 2 to 5 of the plan: the same in whichever site takes over."""
    scenario = plan.scenarios[NAME]
    timeout_s = plan.drill.step_timeout.total_seconds()
    deploy_s = plan.drill.deploy_timeout.total_seconds()
    return (
        Step(
            *scenario.named(2),
            "dr stack restore --stack {stack} --site {site} --to latest",
            "the last base backup, rolled forward by all the log that had left the other site",
            RESTORE_TIMEOUT_S,
            essential=True,
            note="not the latest dump, which would lose all since the night",
        ),
        Step(
            *scenario.named(3),
            "docker compose up --detach --wait --no-build",
            "every service is healthy",
            deploy_s,
            essential=True,
        ),
        Step(
            *scenario.named(4),
            _HEALTH,
            "HTTP 200",
            plan.drill.request_timeout.total_seconds(),
            patience_s=plan.drill.validation_timeout.total_seconds(),
            essential=True,
        ),
        Step(
            *scenario.named(5),
            "docker exec {dns} point-to {edge address}",
            "the name gives this site's address",
            timeout_s,
            essential=True,
            note="after the service was verified, so that no client is sent where nobody serves yet",
        ),
    )


def _monitor(plan: Plan) -> Step:
    scenario = plan.scenarios[NAME]
    return Step(
        *scenario.named(6),
        "docker logs --tail 20 {dashboard}",
        "no errors",
        plan.drill.step_timeout.total_seconds(),
        note="its last lines; -f would never end",
    )


def _not_one(output: str) -> str:
    return "" if output.strip() == "1" else "the vault does not have all of it"


def _nothing_runs(timeout_s: float, hands: Hands) -> str:
    """Why nothing need be stopped. Of what is gone, docker says so, and names the others all the same."""
    seen = hands.run(f"docker inspect --format {{{{.State.Running}}}} {_SERVING}", timeout_s)
    return "" if "true" in seen.output.split() else "nothing of it runs, as far as can be seen from here"


def _nothing_left(timeout_s: float, hands: Hands) -> str:
    """Why nothing need be removed from the site that is to serve."""
    active = hands.run("docker exec {dns} cat /witness/active-site", timeout_s)
    if active.ok and active.output.strip() == hands.spell("{site}"):
        return "this site may serve already: an attempt has come so far, and goes on"
    # Of what is gone, docker says so, and tells of the other all the same.
    seen = hands.run("docker inspect --format {{.Id}} {postgres} {backup}", timeout_s)
    return "" if _ID.search(seen.output) else "nothing is left"


def _serves_not(timeout_s: float, hands: Hands) -> str:
    """Why the other site must not be given up yet."""
    return "" if hands.run(_HEALTH, timeout_s).ok else "this site does not serve: nothing is removed"
