"""The runbooks of the DRP's scenarios: they are the plan's steps, and their conditions read what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plan.errors import UserError
from plan.load import load_plan
from plan.model import Plan
from recovery.catalog import NAMES, find_runbook
from recovery.redis_memory import parse, used_share
from recovery.restore import TIMEOUT_S
from recovery.runbook import Ran, Step
from recovery.scenario_2 import rewind
from recovery.wording import on_paper

INFO = "# Memory\r\nused_memory:{used}\r\nmaxmemory:{limit}\r\nmaxmemory_policy:noeviction"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Path(__file__).parent.parent / "drp.toml")


class Answering:
    """Hands that answer everything with the same output, and know one image."""

    def __init__(self, output: str = "", image: str = "", ok: bool = True) -> None:
        self._ran = Ran(ok, output)
        self._image = image

    def spell(self, command: str) -> str:
        return command.replace("{dashboard image}", self._image)

    def run(self, command: str, timeout_s: float) -> Ran:
        return self._ran


@pytest.mark.parametrize("name", NAMES)
def test_every_step_of_the_plan_is_in_the_runbook_under_its_title(plan: Plan, name: str) -> None:
    scenario = plan.scenarios[name]
    runbook = find_runbook(name, plan)
    steps = [step for rung in runbook.rungs for step in rung.steps]
    assert runbook.section == f"Scenario {scenario.number}: {scenario.title}"
    for promised in scenario.steps:
        section = f"Scenario {scenario.number}, step {promised.number}"
        assert promised.title in [step.title for step in steps if step.section == section]


@pytest.mark.parametrize("name", NAMES)
def test_every_step_is_bounded_and_says_what_is_expected(plan: Plan, name: str) -> None:
    """By the RTO at most, but for what restores: it has failed the RTO then, and is of use all the same."""
    for rung in find_runbook(name, plan).rungs:
        for step in rung.steps:
            restores = "dr stack restore" in step.command
            bound = TIMEOUT_S if restores else plan.scenarios[name].rto.total_seconds()
            assert 0 < step.timeout_s <= bound
            assert step.expected


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_climb_fits_into_the_recovery_time(plan: Plan, name: str) -> None:
    """Were every wait to last to its end, detection and all, the plan could still be kept."""
    runbook = find_runbook(name, plan)
    waits = len(runbook.ladder) * runbook.validation_timeout_s + sum(
        step.patience_s for rung in runbook.rungs for step in rung.steps
    )
    scenario = plan.scenarios[name]
    assert scenario.detection.total_seconds() + waits < scenario.rto.total_seconds()


def test_a_runbook_that_is_not_there_is_the_users_to_mend(plan: Plan) -> None:
    with pytest.raises(UserError, match="name one of these: dashboard-down, database-lost"):
        find_runbook("house-on-fire", plan)


def test_a_plan_without_what_a_runbook_carries_out_is_the_users_to_mend(plan: Plan) -> None:
    scenario = plan.scenarios["redis-down"]
    shorter = scenario.model_copy(update={"steps": scenario.steps[:-1]})
    lacking = plan.model_copy(update={"scenarios": {**plan.scenarios, "redis-down": shorter}})
    with pytest.raises(
        UserError, match="the runbook redis-down carries out steps that the plan does not have"
    ):
        find_runbook("redis-down", lacking)


def test_a_mistake_is_undone_by_going_back_to_its_moment(plan: Plan) -> None:
    [rung] = rewind(plan, "2026-11-24T11:59:30+00:00").ladder
    assert rung.when is None
    assert rung.steps[0].command == "dr stack restore --stack {stack} --to 2026-11-24T11:59:30+00:00"


def pull(plan: Plan) -> Step:
    rungs = find_runbook("dashboard-down", plan).rungs
    return next(step for rung in rungs for step in rung.steps if step.command.startswith("docker pull"))


@pytest.mark.parametrize(
    ("image", "pulled"),
    [
        ("ghcr.io/eevans-d/aidrive_genspark:latest", True),
        ("localhost/dashboard", True),
        ("registry:5000/dashboard@sha256:0", True),
        ("dr-drill/dashboard:latest", False),
        ("dashboard", False),
    ],
)
def test_only_an_image_of_a_registry_is_pulled(plan: Plan, image: str, pulled: bool) -> None:
    condition = pull(plan).when
    assert condition is not None
    assert (condition.why_not(Answering(image=image)) == "") is pulled


@pytest.mark.parametrize(
    ("used", "limit", "flushed"),
    [(91, 100, True), (90, 100, False), (50, 100, False), (10**9, 0, False)],
)
def test_the_cache_is_cleared_only_when_memory_is_critical(
    plan: Plan, used: int, limit: int, flushed: bool
) -> None:
    flush = find_runbook("redis-down", plan).ladder[-1].when
    assert flush is not None
    assert (flush.why_not(Answering(INFO.format(used=used, limit=limit))) == "") is flushed


@pytest.mark.parametrize("answer", [Answering("connection refused", ok=False), Answering("nonsense")])
def test_a_memory_that_is_not_known_is_not_cleared(plan: Plan, answer: Answering) -> None:
    flush = find_runbook("redis-down", plan).ladder[-1].when
    assert flush is not None
    assert "not known" in flush.why_not(answer)


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_the_memory_that_redis_cli_prints_is_read(used: int, limit: int) -> None:
    memory = parse(INFO.format(used=used, limit=limit))
    assert memory == {"used_memory": used, "maxmemory": limit}
    assert used_share(memory) == (used / limit if limit else 0)


def test_a_command_on_paper_names_services() -> None:
    assert on_paper("docker exec {redis} redis-cli PING") == "docker exec redis redis-cli PING"
    assert on_paper("docker pull {blackbox-exporter image}") == "docker pull $DRILL_BLACKBOX_EXPORTER_IMAGE"
    assert on_paper("curl {edge url}/x --format {{.Names}}") == "curl http://edge/x --format {{.Names}}"
