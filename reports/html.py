"""The report as HTML, made of the record and the evidence files beside it: complete without any script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import ValidationError

from measure.verdict import Verdict
from reports import events, evidence, figures, findings, headline, incident
from reports.charts.availability import availability
from reports.charts.axis import Linear
from reports.charts.latency import latency
from reports.charts.ledger import ledger
from reports.charts.phases import phases
from reports.charts.run import run
from reports.charts.svg import LEFT, RIGHT, WIDTH, Chart
from reports.record import DrillRecord, Objective, Record
from reports.redact import Redactor

NAME = "report.html"
CSS = Path(__file__).with_name("style.css")

ENVIRONMENT = ("engine", "compose", "kernel", "cpus", "memory", "python", "platform")
"""What of a record's environment is shown; nothing else of it is."""

_OUTPUT_LINES = 60


@dataclass(frozen=True)
class DrillView:
    """A drill with what its card shows beside the record."""

    drill: DrillRecord
    anchor: str
    milestones: list[tuple[str, float | None]]
    charts: list[Chart]
    files: list[tuple[str, int]]
    problems: list[str]


def css() -> str:
    """The style sheet."""
    return CSS.read_text(encoding="utf-8")


def fragment(run_dir: Path, secrets: Sequence[str] = ()) -> str:
    """Our whole report of the run in ``run_dir``, as the content of a page; without ``<style>``.

    A run without a readable record, a drill without evidence and a run without drills all give a report that
    says so.

    :param secrets: values that must not be shown wherever they stand, beside what looks like one by its name.
    """
    record = _load(run_dir, secrets)
    if isinstance(record, str):
        return _environment().get_template("no_record.html.j2").render(folder=run_dir.name, problem=record)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            record=record,
            headline=headline.sentence(record),
            tiles=headline.tiles(record),
            views=[_view(n, drill, run_dir) for n, drill in enumerate(record.drills, 1)],
            run_chart=run("run", record),
            timeline=incident.timeline(record),
            findings=findings.findings(record),
            environment={key: record.environment[key] for key in ENVIRONMENT if key in record.environment},
            journal=_journal(run_dir),
            files=_files(run_dir),
        )
    )


def page(
    run_dir: Path, secrets: Sequence[str] = (), appendix: Markup | None = None, appendix_css: str = ""
) -> str:
    """The whole page.

    :param appendix: what stands at its end; None: only our own report.
    :param appendix_css: rules for nothing but the appendix; they are put inside ``.pytest-html``.
    """
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=_title(run_dir, secrets),
            css=Markup(css()),
            appendix_css=Markup(appendix_css),
            report=Markup(fragment(run_dir, secrets)),
            appendix=appendix,
        )
    )


def write(run_dir: Path, secrets: Sequence[str] = ()) -> Path:
    """Write ``report.html`` of our own report alone, without pytest's appendix.

    :raises OSError: when it cannot be written.
    """
    path = run_dir / NAME
    path.write_text(page(run_dir, secrets), encoding="utf-8")
    return path


def _title(run_dir: Path, secrets: Sequence[str]) -> str:
    record = _load(run_dir, secrets)
    if isinstance(record, str):
        return f"Drill report {run_dir.name}"
    return f"{record.verdict.value}: drill report {record.drill_id}"


def _load(run_dir: Path, secrets: Sequence[str]) -> Record | str:
    """The record, fit to be shown; or why there is none."""
    try:
        record: Record = Redactor(secrets).model(Record.load(run_dir))
    except OSError as error:
        return f"record.json could not be read: {error.strerror}."
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its first line"
        return f"record.json is not a record of this version: {where}: {first['msg']}."
    return record


