"""Alert rules and routes: the names the drills wait for, the plan's budgets, and nobody who is not told."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from plan.duration import parse_duration
from plan.load import load_plan
from plan.model import Plan

ROOT = Path(__file__).parent.parent
MONITORING = ROOT / "stack" / "monitoring"


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((MONITORING / name).read_text(encoding="utf-8"))
    return loaded


RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in load("rules.yml")["groups"] for rule in group["rules"]
}
PROMETHEUS = load("prometheus.yml")
ALERTMANAGER = load("alertmanager.yml")
EXPECTED = {
    "DashboardDown": ("1", "dashboard"),
    "DashboardRestarted": ("1", "dashboard"),
    "DashboardErrors": ("1", "dashboard"),
    "DashboardSlow": ("1", "dashboard"),
    "DatabaseDown": ("2", "database"),
    "DatabaseUnreachable": ("2", "database"),
    "DatabaseRestarted": ("2", "database"),
    "DatabaseBlocked": ("2", "database"),
    "DatabaseConnectionsHigh": ("2", "database"),
    "RedisDown": ("3", "redis"),
    "RedisMemoryCritical": ("3", "redis"),
    "CacheDegraded": ("3", "redis"),
    "DatabaseLoadHigh": ("3", "database"),
    "DiskAlmostFull": ("4", "storage"),
    "DiskFillingUp": ("4", "storage"),
    "BackupFailed": ("none", "backup"),
    "BackupTooOld": ("none", "backup"),
    "RestoreTestTooOld": ("none", "backup"),
    "VerificationTooOld": ("none", "backup"),
    "BackupsGone": ("none", "backup"),
    "BackupServiceDown": ("none", "backup"),
    "ArchivingFailing": ("none", "database"),
    "VaultNotReceiving": ("none", "vault"),
    "VaultLagging": ("none", "vault"),
    "VaultAlmostFull": ("none", "vault"),
    "Watchdog": ("none", "monitoring"),
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(ROOT / "drp.toml")


def seconds(text: str) -> timedelta:
    """A Prometheus duration of one unit."""
    return parse_duration(f"{text[:-1]} {text[-1]}")


def test_the_alerts_are_those_that_drills_wait_for() -> None:
    assert {
        name: (rule["labels"]["scenario"], rule["labels"]["component"]) for name, rule in RULES.items()
    } == EXPECTED


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_alert_says_what_it_means_and_what_to_do(name: str) -> None:
    assert set(RULES[name]["labels"]) == {"severity", "scenario", "component"}
    assert set(RULES[name]["annotations"]) == {"summary", "description", "runbook"}


@pytest.mark.parametrize(
    "name", sorted(name for name, (scenario, _) in EXPECTED.items() if scenario != "none")
)
def test_detection_fits_into_the_plans_budget(name: str, plan: Plan) -> None:
    rule = RULES[name]
    number = int(rule["labels"]["scenario"])
    scenario = next(each for each in plan.scenarios.values() if each.number == number)
    assert scenario.detection is not None
    cadence = PROMETHEUS["global"]
    windows = [seconds(window) for window in re.findall(r"\[(\d+s)\]", rule["expr"])]
    longest = (
        seconds(cadence["scrape_interval"])
        + seconds(cadence["evaluation_interval"])
        + seconds(rule.get("for", "0s"))
        + max(windows, default=timedelta())
        + seconds(ALERTMANAGER["route"]["group_wait"])
    )
    assert longest < scenario.detection / 5


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - {"Watchdog"}))
def test_an_alert_is_over_soon_after_its_cause(name: str, plan: Plan) -> None:
    """Else the next drill would wait, or find it firing."""
    # A trend is over when it turns, however long the time that it is drawn from.
    expression = re.sub(r"predict_linear\(.*?\], \d+\)", "", RULES[name]["expr"])
    windows = [seconds(window) for window in re.findall(r"\[(\d+s)\]", expression)]
    assert max(windows, default=timedelta()) < plan.drill.quiet_timeout / 2


def test_what_is_computed_from_the_dashboard_is_exported_by_it() -> None:
    exported = set(
        re.findall(r'"(dashboard_\w+)"', (ROOT / "stack/dashboard/app/metrics.py").read_text("utf-8"))
    )
    used = set(re.findall(r"\bdashboard_\w+", " ".join(rule["expr"] for rule in RULES.values())))
    assert used <= {name for metric in exported for name in (metric, f"{metric}_bucket")}
    assert used


def test_what_is_computed_from_the_backups_figures_is_exported_by_them() -> None:
    source = (ROOT / "stack/backup/drbackup/metrics.py").read_text("utf-8")
    used = set(re.findall(r"\bdrbackup_\w+", " ".join(rule["expr"] for rule in RULES.values())))
    assert used <= set(re.findall(r'"(drbackup_\w+)"', source))
    assert {"drbackup_vault_used_bytes", "drbackup_vault_size_bytes"} <= used


def test_every_job_that_a_rule_names_is_scraped() -> None:
    jobs = {job["job_name"] for job in PROMETHEUS["scrape_configs"]}
    named = set(re.findall(r'job="([\w-]+)"', " ".join(rule["expr"] for rule in RULES.values())))
    assert named <= jobs
    assert {"dashboard", "edge-health", "redis"} <= named


def test_every_severity_that_pages_reaches_all_three_channels() -> None:
    severities = {rule["labels"]["severity"] for rule in RULES.values()}
    assert severities == {"critical", "warning", "none"}
    receivers = {receiver["name"]: receiver for receiver in ALERTMANAGER["receivers"]}
    routes = {tuple(route["matchers"]): route for route in ALERTMANAGER["route"]["routes"]}
    for severity in ("critical", "warning"):
        on_call = receivers[routes[(f'severity="{severity}"',)]["receiver"]]
        assert on_call["webhook_configs"][0]["url"] == "http://receiver:8000/webhook"
        assert on_call["slack_configs"][0]["api_url"] == "http://receiver:8000/slack"
        assert on_call["pagerduty_configs"][0]["url"] == "http://receiver:8000/pagerduty"
        for channel in ("webhook_configs", "slack_configs", "pagerduty_configs"):
            assert on_call[channel][0]["send_resolved"]


def test_the_dead_mans_switch_pages_nobody_and_is_heard_often() -> None:
    route = ALERTMANAGER["route"]["routes"][0]
    assert route["matchers"] == ['alertname="Watchdog"']
    assert seconds(route["repeat_interval"]) < seconds(route["group_interval"])
    switch = next(each for each in ALERTMANAGER["receivers"] if each["name"] == route["receiver"])
    assert set(switch) == {"name", "webhook_configs"}


def test_memory_is_critical_for_the_pager_where_it_is_for_the_runbook(plan: Plan) -> None:
    assert RULES["RedisMemoryCritical"]["expr"].endswith(f"> {plan.drill.memory_critical:g}")
