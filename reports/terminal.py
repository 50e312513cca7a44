"""What the terminal shows when a run ends: a row a drill, why it is not PASS, and where the report is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from measure.verdict import Verdict
from reports import figures
from reports.record import DrillRecord, Objective, Record
from reports.redact import Redactor

STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INVALID: "bold yellow"}
_REASONS_FROM_COLUMNS = 110


def console() -> Console:
    """A console on the terminal itself, also while pytest captures standard output.

    Call it before capturing begins (``pytest_configure``): it keeps a descriptor of its own.
    """
    file = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace", buffering=1)
    # rich would ask descriptors 0 to 2 for the width, which pytest redirects; a terminal may not know it.
    width = os.get_terminal_size(file.fileno()).columns if file.isatty() else 0
    return Console(file=file, width=width or None, highlight=False)


def show(console: Console, record: Record, report: Path) -> None:
    """Print the run's outcome.

    :param report: the HTML report; shown as given.
    """
    console.print()
    wide = console.width >= _REASONS_FROM_COLUMNS
    if record.drills:
        console.print(_table(record.drills, wide))
    if not wide:
        for drill in record.drills:
            if drill.reasons:
                console.print(_status(drill.verdict, f"{drill.title}: {_reasons(drill)}"))
    for missing in record.not_reached:
        console.print(Text(f"not reached: {missing}"))
    if record.problem:
        console.print(Text(f"problem: {Redactor().text(record.problem)}"), style="bold red")
    if record.cleanup and record.cleanup.left:
        console.print(Text(f"left behind: {', '.join(record.cleanup.left)}"), style="bold red")
    console.print(_status(record.verdict, _whole(record)))
    # Not wrapped: a path that is cut in two cannot be clicked or copied.
    console.print(Text(f"Report: {report}"), soft_wrap=True)


def _table(drills: list[DrillRecord], wide: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), collapse_padding=True)
    table.add_column("Drill")
    for name in ("Verdict", "Recovery / RTO", "Loss / RPO", "Detection"):
        table.add_column(name, no_wrap=True)
    if wide:
        table.add_column("Reason")
    for drill in drills:
        cells = [
            Text(drill.title),
            _status(drill.verdict),
            _objective(drill.recovery_objective),
            _objective(drill.objective("RPO")),
            _objective(drill.objective("detection")),
        ]
        table.add_row(*cells, *([Text(_reasons(drill))] if wide else []))
    return table


def _status(verdict: Verdict, more: str = "") -> Text:
    return Text(f"{figures.status(verdict)}  {more}".rstrip(), style=STYLES[verdict])


def _objective(objective: Objective | None) -> Text:
    if objective is None:
        return Text("–")
    target = "none" if objective.target_s is None else figures.duration(objective.target_s)
    actual = "?" if objective.actual_s is None else figures.duration(objective.actual_s)
    return Text(
        f"{actual} / {target}", style="" if objective.verdict is Verdict.PASS else STYLES[objective.verdict]
    )


def _reasons(drill: DrillRecord) -> str:
    return Redactor().text("; ".join(drill.reasons))


def _whole(record: Record) -> str:
    passed = sum(drill.verdict is Verdict.PASS for drill in record.drills)
    text = f"{passed} of {figures.plural(len(record.drills_planned) or len(record.drills), 'drill')} passed"
    if record.status != "complete":
        text += f"; the run is {record.status}"
    return text + (f" in {figures.duration(record.duration_s)}" if record.duration_s is not None else "")
