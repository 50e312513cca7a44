"""Charts: what they draw is what was seen, extremes kept, and any evidence at all can be drawn."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import evidence, html
from reports.charts.availability import availability, outage
from reports.charts.axis import Linear, Log, count_ticks, time_label, time_ticks
from reports.charts.latency import latency
from reports.charts.ledger import ledger
from reports.charts.markers import Marker, MarkerRow
from reports.charts.phases import phases
from reports.charts.svg import element
from reports.evidence import Evidence, Outcome, Probe, Write
from reports.record import DrillRecord, Milestones
from tests.page import Page
from tests.sample_record import SCRIPTS, sample

AXIS = Linear(-10.0, 30.0, 62.0, 746.0)


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> DrillRecord:
    return sample(tmp_path_factory.mktemp("run"), SCRIPTS[1:2]).drills[0]


def _probes(outcomes: dict[float, Outcome], kind: str = "read") -> list[Probe]:
    return [Probe(kind, t, 0.002, outcome) for t, outcome in outcomes.items()]


def test_one_failed_probe_among_thousands_is_seen(drill: DrillRecord) -> None:
    probes = [Probe("read", -10 + n / 500, 0.002, "fail" if n == 9999 else "ok") for n in range(20000)]
    chart = availability("x", drill, Evidence(probes=probes), AXIS)
    failed = [
        attributes
        for attributes in Page(str(chart.svg)).all("rect")
        if attributes.get("class") == "probe-fail"
    ]
    assert len(failed) == 1
    assert abs(float(failed[0]["x"] or 0) - AXIS.at(-10 + 9999 / 500)) <= 2
    assert chart.table.rows == [["read", "20\N{NO-BREAK SPACE}000", "19\N{NO-BREAK SPACE}999", "0", "1", "0",
                                 "T0 + 10.00 s", "2 ms"]]  # fmt: skip


def test_slowest_and_fastest_answer_are_kept(drill: DrillRecord) -> None:
    times = {100: 1.9, 200: 0.00021}
    probes = [Probe("read", -10 + n / 100, times.get(n, 0.003), "ok") for n in range(4000)]
    chart = latency("x", drill, Evidence(probes=probes), AXIS)
    band = next(path for path in Page(str(chart.svg)).all("path") if path["class"] == "late-band")
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", band["d"] or "")]
    scale = Log(0.0002, 2.0, max(heights), min(heights))
    assert abs(scale.at(1.9) - min(heights)) < 2
    assert abs(scale.at(0.00021) - max(heights)) < 2


def test_longest_outage() -> None:
    assert outage(_probes({0: "ok", 1: "ok"})) is None
    found = outage(_probes({0: "ok", 1: "fail", 2: "ok", 3: "unknown", 4: "fail", 5: "ok", 6: "fail"}))
    assert found
    assert (found.start, found.end) == (6, None)
    found = outage(_probes({0: "fail", 1: "ok", 2: "fail", 3: "degraded", 4: "fail", 6: "ok"}))
    assert found
    assert (found.start, found.end) == (4, 6)


def test_a_lost_write_is_a_tick_and_a_gap(drill: DrillRecord) -> None:
    writes = [Write("api", n / 100, n / 100 + 0.005, "ok", n != 500) for n in range(2000)]
    chart = ledger("x", drill, Evidence(writes=writes), AXIS)
    classes = [path.get("class") for path in Page(str(chart.svg)).all("path")]
    assert classes.count("lost-rug") == classes.count("lost-area") == 1
    assert chart.table.rows == [["api", "2\N{NO-BREAK SPACE}000", "2\N{NO-BREAK SPACE}000", "0", "0", "1"]]
    whole = ledger("x", drill, Evidence(writes=[write for write in writes if write.survived]), AXIS)
    assert "lost-rug" not in str(whole.svg)
    assert "nothing was lost" in whole.note


def test_survivors_that_were_not_read_draw_no_line(drill: DrillRecord) -> None:
    chart = ledger("x", drill, Evidence(writes=[Write("api", 1, 2, "ok", None)]), AXIS)
    assert "kept-line" not in str(chart.svg)
    assert "survivors were not read" in chart.note
    assert chart.table.rows[0][-1] == "not known"


def test_rto_is_a_line_where_it_is_on_the_axis_and_words_where_not(drill: DrillRecord) -> None:
    probes = Evidence(probes=_probes({0: "ok"}))
    assert "RTO at T0 + 15 min →" in availability("x", drill, probes, AXIS).svg
    tight = drill.objectives[0].model_copy(update={"target_s": 20.0})
    near = drill.model_copy(update={"objectives": [tight]})
    assert "RTO 20 s" in availability("x", near, probes, AXIS).svg
    assert "→" not in availability("x", near, probes, AXIS).svg


def test_phases_are_drawn_only_when_recovery_was_verified(drill: DrillRecord) -> None:
    chart = phases("x", drill)
    assert chart
    assert [row[0] for row in chart.table.rows] == ["detection", "response", "repair", "validation"]
    assert phases("x", drill.model_copy(update={"milestones": Milestones(detected=3)})) is None


def test_labels_never_cover_each_other() -> None:
    row = MarkerRow([Marker(t, "verified", "good") for t in (0.0, 0.1, 0.2, 29.9)], AXIS)
    texts = Page("".join(row.draw(0, 100))).all("text")
    assert [float(text["y"] or 0) for text in texts] == [11, 26, 41, 11]
    assert (texts[-1]["class"] or "").endswith("end")
    assert row.height == 3 * 15 + 4


def test_ticks() -> None:
    assert time_ticks(AXIS) == [-10, -5, 0, 5, 10, 15, 20, 25, 30]
    assert count_ticks(1712) == [0, 500, 1000, 1500]
    assert count_ticks(0) == [0]
    assert [time_label(t) for t in (-30, 0, 90, 120, 5400)] == ["−30 s", "T0", "+90 s", "+2 min", "+1.5 h"]


def test_svg_is_escaped() -> None:
    drawn = element("text", ["<b>&"], class_="\"'><script>")
    assert drawn == '<text class="&#34;&#39;&gt;&lt;script&gt;">&lt;b&gt;&amp;</text>'


_TIMES = st.floats(allow_nan=True, allow_infinity=True) | st.floats(8000, 8100) | st.just(8050.0)
_ANYTHING: st.SearchStrategy[Any] = (
    st.just(10**400)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.just([])
)
_PROBES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["health", "read", "write", "tick", "skip", "end"]) | _ANYTHING,
        "t": _TIMES | _ANYTHING,
        "latency": st.floats(-1, 10) | st.just(0.0) | _ANYTHING,
        "outcome": st.sampled_from(["ok", "fail", "unknown"]) | _ANYTHING,
        "cache": st.sampled_from(["hit", "bypass", None]) | _ANYTHING,
        "late": st.floats(0, 5) | _ANYTHING,
    }
)
_OPERATIONS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["api-1", "api-2", "sql-1"]) | _ANYTHING,
        "kind": st.sampled_from(["invoke", "ok", "fail", "info"]) | _ANYTHING,
        "t": _TIMES | _ANYTHING,
        "value": _ANYTHING,
    }
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_PROBES, max_size=12), st.lists(_OPERATIONS, max_size=8), st.none() | st.just(8050.0))
def test_any_evidence_can_be_drawn(
    drill: DrillRecord,
    tmp_path: Path,
    probes: list[dict[str, Any]],
    operations: list[dict[str, Any]],
    t_zero: float | None,
) -> None:
    _write(tmp_path / "probes.jsonl", probes)
    _write(tmp_path / "history.jsonl", operations)
    _write(tmp_path / "survivors.jsonl", operations)
    found = evidence.read(tmp_path, t_zero)
    charts = html.charts("x", drill.model_copy(update={"t_zero": t_zero}), found)
    for chart in charts:
        page = Page(str(chart.svg))
        assert not page.broken
        assert not re.search(r"\b(nan|inf)\b", str(chart.svg))


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
