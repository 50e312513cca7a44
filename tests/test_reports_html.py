"""The HTML report: complete without scripts, accessible, escaped, small, never stopped by what is missing."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from measure.verdict import Verdict
from reports import html
from reports.record import Cleanup, PlanRef, Record
from tests.page import Page
from tests.sample_record import KEY, SCRIPTS, sample

HOSTILE = "<script>alert(1)</script><b onclick='x'>\"&amp;'\x00\x1b[31m\u202e"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    sample(folder)
    return folder


@pytest.fixture(scope="module")
def source(run_dir: Path) -> str:
    return html.page(run_dir)


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


@pytest.fixture
def one(tmp_path: Path) -> Callable[..., Page]:
    """Renders a run of one drill whose record was changed."""

    def render(**changes: object) -> Page:
        record = sample(tmp_path, SCRIPTS[1:2])
        record.model_copy(update=changes).save(tmp_path)
        return Page(html.page(tmp_path))

    return render


def test_page_says_its_language_and_fits_a_phone(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert page.all("meta")[0] == {"charset": "utf-8"}
    assert len(page.all("title")) == 1 + len(page.all("svg"))


def test_every_element_is_closed_in_order(page: Page) -> None:
    assert not page.broken
    assert not page.inside


def test_headings_go_down_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_ids_are_unique_and_references_lead_somewhere(source: str, page: Page) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert [name for name, times in ids.items() if times > 1] == []
    references = re.findall(r'(?:href="|url\()#([\w-]+)', source)
    for _, attributes in page.elements:
        references += (attributes.get("aria-labelledby") or "").split()
    assert set(references) - set(ids) == set()


def test_needs_no_script_and_nothing_from_elsewhere(source: str, page: Page) -> None:
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("img")
    fetched = [
        value for _, attributes in page.elements for value in attributes.values() if value and "//" in value
    ]
    assert fetched == []
    assert "@import" not in source
    assert "url(http" not in source
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]


def test_stays_small(source: str) -> None:
    assert len(source.encode()) < 1_000_000


def test_every_chart_has_title_description_and_its_figures(page: Page) -> None:
    assert len(page.all("svg")) == 1 + 6 * 3 + 5  # the run, three a drill, phases where recovery was verified
    children = Counter((parents[-1], tag) for tag, parents in page.parents if parents)
    assert children["svg", "title"] == children["svg", "desc"] == len(page.all("svg"))
    assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in page.all("svg"))
    figures = [
        n for n, (tag, _) in enumerate(page.parents) if tag == "table" and "figure" in page.parents[n][1]
    ]
    assert len(figures) == len(page.all("svg"))


def test_every_table_has_heads_and_scrolls_in_a_box_that_keys_reach(page: Page) -> None:
    assert all("scope" in head for head in page.all("th"))
    boxes = [attributes for tag, attributes in page.elements if attributes.get("class") == "scroll"]
    assert all(box["tabindex"] == "0" and box["role"] == "region" and box["aria-label"] for box in boxes)
    for tag, parents in page.parents:
        if tag == "table":
            assert parents[-1] == "div"


def test_sections_come_in_order(page: Page) -> None:
    order = [
        "objectives",
        "scope",
        "drills",
        "timeline",
        "findings",
        "deviations",
        "cleanup",
        "approval",
        "appendix",
    ]
    assert [head["id"] for head in page.all("h2")] == order


def test_status_is_a_glyph_and_a_word(page: Page) -> None:
    for words in ("✓ PASS", "✗ FAIL", "⊘ INVALID"):
        assert words in page.text


def test_tells_what_each_reader_looks_for(page: Page) -> None:
    for told in (
        "2 of 6 drills failed, 1 proved nothing.",
        "34.12 s of 30 s",
        "41 of 9 022",
        "of 15 min · 98 % to spare · ± 41 ms",
        "the fault had no visible effect",
        "If still down, rebuild from image",
        "Approver PENDING",
        "nothing that carries this run’s label",
        "9f2c41d7" * 8,
        "the chain of hashes holds",
        "simulated",
    ):
        assert told in page.text


def test_secrets_are_masked_and_only_listed_facts_are_shown(source: str) -> None:
    assert KEY not in source
    assert "X-API-Key: ***" in source
    assert "never-shown" not in source


def test_secrets_by_value_are_masked_wherever_they_stand(one: Callable[..., Page], tmp_path: Path) -> None:
    one(problem="it said hunter2")
    assert "hunter2" not in html.page(tmp_path, ["hunter2"])


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[1:2])
    drill = record.drills[0]
    texts = {
        "title": HOSTILE,
        "hypothesis": HOSTILE,
        "section": HOSTILE,
        "reasons": [HOSTILE],
        "residue": [HOSTILE],
    }
    steps = [
        step.model_copy(update={"output": HOSTILE, "command": HOSTILE, "title": HOSTILE})
        for step in drill.steps
    ]
    alerts = [alert.model_copy(update={"summary": HOSTILE, "name": HOSTILE}) for alert in drill.alerts]
    drills = [drill.model_copy(update={**texts, "steps": steps, "alerts": alerts, "deviations": [HOSTILE]})]
    record.model_copy(update={"drills": drills, "problem": HOSTILE, "drill_id": HOSTILE}).save(tmp_path)
    page = Page(html.page(tmp_path))
    assert not page.all("script")
    assert not page.broken
    assert not [1 for _, attributes in page.elements if "onclick" in attributes]
    assert "<script>alert(1)</script>" in page.text
    assert not re.search(r"[\x00\x1b\u202e]", page.text)


@pytest.mark.parametrize("status", ["running", "interrupted", "crashed"])
def test_run_that_was_cut_short_says_so_and_is_no_pass(one: Callable[..., Page], status: str) -> None:
    page = one(status=status, finished_utc=None, duration_s=None, cleanup=None, drills_planned=["a", "b"])
    assert "⊘ INVALID" in page.text
    assert "This run was" in page.text
    assert "a ⊘ INVALID not reached" in page.text
    assert "Nothing is known: the run ended before its clean-up" in page.text


def test_stack_that_never_came_up(tmp_path: Path) -> None:
    problem = "the stack did not come up: postgres is unhealthy"
    Record(
        drill_id="d1",
        status="crashed",
        started_utc=datetime(2026, 11, 2, tzinfo=UTC),
        plan=PlanRef(title="DRP", version="1", sha256="0"),
        problem=problem,
        drills_planned=["scenario-1/process-crash"],
    ).save(tmp_path)
    page = Page(html.page(tmp_path))
    assert problem in page.text
    assert "No drill ran: nothing is known about any promise of the plan." in page.text
    assert "There is no event journal." in page.text


def test_nothing_planned_and_nothing_run(tmp_path: Path) -> None:
    Record(
        drill_id="d1",
        status="complete",
        started_utc=datetime(2026, 11, 2, tzinfo=UTC),
        plan=PlanRef(title="DRP", version="1", sha256="0"),
        cleanup=Cleanup(),
    ).save(tmp_path)
    assert "No drill was planned, and none ran." in Page(html.page(tmp_path)).text


def test_what_was_left_behind_fails_the_run(one: Callable[..., Page]) -> None:
    page = one(cleanup=Cleanup(left=["volume dr-x_data"]))
    assert "✗ FAIL" in page.text
    assert "volume dr-x_data" in page.text


@pytest.mark.parametrize("content", [None, "", "{", '{"schema": "dr-drill-record/1"}', "\xff"])
def test_record_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "record.json").write_bytes(content.encode("latin-1"))
    page = Page(html.page(tmp_path))
    assert "There is no record of this run" in page.text
    assert "record.json" in page.text


def test_missing_evidence_is_named(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[:4])
    folders = [tmp_path / drill.evidence for drill in record.drills]
    (folders[0] / "survivors.jsonl").unlink()
    (folders[1] / "probes.jsonl").unlink()
    (folders[1] / "history.jsonl").unlink()
    for file in folders[2].iterdir():
        file.unlink()
    folders[2].rmdir()
    (folders[3] / "probes.jsonl").write_text('{"kind": "read"}\nnot json\n[1]\n{"kind": "read", "t": "x"}\n')
    page = Page(html.page(tmp_path))
    for told in (
        "survivors.jsonl is missing: which writes survived is not known.",
        "probes.jsonl is missing.",
        "history.jsonl is missing.",
        "The folder of evidence is missing.",
        "probes.jsonl: 2 unreadable lines left out.",
    ):
        assert told in page.text


def test_evidence_outside_the_run_is_not_read(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[:1])
    drills = [record.drills[0].model_copy(update={"evidence": "../../etc"})]
    record.model_copy(update={"drills": drills}).save(tmp_path)
    assert "lies outside the run’s folder" in Page(html.page(tmp_path)).text.replace("'", "’")


def test_broken_journal_is_told(one: Callable[..., Page], tmp_path: Path) -> None:
    one()
    journal = tmp_path / "events.jsonl"
    journal.write_text(journal.read_text().replace("run-ended", "run-changed"))
    assert "the chain of hashes is broken: line 3" in Page(html.page(tmp_path)).text


def test_a_long_output_is_clipped_in_the_middle(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[1:2])
    step = (
        record.drills[0].steps[0].model_copy(update={"output": "\n".join(f"line {n}" for n in range(5000))})
    )
    drills = [record.drills[0].model_copy(update={"steps": [step]})]
    record.model_copy(update={"drills": drills}).save(tmp_path)
    text = Page(html.page(tmp_path)).text
    assert "line 0 " in text
    assert "line 4999" in text
    assert "4 940 lines left out here" in text


def test_writes_beside_the_record(tmp_path: Path) -> None:
    sample(tmp_path, SCRIPTS[:1])
    path = html.write(tmp_path)
    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


def _luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_told_from_their_ground(scheme: str) -> None:
    light, _, dark = html.css().partition("prefers-color-scheme: dark")
    colours = _colours(light) | (_colours(dark) if scheme == "dark" else {})
    texts = {
        "text": ("ground", "raised", "pass-ground", "fail-ground", "invalid-ground", "band"),
        "muted": ("ground", "raised", "pass-ground", "fail-ground", "invalid-ground", "band"),
        "link": ("ground", "raised"),
        "pass": ("ground", "pass-ground", "band"),
        "fail": ("ground", "fail-ground", "band"),
        "invalid": ("ground", "invalid-ground"),
    }
    pale = {
        (text, ground): round(_contrast(colours[text], colours[ground]), 2)
        for text, grounds in texts.items()
        for ground in grounds
        if _contrast(colours[text], colours[ground]) < 4.5
    }
    assert pale == {}


def test_verdict_of_each_kind_is_worded(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[:2])
    assert record.verdict is Verdict.PASS
    assert "Every promise that was drilled was kept: 2 drills, all passed." in Page(html.page(tmp_path)).text


def test_record_survives_its_file(run_dir: Path) -> None:
    loaded = Record.load(run_dir)
    assert json.loads(loaded.model_dump_json(by_alias=True)) == json.loads(
        (run_dir / "record.json").read_text()
    )
