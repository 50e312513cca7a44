"""The plan as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rich.markup import escape
from rich.table import Table

from plan.duration import format_duration
from plan.model import Plan, Scenario, Step


def plan_tables(plan: Plan) -> Iterator[Table]:
    """Every part of the plan, in its own order."""
    heading = plan.heading
    objectives = Table("Component", "RTO", "RPO", "Priority", title=escape(heading.title), expand=True)
    objectives.caption = escape(
        f"version {heading.version}, prepared {heading.prepared:%Y-%m-%d}, "
        f"last tested: {heading.last_tested}, next test: {heading.next_test:%Y-%m-%d}"
    )
    for component in plan.components.values():
        rpo = format_duration(component.rpo) if component.rpo else "N/A"
        objectives.add_row(component.name, format_duration(component.rto), rpo, component.priority)
    yield objectives
    for key, scenario in plan.scenarios.items():
        yield _scenario(key, scenario)
    for key, procedure in plan.procedures.items():
        limit = f", within {format_duration(procedure.sla)}" if procedure.sla else ""
        yield _steps(f"Test {procedure.number}: {procedure.title} ({key}){limit}", procedure.steps)
    yield _backup(plan)
    yield _people(plan)
    yield _drill(plan)
    criteria = Table("Success criteria", expand=True)
    for criterion in plan.success.criteria:
        criteria.add_row(criterion)
    yield criteria


def _scenario(key: str, scenario: Scenario) -> Table:
    table = _steps(f"Scenario {scenario.number}: {scenario.title} ({key})", scenario.steps)
    table.add_section()
    table.add_row("", "Symptoms", ", ".join(scenario.symptoms))
    by = f", by {scenario.detected_by}" if scenario.detected_by else ""
    table.add_row("", "Detection within", f"{format_duration(scenario.detection)}{escape(by)}")
    table.add_row("", "RTO", scenario.rto_text or format_duration(scenario.rto))
    table.add_section()
    for box in scenario.boxes:
        table.add_row("☐", escape(box.text), box.id)
    return table


def _steps(title: str, steps: tuple[Step, ...]) -> Table:
    table = Table("", "Step", "Command", title=title, expand=True)
    table.columns[1].ratio, table.columns[2].ratio = 2, 3
    table.columns[2].overflow = "fold"
    for step in steps:
        table.add_row(str(step.number), escape(step.title), escape(step.command))
    return table


def _backup(plan: Plan) -> Table:
    table = Table("Backup", "", title="Backup strategy", expand=True)
    table.columns[1].overflow = "fold"
    database, pitr, redis, code = plan.backup.database, plan.backup.pitr, plan.backup.redis, plan.backup.code
    for name, value in (
        ("Database", f"{database.frequency}: {database.schedule} {database.command}"),
        ("", f"kept {format_duration(database.retention)} in {database.location}; {database.verification}"),
        ("Dump", database.dump),
        ("Verify", database.verify),
        ("Upload", f"{database.upload} (if configured)"),
        ("Prune", database.prune),
        ("Point in time", f"wal_level = {pitr.wal_level}, archive_mode = {pitr.archive_mode}"),
        ("", f"archive_command = '{pitr.archive_command}'"),
        ("Redis", f"save {', '.join(redis.save)}; {redis.snapshot}"),
        ("", redis.copy_command),
        ("Code", code.tag),
        ("", f"{code.archive} {' '.join(code.config_paths)}"),
    ):
        table.add_row(name, escape(value))
    return table


def _people(plan: Plan) -> Table:
    table = Table("Who or what", "When", "Does", title="Schedule, escalation, communication", expand=True)
    schedule = plan.schedule
    table.add_row(
        "Monthly drill", schedule.text, f"{format_duration(schedule.duration)}, {schedule.participants}"
    )
    table.add_section()
    for level in plan.escalation:
        after = f"escalates after {format_duration(level.escalate_after)}" if level.escalate_after else "last"
        table.add_row(f"Level {level.level}: {level.role}", after, "; ".join(level.actions))
    table.add_section()
    for milestone in plan.communication:
        until = f" to {format_duration(milestone.until)}" if milestone.until else ""
        due = "T+0" if not milestone.due else f"T+{format_duration(milestone.due)}{until}"
        table.add_row(milestone.name, due, "; ".join(milestone.actions))
    return table


def _drill(plan: Plan) -> Table:
    table = Table("Setting", "Value", title="The drill's own figures", expand=True)
    for name, value in plan.drill:
        if isinstance(value, timedelta):
            shown = format_duration(value)
        elif isinstance(value, tuple):
            shown = ", ".join(value)
        else:
            shown = str(value)
        table.add_row(name, shown)
    return table
