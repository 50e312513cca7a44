"""The DRP's own "DR Test Report" (DRP, Test Report Template), with exactly its keys."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import yaml

from measure.verdict import Verdict
from reports import figures
from reports.findings import findings
from reports.record import DrillRecord, Record
from reports.redact import Redactor

NAME = "report.yaml"
PENDING = "PENDING"

_WORDS = {Verdict.PASS: "PASSED", Verdict.FAIL: "FAILED", Verdict.INVALID: "INVALID"}


class _Dumper(yaml.SafeDumper):
    """Indents lists, as the DRP's template does."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def report(record: Record) -> dict[str, Any]:
    """The report as plain data. Approver and date of approval are for people."""
    clean: Record = Redactor().model(record)
    found = findings(clean)
    tests: list[dict[str, str]] = [{_name(drill): _outcome(drill)} for drill in clean.drills]
    tests += [{missing: "INVALID (not reached)"} for missing in clean.not_reached]
    issues = _unique(_sentence(clean, finding.drill, finding.issue) for finding in found if finding.issue)
    advice = _unique(
        _sentence(clean, finding.drill, finding.recommendation) for finding in found if finding.recommendation
    )
    return {
        "DR Test Report": {
            "Test Date": clean.started_utc.astimezone(UTC).date(),
            "Test Duration": "not known" if clean.duration_s is None else figures.duration(clean.duration_s),
            "Tests Performed": tests or "None",
            "Issues Found": issues or "None",
            "Recommendations": advice or "None",
            "Approver": PENDING,
            "Date": PENDING,
        }
    }


def write(record: Record, folder: Path) -> Path:
    """Write ``report.yaml`` into ``folder``, and return its path.

    :raises OSError: when it cannot be written.
    """
    path = folder / NAME
    text = yaml.dump(report(record), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    path.write_text(text, encoding="utf-8")
    return path


def _name(drill: DrillRecord) -> str:
    where = drill.section.partition(": ")[2] or drill.section
    return where if where.lower() == drill.title.lower() else f"{where} ({drill.title})"


def _outcome(drill: DrillRecord) -> str:
    facts = []
    recovery = drill.recovery_objective
    if recovery and recovery.actual_s is not None:
        facts.append(f"{figures.duration(recovery.actual_s)} recovery")
    if drill.ledger:
        facts.append(f"{drill.ledger.lost}/{drill.ledger.acked} acknowledged writes lost")
    if drill.boxes:
        facts.append(f"{sum(box.holds is True for box in drill.boxes)}/{len(drill.boxes)} boxes hold")
    if drill.verdict is not Verdict.PASS:
        facts += drill.reasons
    return _WORDS[drill.verdict] + (f" ({', '.join(facts)})" if facts else "")


def _sentence(record: Record, drill_id: str, text: str) -> str:
    name = next((_name(drill) for drill in record.drills if drill.id == drill_id), "")
    return f"{name}: {text}" if name else text


def _unique(texts: Any) -> list[str]:
    return list(dict.fromkeys(texts))
