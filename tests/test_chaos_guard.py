"""The guard's judgement, on listings of containers as Docker gives them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.guard import Target, context_reasons, target_reasons
from stack.stack import current_context

OURS = Target("dashboard", "dr-d1-a-dashboard-1", "d1")


def test_what_carries_the_drills_label_may_be_touched() -> None:
    assert target_reasons("d1", ["dashboard"], [OURS]) == []


def test_a_container_without_the_label_is_refused() -> None:
    [reason] = target_reasons("d1", ["dashboard"], [Target("dashboard", "production", None)])
    assert reason == "production does not carry the label dr.drill"


def test_a_container_of_another_drill_is_refused() -> None:
    [reason] = target_reasons("d1", ["dashboard"], [Target("dashboard", "other", "d2")])
    assert reason == "other belongs to d2, not to d1"


def test_a_service_without_a_container_is_refused() -> None:
    assert target_reasons("d1", ["redis"], [OURS]) == ["there is no container of the service redis"]


def test_every_reason_is_given_at_once() -> None:
    containers = [OURS, Target("redis", "r", None)]
    assert len(target_reasons("d1", ["dashboard", "redis", "dns"], containers)) == 2


def test_containers_that_are_no_target_do_not_matter() -> None:
    assert target_reasons("d1", ["dashboard"], [OURS, Target("redis", "r", None)]) == []


_LABELS = st.sampled_from([None, "d1", "d2", ""])


@given(labels=st.lists(_LABELS, min_size=1, max_size=6))
def test_one_foreign_replica_is_enough_to_refuse(labels: list[str | None]) -> None:
    containers = [Target("dashboard", f"c{number}", label) for number, label in enumerate(labels)]
    passed = not target_reasons("d1", ["dashboard"], containers)
    assert passed == all(label == "d1" for label in labels)


def test_only_a_context_that_the_plan_names_and_the_stack_is_bound_to() -> None:
    assert context_reasons("default", "default", ["default"]) == []
    assert context_reasons("prod", "default", ["default", "prod"]) != []
    assert context_reasons("prod", "prod", ["default"]) == [
        "the plan does not allow the Docker context 'prod' (only default)"
    ]


def test_the_context_in_force_is_found_as_docker_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "from-file"}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    assert current_context() == "from-file"
    monkeypatch.setenv("DOCKER_CONTEXT", "from-environment")
    assert current_context() == "from-environment"
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    assert current_context() == "default"
