"""Runbooks and validation boxes on a real stack that is really broken."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import redis

from chaos.bad_image import BadImage
from chaos.fill_disk import FillDisk
from chaos.fill_memory import FillMemory
from chaos.stop_monitoring import StopMonitoring
from cli.main import main
from measure.notifications import Notifications
from plan.errors import UserError
from plan.load import load_plan
from plan.model import Plan
from recovery.catalog import find_runbook
from recovery.client import Client
from recovery.live import live_validation
from recovery.model import BoxResult, RunbookResult, StepStatus, Validate
from recovery.operator import Operator
from recovery.standby import stand_by
from stack.stack import Stack
from stack.wait import wait_until
from tests.live.beside import beside
from tests.live.whole_stack import whole_stack

pytestmark = pytest.mark.live

TIMEOUT_S = 3.0
STALE = {"sales_count": 1, "generated_at": "2025-01-01T00:00:00+00:00"}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Path(__file__).parent.parent.parent / "drp.toml")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole stack, for all the tests here."""
    with whole_stack(tmp_path_factory.mktemp("runs"), "recovery") as stack:
        yield stack


@pytest.fixture
def stack(started: Stack) -> Iterator[Stack]:
    """The stack, whole again after each test."""
    yield started
    toxiproxy(started, "redis", enabled=True)
    started.compose("up", "--detach", "--wait", "--no-build", "--remove-orphans")
    with direct_redis(started) as client:
        client.flushdb()


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with Client(stack, TIMEOUT_S) as opened:
        yield opened


@pytest.fixture
def validate(plan: Plan, stack: Stack, client: Client) -> Callable[[str], Validate]:
    """The validation of a scenario, for a recovery that begins now."""
    return lambda name: live_validation(name, plan, stack, client, since=time.monotonic())


@pytest.fixture
def recover(
    plan: Plan, stack: Stack, client: Client, validate: Callable[[str], Validate]
) -> Callable[..., RunbookResult]:
    """Carries a runbook out."""

    def run(name: str, validation_timeout_s: float = 60) -> RunbookResult:
        runbook = replace(find_runbook(name, plan), validation_timeout_s=validation_timeout_s)
        return runbook.run(Operator(stack, client), validate(name))

    return run


def toxiproxy(stack: Stack, proxy: str, enabled: bool) -> None:
    url = f"{stack.url('toxiproxy', 8474)}/proxies/{proxy}"
    httpx.post(url, json={"enabled": enabled}).raise_for_status()


def direct_redis(stack: Stack) -> redis.Redis:
    host, port = stack.address("redis", 6379)
    return redis.Redis(host=host, port=port)


def status(result: RunbookResult, rung: str) -> set[StepStatus]:
    return {step.status for step in result.steps if step.rung == rung}


def by_id(boxes: list[BoxResult]) -> dict[str, BoxResult]:
    return {box.box: box for box in boxes}


def born(stack: Stack, *services: str) -> list[tuple[str, str]]:
    """Which containers run these services, and since when."""
    containers = [stack.container(service) for service in services]
    return [(str(container.id), container.attrs["State"]["StartedAt"]) for container in containers]


def test_a_killed_dashboard_is_restarted(stack: Stack, recover: Callable[..., RunbookResult]) -> None:
    stack.container("dashboard").kill()
    result = recover("dashboard-down")
    assert (result.recovered, result.rung) == (True, "restart"), result
    assert status(result, "rebuild") == {StepStatus.NOT_REACHED}
    looked = result.steps[0]
    assert looked.status is StepStatus.FAILED
    assert "Exited (137)" in looked.output
    assert f"docker restart {stack.container('dashboard').name}" in [step.command for step in result.steps]
    assert [(box.box, box.holds) for box in result.boxes] == [
        ("health-200", True),
        ("all-endpoints", True),
        ("metrics-exported", True),
        ("no-errors-in-logs", True),
    ]


def test_a_bad_image_is_replaced_and_nothing_else_is_touched(
    stack: Stack, recover: Callable[..., RunbookResult]
) -> None:
    others = born(stack, "postgres", "redis", "edge", "toxiproxy")
    fault = BadImage(stack, "dashboard")
    fault.prepare()
    try:
        fault.inject()
        fault.wait_effective(20)
        result = recover("dashboard-down")
    finally:
        fault.heal()
    assert (result.recovered, result.rung) == (True, "rebuild"), result
    restarted = {step.title: step.status for step in result.steps if step.rung == "restart"}
    assert restarted == {"Try restart": StepStatus.OK, "Verify health": StepStatus.FAILED}
    pull, recreate, verify = (step for step in result.steps if step.rung == "rebuild")
    assert pull.status is StepStatus.SKIPPED
    assert "no registry" in pull.note
    assert (recreate.status, verify.status) == (StepStatus.OK, StepStatus.OK)
    assert "docker-compose down" in recreate.note
    assert born(stack, "postgres", "redis", "edge", "toxiproxy") == others


