"""A drill's evidence files, read for being shown: what is missing or unreadable is said and stops no report.

Judging reads the same files strictly, in :mod:`measure`; nothing here leads to a verdict.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from measure.observation import KINDS

Outcome = Literal["ok", "degraded", "unknown", "fail"]
"""What a probe found, from good to bad. ``degraded``: answered, but without the cache."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_FATES = ("ok", "fail", "info")


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: its start, in seconds from the drill's origin, and what it took, in seconds."""

    kind: str
    t: float
    latency: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which the observer itself stood still and saw nothing; seconds from the drill's origin."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Write:
    """One write: when it was sent and settled, and whether its row was there, the same, at the end.

    ``survived`` is None when the survivors were never read.
    """

    path: str
    sent: float
    settled: float | None
    fate: Literal["ok", "fail", "info"] | None
    survived: bool | None


@dataclass
class Evidence:
    """What could be read of one drill's folder."""

    probes: list[Probe] = field(default_factory=list)
    stalls: list[Stall] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(folder: Path, origin: float | None, stall_s: float = 0.25) -> Evidence:
    """Read the evidence in ``folder``.

    :param origin: monotonic seconds that the times are counted from (T0); None: from the first probe.
    :param stall_s: how late the observer's own tick must be to count as a stall, in seconds.
    """
    evidence = Evidence()
    if not folder.is_dir():
        evidence.problems.append("The folder of evidence is missing.")
        return evidence
    evidence.files = sorted((file.name, file.stat().st_size) for file in folder.iterdir() if file.is_file())
    lines = list(_lines(folder / "probes.jsonl", evidence.problems))
    if origin is None:
        origin = next((t for t in (_real(line.get("t")) for line in lines) if t is not None), 0.0)
    _read_probes(lines, origin, stall_s, evidence)
    _read_writes(folder, origin, evidence)
    return evidence


def _read_probes(lines: list[dict[str, Any]], origin: float, stall_s: float, evidence: Evidence) -> None:
    for line in lines:
        t = _real(line.get("t"))
        if t is None:
            continue
        kind, latency = line.get("kind"), _real(line.get("latency"))
        outcome = _outcome(line)
        if kind in KINDS and outcome and latency is not None:
            evidence.probes.append(Probe(str(kind), t - origin, latency, outcome))
        elif kind == "tick":
            late = _real(line.get("late")) or 0.0
            if late >= stall_s:
                evidence.stalls.append(Stall(t - origin - late, t - origin))
    evidence.probes.sort(key=lambda probe: probe.t)


def _outcome(line: dict[str, Any]) -> Outcome | None:
    found = line.get("outcome")
    if found == "ok" and line.get("cache") == "bypass":
        return "degraded"
    return next((outcome for outcome in OUTCOMES if outcome == found), None)


def _read_writes(folder: Path, origin: float, evidence: Evidence) -> None:
    # Its own writers' first: the whole that was judged may hold those of earlier drills too.
    parts = sorted(folder.glob("history-*.jsonl")) or [folder / "history.jsonl"]
    invoked: dict[str, tuple[float, Any]] = {}
    settled: dict[str, tuple[float, Any]] = {}
    for part in parts:
        for line in _lines(part, evidence.problems):
            name, t, kind = line.get("id"), _real(line.get("t")), line.get("kind")
            if not isinstance(name, str) or t is None:
                continue
            if kind == "invoke":
                invoked[name] = (t - origin, line.get("value"))
            elif kind in _FATES:
                settled[name] = (t - origin, kind)
    rows = _survivors(folder / "survivors.jsonl", evidence.problems)
    for name, (sent, value) in invoked.items():
        end, fate = settled.get(name, (None, None))
        survived = None if rows is None else name in rows and rows[name] == value
        evidence.writes.append(Write(name.partition("-")[0], sent, end, fate, survived))


def _survivors(path: Path, problems: list[str]) -> dict[str, Any] | None:
    if not path.exists():
        problems.append(f"{path.name} is missing: which writes survived is not known.")
        return None
    return {
        line["id"]: line.get("value") for line in _lines(path, problems) if isinstance(line.get("id"), str)
    }


def _lines(path: Path, problems: list[str]) -> Iterator[dict[str, Any]]:
    bad = 0
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for text in file:
                try:
                    line = json.loads(text)
                except (ValueError, RecursionError):
                    line = None
                if isinstance(line, dict):
                    yield line
                elif text.strip():
                    bad += 1
    except FileNotFoundError:
        problems.append(f"{path.name} is missing.")
    except OSError as error:
        problems.append(f"{path.name} could not be read: {error.strerror}.")
    if bad:
        problems.append(f"{path.name}: {bad} unreadable line{'s' if bad > 1 else ''} left out.")


def _real(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer of hundreds of digits
        return None
