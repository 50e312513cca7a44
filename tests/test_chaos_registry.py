"""Every fault can be found by name, built from what an operator types, and brought back from the journal."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.base import StackFault
from chaos.fault import Fault
from chaos.latency import Latency
from chaos.registry import build, catalogue, from_journal
from chaos.site_lost import SiteLost
from chaos.stop_monitoring import StopMonitoring
from plan.errors import UserError
from stack.stack import Stack

STACK = Stack("registry-1", Path("/nowhere"))
FAULTS = list(catalogue().values())


@st.composite
def faults(draw: st.DrawFn) -> StackFault:
    """Any fault of the catalogue, with any settings and any saved state."""
    cls = draw(st.sampled_from(FAULTS))
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for item in fields(cls):
        if item.init and item.name != "stack":
            values[item.name] = draw(st.from_type(hints[item.name]))
    return cls(STACK, **values)


@given(fault=faults())
def test_a_fault_comes_back_from_the_journal_as_it_was(fault: StackFault) -> None:
    data = json.loads(json.dumps(fault.to_journal()))
    restored = from_journal(STACK, data)
    assert restored == fault
    assert restored.to_journal() == fault.to_journal()
    assert restored.describe() == fault.describe()


@given(fault=faults())
def test_what_another_version_wrote_beside_it_does_no_harm(fault: StackFault) -> None:
    assert from_journal(STACK, {**fault.to_journal(), "mood": "sombre"}) == fault


@pytest.mark.parametrize("fault", FAULTS, ids=list(catalogue()))
def test_each_follows_the_protocol(fault: type[StackFault]) -> None:
    made = fault(STACK, "redis") if "service" in fault.settings() else fault.from_journal(STACK, {})
    assert isinstance(made, Fault)
    assert made.targets[:1] == ("redis",) or isinstance(made, SiteLost)
    assert made.describe().endswith(".")
    assert "──▶" in (__import__(fault.__module__, fromlist=["x"]).__doc__ or ""), (
        "its life is drawn in the file"
    )


def test_the_guard_looks_at_all_that_a_fault_would_touch() -> None:
    assert StopMonitoring(STACK).targets == ("prometheus", "alertmanager")
    # None by name: every container of the stack.
    assert SiteLost(STACK).targets == ()


def test_names_are_unique_and_say_what_the_file_is_called() -> None:
    assert len(catalogue()) == len(FAULTS)
    for name, fault in catalogue().items():
        assert fault.__module__ == f"chaos.{name.replace('-', '_')}"


def test_settings_are_what_can_be_typed() -> None:
    assert Latency.settings() == ["service", "proxy", "latency_ms", "jitter_ms"]
    assert catalogue()["bad-image"].settings() == ["service"]
    fault = build(STACK, "latency", {"proxy": "redis", "latency_ms": "300"})
    assert fault == Latency(STACK, proxy="redis", latency_ms=300)


@pytest.mark.parametrize(
    ("name", "settings", "what"),
    [
        ("latencyy", {}, "there is no fault 'latencyy'"),
        ("latency", {"latency_ms": "soon"}, "latency_ms=soon"),
        ("latency", {"colour": "red"}, "has no setting 'colour'"),
        ("bad-image", {"service": "dns", "release_id": "x"}, "has no setting 'release_id'"),
        ("site-lost", {"service": "dns"}, "has no setting 'service'"),
        ("fill-disk", {"percent": "most"}, "percent=most"),
        ("kill-container", {}, "needs a service"),
    ],
)
def test_what_was_typed_wrong_is_said(name: str, settings: dict[str, str], what: str) -> None:
    with pytest.raises(UserError) as error:
        build(STACK, name, settings)
    assert what in error.value.what


def test_a_fault_of_another_version_cannot_be_restored() -> None:
    with pytest.raises(UserError, match="there is no fault 'earthquake'"):
        from_journal(STACK, {"name": "earthquake", "service": "redis"})