def test_a_killed_redis_is_restarted_and_the_cache_rebuilds(
    stack: Stack, recover: Callable[..., RunbookResult]
) -> None:
    stack.container("redis").kill()
    result = recover("redis-down")
    assert (result.recovered, result.rung) == (True, "restart"), result
    assert status(result, "flush") == {StepStatus.NOT_REACHED}
    assert "PONG in" in by_id(result.boxes)["redis-accepting"].evidence
    assert "the summary had 100000 sales" in by_id(result.boxes)["cache-rebuilding"].evidence


def test_a_full_redis_is_cleared_since_a_restart_loads_it_full_again(
    stack: Stack, recover: Callable[..., RunbookResult]
) -> None:
    fault = FillMemory(stack)
    fault.inject()
    fault.wait_effective(10)
    result = recover("redis-down")
    assert (result.recovered, result.rung) == (True, "flush"), result
    restart = {step.title: step for step in result.steps if step.rung == "restart"}
    assert restart["Verify connectivity"].status is StepStatus.OK
    assert restart["Check memory usage"].status is StepStatus.FAILED
    assert "critical from 90%" in restart["Check memory usage"].output
    stack.container("redis").kill()
    stack.container("redis").start()
    with direct_redis(stack) as client:
        wait_until(client.ping, timeout_s=10, what="Redis is back")
        assert client.dbsize() <= 1, "the snapshot was not written after clearing"


def test_a_cache_that_is_not_full_is_never_cleared(
    stack: Stack, recover: Callable[..., RunbookResult]
) -> None:
    with direct_redis(stack) as client:
        client.set("somebody-elses", "session")
    toxiproxy(stack, "redis", enabled=False)
    result = recover("redis-down", validation_timeout_s=2.0)
    assert not result.recovered
    assert status(result, "flush") == {StepStatus.SKIPPED}
    assert "memory is not critical" in next(step.note for step in result.steps if step.rung == "flush")
    boxes = by_id(result.boxes)
    assert boxes["redis-accepting"].holds is True
    assert boxes["cache-rebuilding"].holds is False
    assert boxes["cache-rebuilding"].evidence.startswith("0 of 20 reads served from the cache")
    with direct_redis(stack) as client:
        assert client.get("somebody-elses") == b"session"


@contextmanager
def always_there(stack: Stack, key: str, value: str) -> Iterator[None]:
    """A key that is put back whenever the dashboard, for which Redis once took too long, has made it anew."""

    def keep(stop: threading.Event) -> None:
        with direct_redis(stack) as client:
            while not stop.wait(0.05):
                client.set(key, value)

    with direct_redis(stack) as client:
        client.set(key, value)
    with beside(keep):
        yield


def test_a_summary_that_is_stale_is_no_rebuilt_cache(
    stack: Stack, validate: Callable[[str], Validate]
) -> None:
    with always_there(stack, "dashboard:summary:1", json.dumps(STALE)):
        box = by_id(validate("redis-down")())["cache-rebuilding"]
    assert box.holds is False
    assert "the summary is stale: 1 sales" in box.evidence


def test_errors_in_the_log_since_the_dashboard_started_are_found(
    stack: Stack, validate: Callable[[str], Validate]
) -> None:
    examine = validate("dashboard-down")
    assert by_id(examine())["no-errors-in-logs"].holds is True
    line = json.dumps({"level": "ERROR", "message": "boom"})
    stack.exec("dashboard", ["sh", "-c", f"echo '{line}' > /proc/1/fd/1"])
    wait_until(
        lambda: by_id(examine())["no-errors-in-logs"].holds is False, timeout_s=5, what="the error is found"
    )
    assert "boom" in by_id(examine())["no-errors-in-logs"].evidence
    stack.container("dashboard").restart()
    box = by_id(validate("dashboard-down")())["no-errors-in-logs"]
    assert box.holds is True, box


def test_metrics_that_nobody_scrapes_are_not_known_to_be(
    stack: Stack, validate: Callable[[str], Validate]
) -> None:
    stack.container("prometheus").stop(timeout=1)
    box = by_id(validate("dashboard-down")())["metrics-exported"]
    assert box.holds is None
    assert "metrics exported" in box.evidence


def test_without_its_database_the_dashboards_endpoints_do_not_answer(
    stack: Stack, validate: Callable[[str], Validate]
) -> None:
    toxiproxy(stack, "postgres", enabled=False)
    try:
        boxes = by_id(validate("dashboard-down")())
    finally:
        toxiproxy(stack, "postgres", enabled=True)
    assert boxes["health-200"].holds is False
    assert boxes["all-endpoints"].holds is False
    assert "POST /api/sales: HTTP 503" in boxes["all-endpoints"].evidence