def _view(number: int, drill: DrillRecord, run_dir: Path) -> DrillView:
    anchor = f"drill-{number}"
    seen = incident.milestones(drill)
    # A record that was tampered with must not make the report read elsewhere.
    folder = (run_dir / drill.evidence).resolve()
    if not folder.is_relative_to(run_dir.resolve()):
        return DrillView(
            drill, anchor, seen, [], [], ["The folder of evidence lies outside the run's folder."]
        )
    found = evidence.read(folder, drill.t_zero)
    # Where nothing was broken, nobody watched: there is nothing to be missing.
    problems = found.problems if drill.breaks else []
    return DrillView(drill, anchor, seen, charts(anchor, drill, found), found.files, problems)


def charts(anchor: str, drill: DrillRecord, found: evidence.Evidence) -> list[Chart]:
    """The charts of a drill for which there is evidence; ``anchor`` makes their ids unique on the page."""
    axis = _axis(drill, found)
    drawn = [phases(f"{anchor}-phases", drill)]
    if axis and found.probes:
        drawn.append(availability(f"{anchor}-availability", drill, found, axis))
        drawn.append(latency(f"{anchor}-latency", drill, found, axis))
    if axis and found.writes:
        drawn.append(ledger(f"{anchor}-ledger", drill, found, axis))
    return [chart for chart in drawn if chart]


def _axis(drill: DrillRecord, found: evidence.Evidence) -> Linear | None:
    """One axis of time for all charts of a drill: from the first thing seen to the last."""
    moments = [probe.t for probe in found.probes] + [write.sent for write in found.writes]
    moments += [write.settled for write in found.writes if write.settled is not None]
    if not moments:
        return None
    if drill.milestones.verified is not None:
        moments.append(drill.milestones.verified)
    return Linear(min(moments), max(moments), LEFT, WIDTH - RIGHT)


def _journal(run_dir: Path) -> events.Verification | None:
    path = run_dir / events.NAME
    return events.verify(path) if path.is_file() else None


def _files(run_dir: Path) -> list[tuple[str, int]]:
    files = [file for file in run_dir.iterdir() if file.is_file() and not file.name.startswith(".")]
    logs = run_dir / "logs"
    files += [file for file in logs.iterdir() if file.is_file()] if logs.is_dir() else []
    return sorted(
        (str(file.relative_to(run_dir)), file.stat().st_size) for file in files if file.name != NAME
    )


def _clipped(text: str) -> str:
    """A long output's beginning and end."""
    lines = text.rstrip().splitlines()
    if len(lines) <= _OUTPUT_LINES:
        return "\n".join(line[:2000] for line in lines)
    left = figures.plural(len(lines) - _OUTPUT_LINES, "line")
    kept = [*lines[: _OUTPUT_LINES // 3], f"… {left} left out here; record.json has them …"]
    return "\n".join(line[:2000] for line in kept + lines[-2 * _OUTPUT_LINES // 3 :])


def _margin(objective: Objective) -> str:
    """How much of the promise was to spare, or by how much it was missed."""
    if objective.actual_s is None or objective.target_s is None:
        return ""
    spare = objective.target_s - objective.actual_s
    if spare < 0:
        return (
            f"{figures.duration(-spare)} too late"
            if objective.name != "RPO"
            else f"{figures.duration(-spare)} too much"
        )
    if objective.verdict is not Verdict.PASS:
        return ""
    if not objective.target_s:
        return "nothing to spare"
    return f"{figures.percent(spare / objective.target_s)} to spare"


def _figure(value: float | None, unit: str) -> str:
    return figures.percent(value) if unit == "ratio" and value is not None else figures.number(value, unit)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB" if size >= 1e3 else f"{size} B"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "duration": figures.duration,
        "offset": figures.offset,
        "count": figures.count,
        "utc": figures.utc,
        "clock": figures.clock,
        "plural": figures.plural,
        "figure": _figure,
        "clipped": _clipped,
        "margin": _margin,
        "size": _size,
    }
    environment.filters.update(filters)
    environment.globals.update(GLYPHS=figures.GLYPHS, Verdict=Verdict)
    return environment
