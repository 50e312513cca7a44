"""A run as a drill leaves it: a record and its evidence, made up but consistent, with every verdict in it.

``python -m tests.sample_record FOLDER`` writes one, report and all, to look at.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from measure import milestones
from measure.verdict import Verdict
from reports import html, yaml_report
from reports.events import EventLog
from reports.record import (
    AlertRecord,
    BaselineRecord,
    BoxRecord,
    Cleanup,
    Comparison,
    DrillRecord,
    FaultRecord,
    ImageRef,
    LedgerRecord,
    Milestones,
    Objective,
    Phase,
    PlanRef,
    ProcessCost,
    Record,
    StepRecord,
)

STARTED = datetime(2026, 11, 2, 2, 0, 4, 250_000, tzinfo=UTC)
KEY = "dev-api-key"


@dataclass
class Script:
    """What happens in one made-up drill; times in seconds from T0."""

    id: str
    section: str
    title: str
    hypothesis: str
    scenario: str = "dashboard-down"
    component: str = "Dashboard API"
    verdict: Verdict = Verdict.PASS
    reasons: list[str] = field(default_factory=list)
    rto: float = 900.0
    rto_name: str = "RTO"
    rpo: float | None = 300.0
    detection_budget: float = 120.0
    detected: float | None = 9.31
    outage: tuple[float, float] | None = (0.02, 12.6)
    degraded: bool = False
    verified: float | None = 14.87
    effective: bool = True
    lost: int = 0
    alert: str = "DashboardDown"
    steps: bool = True
    unknown_for: float = 0.4
    stall: tuple[float, float] | None = None
    deviations: list[str] = field(default_factory=list)


SCRIPTS = (
    Script(
        "scenario-1/process-crash",
        "Scenario 1: Dashboard Service Down",
        "Process crash",
        "When the dashboard's process crashes, the restart policy brings it back before anybody acts; the"
        " on-call engineer is told all the same, every box holds, and no acknowledged sale is lost.",
        outage=(0.01, 1.42),
        detected=6.44,
        verified=7.02,
        alert="DashboardRestarted",
        steps=False,
    ),
    Script(
        "scenario-1/killed-stays-down",
        "Scenario 1: Dashboard Service Down",
        "Container killed, stays down",
        "A dashboard container that was killed does not come back by itself; the on-call engineer is paged"
        " within 2 minutes, restarts it by the runbook, and no acknowledged sale is lost.",
        deviations=["Step 3 asks the edge, not port 8080 of the host: the dashboard publishes no port."],
    ),
    Script(
        "scenario-1/bad-image",
        "Scenario 1: Dashboard Service Down",
        "Crash loop after a bad image",
        "A bad image that crashes at start cannot be restarted into health: the runbook's restart fails its "
        "validation, the rebuild from the release image recovers, and no acknowledged sale is lost.",
        verdict=Verdict.FAIL,
        reasons=["ledger: 41 writes acknowledged after the fault were lost"],
        outage=(0.02, 31.2),
        verified=33.9,
        lost=41,
        unknown_for=1.9,
    ),
    Script(
        "scenario-3/redis-killed",
        "Scenario 3: Redis Cache Down",
        "Redis killed",
        "Without Redis the dashboard goes on answering from the database, slower; the engineer is paged,"
        " restarts Redis, the cache rebuilds and performance is back within 5 minutes, with no data lost.",
        scenario="redis-down",
        component="Redis Cache",
        rto=300,
        rpo=None,
        detection_budget=180,
        outage=(0.05, 16.4),
        degraded=True,
        verified=18.2,
        detected=11.2,
        alert="RedisDown",
    ),
    Script(
        "scenario-3/redis-out-of-memory",
        "Scenario 3: Redis Cache Down",
        "Redis out of memory",
        "A Redis that is full refuses writes, and a restart reloads the full snapshot: only when the memory"
        " check finds it critical does the runbook flush, and the cache rebuilds, with no data lost.",
        scenario="redis-down",
        component="Redis Cache",
        verdict=Verdict.INVALID,
        reasons=["the fault had no visible effect: no probe failed, was slowed down or lost the cache"],
        rto=300,
        rpo=None,
        detection_budget=180,
        outage=None,
        verified=None,
        detected=None,
        effective=False,
        steps=False,
    ),
    Script(
        "procedure-2/service-failover",
        "Test 2: Service Failover",
        "Service failover",
        "The dashboard, killed, answers again within 30 s without a human hand.",
        verdict=Verdict.FAIL,
        reasons=["recovery took 34.12 s ± 0.04 s, the failover SLA is 30 s"],
        rto=30,
        rto_name="failover SLA",
        outage=(0.02, 32.9),
        verified=34.12,
        detected=9.1,
        steps=False,
        stall=(20.1, 20.8),
    ),
)


def sample(folder: Path, scripts: tuple[Script, ...] = SCRIPTS) -> Record:
    """Write a run into ``folder``: ``record.json``, ``events.jsonl``, evidence, logs. Always the same one."""
    chance = random.Random(7)
    drills, began = [], STARTED + timedelta(seconds=21.4)
    for script in scripts:
        drills.append(_drill(folder, script, began, chance))
        began += timedelta(seconds=drills[-1].duration_s + 1.5)
    with EventLog(folder / "events.jsonl") as events:
        events.add("run-started", {"drills": [script.id for script in scripts]})
        for drill in drills:
            events.add("drill-ended", {"id": drill.id, "verdict": drill.verdict.value})
        events.add("run-ended")
    (folder / "logs").mkdir(exist_ok=True)
    for service in ("dashboard", "postgres", "redis"):
        (folder / "logs" / f"{service}.log").write_text(
            f'{{"service": "{service}", "message": "started"}}\n' * 40
        )
    record = Record(
        drill_id="d20261102t0200-3f9a",
        status="complete",
        started_utc=STARTED,
        finished_utc=began + timedelta(seconds=6),
        duration_s=(began - STARTED).total_seconds() + 6,
        plan=PlanRef(
            title="FASE 7.2: Disaster Recovery Procedures", version="2025-10-24", sha256="9f2c41d7" * 8
        ),
        commit="4be1c7d20a91",
        commit_dirty=False,
        images=[
            ImageRef(service=name, reference=f"dr-drill/{name}:latest", image_id=f"sha256:{n:02x}a7c3")
            for n, name in enumerate(("dashboard", "edge", "postgres", "redis", "prometheus", "alertmanager"))
        ],
        environment={
            "engine": "26.1.5", "compose": "2.26.1", "kernel": "Linux 6.1", "cpus": "2", "memory": "7.8 GB",
            "python": "3.11.7", "SECRET_OF_THE_JOB": "never-shown",
        },
        stack_start_s=18.9,
        drills=drills,
        drills_planned=[script.id for script in scripts],
        cleanup=Cleanup(containers_removed=14, networks_removed=2, volumes_removed=4),
    )  # fmt: skip
    record.save(folder)
    return record


def _drill(folder: Path, script: Script, began: datetime, chance: random.Random) -> DrillRecord:
    slug = script.id.replace("/", "--")
    evidence = folder / "evidence" / slug
    evidence.mkdir(parents=True)
    zero = 8123.25 + (began - STARTED).total_seconds() + 7.5
    end = (script.verified or 6.0) + 3.2
    _write(evidence / "probes.jsonl", _probes(script, zero, end, chance))
    acked, lost, unknown = _writes(evidence, script, zero, end, chance)
    before = Milestones()
    if script.outage and script.verified:
        before = Milestones(
            first_error=script.outage[0],
            detected=script.detected,
            recovery_started=(script.detected or 0) + 0.21 if script.steps else None,
            process_up=script.outage[1] - 0.9,
            first_good=script.outage[1],
            first_acked_write=script.outage[1] + 0.05,
            steady=script.outage[1] + 0.8,
            verified=script.verified,
        )
    return DrillRecord(
        id=script.id,
        section=script.section,
        scenario=script.scenario,
        title=script.title,
        hypothesis=script.hypothesis,
        component=script.component,
        verdict=script.verdict,
        reasons=script.reasons,
        t0_utc=began + timedelta(seconds=7.5) if script.effective else None,
        t_zero=zero if script.effective else None,
        started_utc=began,
        duration_s=7.5 + end + 1.4,
        fault=FaultRecord(
            name="kill-container",
            description=f"SIGKILL to the container of {script.component}, through the Docker API",
            targets=["redis" if script.scenario == "redis-down" else "dashboard"],
            effective=script.effective,
            healed=True,
            effect="612 of 2021 health probes failed" if script.effective else None,
        ),
        objectives=_objectives(script),
        milestones=before,
        boxes=_boxes(script),
        steps=_steps(script),
        alerts=[
            AlertRecord(
                name=script.alert, channel=channel, status="firing", at_s=script.detected + delay,
                summary=f"{script.alert}: no answer from {script.component} for 5 s",
            )
            for channel, delay in (("pagerduty", 0.0), ("slack", 0.08), ("webhook", 0.11))
            if script.detected is not None
        ],
        ledger=LedgerRecord(
            attempted=acked + unknown, acked=acked, survived=acked - lost, lost=lost, lost_after_fault=lost,
            recovered=0, unknown=unknown, phantom=0, duplicate=0, corrupt=0, rpo_actual_s=0.0,
            recovery_point_t=zero - 0.01, verdict=Verdict.FAIL if lost else Verdict.PASS,
            reasons=[f"{lost} writes acknowledged after the fault were lost"] if lost else [],
        ),
        comparisons=[
            Comparison(
                name="read, median", unit="ms", before=3.41, during=9.8, after=3.62,
                limit="≤ 2 × before", verdict=Verdict.PASS,
            ),
            Comparison(
                name="reads answered by the cache", unit="ratio", before=0.981, during=0.0,
                after=0.92, limit="≥ 0.8", verdict=Verdict.PASS,
            ),
            Comparison(
                name="database load", unit="transactions/s", before=412.0, during=688.5, after=None,
                verdict=Verdict.PASS,
            ),
        ] if script.effective else [],
        baseline=BaselineRecord(rows={"products": 5000, "sales": 100000}, differences=[]),
        costs=[
            ProcessCost(process="observer", cpu_s=3.1, wall_s=31.2),
            ProcessCost(process="workload", cpu_s=2.2, wall_s=31.0),
        ],
        phases=[
            Phase(name=phase.name, start_s=phase.start_s, end_s=phase.end_s)
            for phase in milestones.phases(milestones.Milestones(**before.model_dump()), -7.0)
        ],
        deviations=script.deviations,
        evidence=f"evidence/{slug}",
    )  # fmt: skip


def _objectives(script: Script) -> list[Objective]:
    recovery = Verdict.PASS
    if script.verified is None:
        recovery = Verdict.INVALID
    elif script.verified > script.rto:
        recovery = Verdict.FAIL
    data = Verdict.PASS if script.effective or script.rpo is None else Verdict.INVALID
    lost = f"ledger: {script.lost} writes acknowledged after the fault were lost"
    return [
        Objective(
            name=script.rto_name, target_s=script.rto, actual_s=script.verified,
            resolution_s=0.041 if script.verified else None, verdict=recovery,
        ),
        Objective(
            name="detection", target_s=script.detection_budget, actual_s=script.detected,
            verdict=Verdict.PASS if script.detected else Verdict.INVALID,
        ),
        Objective(
            name="RPO", target_s=script.rpo, actual_s=0.0 if script.effective else None,
            verdict=Verdict.FAIL if script.lost else data, note=lost if script.lost else "",
        ),
    ]  # fmt: skip


def _boxes(script: Script) -> list[BoxRecord]:
    if not script.effective:
        return []
    late = script.verified is not None and script.verified > script.rto
    took = f"verified {script.verified:.2f} s after the fault" if script.verified else "never verified"
    texts: list[tuple[str, str, bool | None, str]]
    if script.scenario == "redis-down":
        texts = [
            ("redis-accepting", "Redis accepting connections", True, "PING answered PONG"),
            ("cache-rebuilding", "Cache rebuilding", True, "92 % of 50 reads were hits"),
            ("performance-restored", "API performance restored", True, "median 3.6 ms, 3.4 ms before"),
            ("no-data-loss", "No data loss", True, "nothing acknowledged was lost"),
        ]
    else:
        texts = [
            ("health-200", "Health check returns 200", True, '200 {"status": "ok"}'),
            ("all-endpoints", "All endpoints responding", True, "5 of 5 answered as expected"),
            ("metrics-exported", "Metrics being exported", True, "scraped 0.8 s ago, 61 series"),
            (
                "no-errors-in-logs",
                "No errors in logs",
                None if late else True,
                "no line at level error since recovery",
            ),
        ]
    boxes = [BoxRecord(box=box, text=text, holds=holds, evidence=seen) for box, text, holds, seen in texts]
    limit = f"Recovery time < {script.rto / 60:g} min"
    return [*boxes, BoxRecord(box="recovery-time", text=limit, holds=not late, evidence=took)]


def _steps(script: Script) -> list[StepRecord]:
    if not script.steps or script.detected is None:
        return []
    at, number = script.detected + 0.21, script.section[9]
    rebuilt = script.lost > 0
    rows = [
        (
            "diagnose",
            1,
            "Check service status",
            "docker ps | grep dashboard; docker logs dashboard -n 100",
            "a list",
            "ok",
        ),
        (
            "restart",
            2,
            "Try restart",
            "docker restart dashboard",
            "the container runs",
            "failed" if rebuilt else "ok",
        ),
        (
            "restart",
            3,
            "Verify health",
            f'curl -H "X-API-Key: {KEY}" http://localhost:8080/api/health',
            "200",
            "ok",
        ),
        (
            "rebuild",
            4,
            "If still down, rebuild from image",
            "docker-compose up -d dashboard",
            "the container runs",
            "ok",
        ),
        ("rebuild", 5, "Monitor recovery", "docker logs -f dashboard", "no errors", "skipped"),
    ]
    steps = []
    for rung, n, title, command, expected, status in rows:
        reached = rung != "rebuild" or rebuilt
        done = reached and status != "skipped"
        steps.append(
            StepRecord(
                rung=rung,
                section=f"Scenario {number}, step {n}",
                title=title,
                command=command,
                expected=expected,
                status=status if reached else "not reached",  # type: ignore[arg-type]
                started_s=at if done else None,
                duration_s=0.7 if done else None,
                output=f"dashboard\n\x1b[31mX-API-Key: {KEY}\x1b[0m\n" if done else "",
                note="" if reached else "a lower rung had recovered the service",
            )
        )
        at += 0.9 if done else 0
    return steps


def _probes(script: Script, zero: float, end: float, chance: random.Random) -> Iterator[dict[str, Any]]:
    yield {"kind": "start", "t": zero - 7.0}
    t, usual = -7.0, {"health": 0.0024, "read": 0.0031, "write": 0.0088}
    while t < end:
        if script.stall and script.stall[0] <= t < script.stall[1]:
            t = script.stall[1]
            yield {"kind": "tick", "t": zero + t, "late": script.stall[1] - script.stall[0]}
        for n, kind in enumerate(usual):
            latency, outcome = usual[kind] * chance.lognormvariate(0, 0.25), "ok"
            error: str | None = None
            cache: str | None = None
            status: int | None = 200
            if kind == "read":
                cache = "hit" if chance.random() < 0.97 else "miss"
            if script.outage and script.outage[0] <= t < script.outage[1]:
                if script.degraded:
                    latency *= 2.8
                    cache = "bypass" if kind == "read" else None
                elif t < script.unknown_for:
                    latency, status = 2.0, None
                    outcome, error = ("unknown" if kind == "write" else "fail"), "no answer in time"
                else:
                    latency, outcome, status = 0.0012 * chance.lognormvariate(0, 0.4), "fail", 502
                    error = "answered 502: Bad Gateway"
            yield {
                "kind": kind, "t": round(zero + t + n * 0.0067, 6), "latency": round(latency, 6),
                "outcome": outcome, "status": status, "error": error, "cache": cache,
                "late": round(chance.random() * 0.001, 6),
            }  # fmt: skip
        yield {"kind": "tick", "t": zero + t, "late": 0.0004}
        t += 0.02
    yield {"kind": "end", "t": zero + end, "cpu_s": 3.1, "wall_s": end + 7}


def _writes(
    evidence: Path, script: Script, zero: float, end: float, chance: random.Random
) -> tuple[int, int, int]:
    history: list[dict[str, Any]] = []
    rows, acked, unknown, lost = [], 0, 0, 0
    n = 0
    for path, rate in (("api", 50), ("sql", 25)):
        for k in range(int((end + 6.5) * rate)):
            t, n = -6.5 + k / rate, n + 1
            name, value = f"{path}-{n:026d}", f"{1 + n % 5000}x{1 + n % 3}"
            history.append({"n": n, "id": name, "kind": "invoke", "t": round(zero + t, 6), "value": value})
            down = path == "api" and not script.degraded and script.outage
            latency = 0.006 * chance.lognormvariate(0, 0.3)
            if down and script.outage and script.outage[0] <= t < script.outage[1]:
                kind = "info" if t < script.unknown_for else "fail"
                unknown += kind == "info"
                latency = 2.0 if kind == "info" else 0.001
            else:
                kind, acked = "ok", acked + 1
                if script.lost and path == "sql" and t >= 3 and lost < script.lost:
                    lost += 1
                else:
                    rows.append({"id": name, "value": value})
            history.append({"n": n, "id": name, "kind": kind, "t": round(zero + t + latency, 6)})
    _write(evidence / "history.jsonl", history)
    _write(evidence / "survivors.jsonl", rows)
    return acked, lost, unknown


def _write(path: Path, lines: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def main(argv: list[str]) -> None:
    """Write the sample run into the folder ``argv[0]``, with its reports."""
    folder = Path(argv[0])
    folder.mkdir(parents=True, exist_ok=True)
    record = sample(folder)
    yaml_report.write(record, folder)
    sys.stdout.write(f"{html.write(folder)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