def test_a_dashboard_that_is_gone_fails_every_box(stack: Stack, validate: Callable[[str], Validate]) -> None:
    stack.container("dashboard").remove(force=True)
    assert {box.holds for box in validate("dashboard-down")()} == {False}


def test_the_command_line_recovers_and_says_so(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.container("redis").kill()
    monkeypatch.setattr("sys.argv", ["dr", "runbook", "run", "redis-down", "--stack", str(stack.run_dir)])
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().out
    assert ended.value.code == 0, printed
    assert f"$ docker restart {stack.container('redis').name}" in printed
    assert "recovered by restart in" in printed
    assert "No data loss: only a drill can tell" in printed


def sell(stack: Stack) -> int:
    """The status of one sale."""
    sale = {"client_id": f"live-{time.monotonic_ns()}", "product_id": 1, "quantity": 1}
    with Client(stack, TIMEOUT_S) as client:
        return client.ask("POST", "/api/sales", sale).status_code


def test_room_is_made_on_a_full_disk_and_only_who_met_it_is_restarted(
    stack: Stack, recover: Callable[..., RunbookResult]
) -> None:
    others = born(stack, "redis", "dashboard", "edge", "backup")
    before = born(stack, "postgres")
    fault = FillDisk(stack, "postgres")
    fault.prepare()
    try:
        fault.inject()
        fault.wait_effective(10)
        wait_until(lambda: sell(stack) == 503, timeout_s=30, what="a sale is refused")
        result = recover("disk-full")
    finally:
        fault.heal()
    assert (result.recovered, result.rung) == (True, "clean"), result
    assert "/hold/postgres is 100% full" in result.steps[0].output
    [removed] = [step.output for step in result.steps if step.title.startswith("Remove large files")]
    assert removed.split() == ["/hold/postgres/.dr-drill-fill"]
    assert "restarted since recovery began: postgres" in by_id(result.boxes)["services-restarted"].evidence
    assert born(stack, "postgres") != before
    assert born(stack, "redis", "dashboard", "edge", "backup") == others
    assert sell(stack) == 201


def test_a_service_that_met_a_full_disk_and_was_not_restarted_is_found(
    stack: Stack, validate: Callable[[str], Validate]
) -> None:
    said = ["sh", "-c", "echo 'write error: No space left on device' >/proc/1/fd/1"]
    assert stack.exec("redis", said, user="redis").exit_code == 0
    box = by_id(validate("disk-full")())["services-restarted"]
    assert box.holds is False
    assert "redis has met a full disk since it was started" in box.evidence


def test_removed_monitoring_is_missed_made_anew_and_remembers(
    stack: Stack, recover: Callable[..., RunbookResult], validate: Callable[[str], Validate], tmp_path: Path
) -> None:
    with Notifications(lambda: stack.url("receiver", 8000), tmp_path / "notifications.jsonl") as pager:
        fault = StopMonitoring(stack, remove=True)
        began = time.monotonic()
        fault.inject()
        assert {box.box for box in validate("monitoring-lost")() if box.holds} == set()
        assert pager.wait_first(["MonitoringLost"], "pagerduty", began, 40)
        result = recover("monitoring-lost", validation_timeout_s=30)
        assert pager.wait_first(["MonitoringLost"], "webhook", began, 30, "resolved")
    assert (result.recovered, result.rung) == (True, "make anew"), result
    assert status(result, "start") == {StepStatus.SKIPPED}
    assert "nothing is left" not in by_id(result.boxes)["series-kept"].evidence


def test_a_site_that_serves_is_never_made_the_standby(started: Stack) -> None:
    with pytest.raises(UserError, match="site a serves, by the witness"):
        stand_by(started, print)
    assert started.container("postgres").status == "running"


def test_a_stack_that_is_gone_is_the_users_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {"drill_id": "recovery-gone", "files": [], "site": "a", "context": "default"}
    (tmp_path / "stack.json").write_text(json.dumps(gone), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["dr", "runbook", "run", "redis-down", "--stack", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "the stack recovery-gone is not up" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["docker exec {redis} sleep 30", "docker logs --follow {redis}"])
def test_a_command_that_takes_too_long_is_ended(started: Stack, command: str) -> None:
    with Client(started, TIMEOUT_S) as client:
        begun = time.monotonic()
        ran = Operator(started, client).run(command, 0.5)
    assert not ran.ok
    assert "took longer than 0.5 s" in ran.output
    assert time.monotonic() - begun < 10


def test_a_runbook_can_do_nothing_but_what_an_operator_of_containers_does(started: Stack) -> None:
    with Client(started, TIMEOUT_S) as client, pytest.raises(ValueError, match="cannot do this: rm -r /"):
        Operator(started, client).run("rm -r /", 1)
