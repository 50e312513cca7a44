"""Monitoring that is lost: started again, or made anew; its series are on a volume of their own.

The DRP has no scenario for it, only its objectives: RTO 30 minutes, RPO 1 hour.
"""

from __future__ import annotations

from plan.model import Plan
from recovery.runbook import Condition, Hands, Runbook, Rung, Step

NAME = "monitoring-lost"
_READY = (
    ("prometheus", "docker exec {prometheus} wget -q -O - -T 2 http://127.0.0.1:9090/-/ready"),
    ("alertmanager", "docker exec {alertmanager} wget -q -O - -T 2 http://127.0.0.1:9093/-/ready"),
)


def runbook(plan: Plan) -> Runbook:
    """The runbook, with the plan's titles and times."""
    scenario = plan.scenarios[NAME]
    timeout_s = plan.drill.step_timeout.total_seconds()
    validation_s = plan.drill.validation_timeout.total_seconds()
    ready = tuple(
        Step(
            *scenario.named(4),
            command,
            "ready",
            timeout_s=plan.drill.request_timeout.total_seconds(),
            patience_s=validation_s,
            verifies=True,
        )
        for service, command in _READY
    )
    return Runbook(
        name=NAME,
        section=scenario.heading,
        diagnose=Rung(
            "diagnose",
            (
                *(
                    Step(
                        *scenario.named(1),
                        f"docker inspect --format {{{{.State.Status}}}} {{{service}}}",
                        "running",
                        timeout_s,
                        wrong=lambda output: "" if output.strip() == "running" else "it does not run",
                    )
                    for service, _ in _READY
                ),
                *(
                    Step(
                        *scenario.named(1),
                        f"docker logs --tail 50 {{{service}}}",
                        "its last words",
                        timeout_s,
                    )
                    for service, _ in _READY
                ),
            ),
        ),
        ladder=(
            Rung(
                "start",
                (
                    Step(
                        *scenario.named(2),
                        "docker start {alertmanager} {prometheus}",
                        "both are started",
                        timeout_s,
                        verifies=True,
                    ),
                    *ready,
                ),
                when=Condition(
                    "only where both containers are still there", lambda hands: _gone(timeout_s, hands)
                ),
            ),
            Rung(
                "make anew",
                (
                    Step(
                        *scenario.named(3),
                        "docker compose up --detach --no-deps --no-build --force-recreate alertmanager prometheus",
                        "both are made anew, on the volumes that they had",
                        timeout_s,
                        verifies=True,
                    ),
                    *ready,
                ),
            ),
        ),
        monitor=Rung(
            "monitor",
            tuple(
                Step(scenario.section(4), "Check that it stays", command, "ready", timeout_s)
                for service, command in _READY
            ),
        ),
        validation_timeout_s=validation_s,
    )


def _gone(timeout_s: float, hands: Hands) -> str:
    gone = [
        service
        for service, _ in _READY
        if not hands.run(f"docker inspect --format {{{{.Id}}}} {{{service}}}", timeout_s).ok
    ]
    return f"{' and '.join(gone)}: there is no container to start" if gone else ""
