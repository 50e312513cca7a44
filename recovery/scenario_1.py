"""DRP Scenario 1, "Dashboard Service Down": restart, then rebuild from the release image."""

from __future__ import annotations

from plan.model import Plan
from recovery.crash_loop import in_crash_loop
from recovery.runbook import Condition, Hands, Runbook, Rung, Step

NAME = "dashboard-down"


def runbook(plan: Plan) -> Runbook:
    """The runbook, with the plan's titles and times."""
    scenario = plan.scenarios[NAME]
    timeout_s = plan.drill.step_timeout.total_seconds()
    validation_s = plan.drill.validation_timeout.total_seconds()
    verify = Step(
        *scenario.named(3),
        'curl -H "X-API-Key: $DASHBOARD_API_KEY" {edge url}/api/health',
        "HTTP 200",
        timeout_s=plan.drill.request_timeout.total_seconds(),
        patience_s=validation_s,
        in_vain=in_crash_loop("dashboard", timeout_s),
        verifies=True,
        note="asked through the edge, as clients do; the port 8080 is not published",
    )
    return Runbook(
        name=NAME,
        section=scenario.heading,
        diagnose=Rung(
            "diagnose",
            (
                Step(
                    *scenario.named(1),
                    "docker ps --all --filter name=^{dashboard}$"
                    " --format 'table {{.Names}}\\t{{.Status}}\\t{{.Image}}'",
                    "the container is up",
                    timeout_s,
                    wrong=_not_up,
                    note="with --all: without it, a container that is down is not listed",
                ),
                Step(*scenario.named(1), "docker logs --tail 100 {dashboard}", "its last words", timeout_s),
            ),
        ),
        ladder=(
            Rung(
                "restart",
                (
                    Step(*scenario.named(2), "docker restart {dashboard}", "it is started anew", timeout_s),
                    verify,
                ),
            ),
            Rung(
                "rebuild",
                (
                    Step(
                        *scenario.named(4),
                        "docker pull {dashboard image}",
                        "the release image is there",
                        timeout_s,
                        when=Condition("if it comes from a registry", _is_local),
                    ),
                    Step(
                        *scenario.named(4),
                        "docker compose up --detach --no-deps --no-build --force-recreate dashboard",
                        "the container is made anew from the release image",
                        timeout_s,
                        note="not preceded by docker-compose down, which would take the database and the"
                        " cache down with the dashboard: only the dashboard is made anew",
                    ),
                    verify,
                ),
            ),
        ),
        monitor=Rung(
            "monitor",
            (
                Step(
                    *scenario.named(5),
                    "docker logs --tail 20 {dashboard}",
                    "requests are being answered",
                    timeout_s,
                    note="without -f, which never ends",
                ),
            ),
        ),
        validation_timeout_s=validation_s,
    )


def _not_up(listing: str) -> str:
    return "" if " Up " in listing and "(Paused)" not in listing else "no container is up"


def _is_local(hands: Hands) -> str:
    reference = hands.spell("{dashboard image}")
    registry, slash, _ = reference.partition("/")
    if slash and ("." in registry or ":" in registry or registry == "localhost"):
        return ""
    return f"{reference} was built on this machine: there is no registry to pull it from"
