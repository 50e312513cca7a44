"""The ledger checker against a slow, obvious oracle, and its verdicts one by one."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import measure.ledger
from measure.ledger import LedgerError, LedgerResult, check, judge
from measure.ledger_count import Collision, count
from measure.verdict import Verdict

FAULT_AT = 100.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger")


# -- the oracle ----------------------------------------------------------------------------------


@dataclass
class Wrong(Exception):
    """Malformed: the file's name and the line."""

    place: str


def read(name: str, content: bytes, rows: bool) -> list[tuple[int, dict[str, Any]]]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    found = []
    for number, text in enumerate(content.split(b"\n"), 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text.decode(), object_pairs_hook=unique, parse_constant=int)
            assert isinstance(line["id"], str)
            if not rows:
                assert line["kind"] in ("invoke", "ok", "fail", "info")
                assert type(line["t"]) in (int, float)
            if rows or line["kind"] == "invoke":
                line["value"]
        except (ValueError, AssertionError, KeyError, TypeError) as error:
            raise Wrong(f"{name}:{number}") from error
        found.append((number, line))
    return found


def oracle(history: bytes, survivors: bytes, rpo_s: float | None) -> dict[str, Any]:
    """The table of the ledger, an id at a time."""
    lines = read("history", history, rows=False)
    rows = [row for _, row in read("survivors", survivors, rows=True)]
    invoked = {line["id"] for _, line in lines if line["kind"] == "invoke"}
    seen = set()
    for number, line in lines:
        if line["id"] not in invoked or (line["kind"] == "invoke" and line["id"] in seen):
            raise Wrong(f"history:{number}")
        if line["kind"] == "invoke":
            seen.add(line["id"])

    classes: dict[str, str] = {}
    acked_at: dict[str, float] = {}
    for name in invoked | {row["id"] for row in rows}:
        mine = [line for _, line in lines if line["id"] == name]
        kinds = {line["kind"] for line in mine}
        present = [row["value"] for row in rows if row["id"] == name]
        sent = [line["value"] for line in mine if line["kind"] == "invoke"]
        acks = [line["t"] for line in mine if line["kind"] == "ok"]
        if acks:
            acked_at[name] = min(acks)
        if not kinds or ("fail" in kinds and not kinds & {"ok", "info"}):
            classes[name] = "phantom" if present else "-"
        elif len(present) > 1:
            classes[name] = "duplicate"
        elif not present:
            classes[name] = "lost" if acks else "unknown"
        elif json.dumps(present[0], sort_keys=True) != json.dumps(sent[0], sort_keys=True):
            classes[name] = "corrupt"
        else:
            classes[name] = "survived" if acks else "recovered"

    def of(which: str) -> list[str]:
        return [name for name, each in classes.items() if each == which]

    in_time = [t for t in acked_at.values() if t <= FAULT_AT]
    lost_before = [acked_at[name] for name in of("lost") if acked_at[name] <= FAULT_AT]
    lost_after = [acked_at[name] for name in of("lost") if acked_at[name] > FAULT_AT]
    kept = [acked_at[name] for name in of("survived") if acked_at[name] <= FAULT_AT]
    age = round(FAULT_AT - min(lost_before), 9) if lost_before else 0.0
    load_s = round(
        FAULT_AT - min((line["t"] for _, line in lines if line["kind"] == "invoke"), default=FAULT_AT), 9
    )
    fail = bool(lost_after or of("corrupt") or of("duplicate") or of("phantom"))
    invalid = not in_time
    if rpo_s is not None:
        fail |= age > rpo_s
        invalid |= bool(lost_before) and load_s < rpo_s
    verdict = "FAIL" if fail else "INVALID" if invalid else "PASS"
    return {
        "attempted": len(invoked),
        "acked": len(acked_at),
        **{
            each: len(of(each))
            for each in ("survived", "lost", "recovered", "unknown", "phantom", "duplicate", "corrupt")
        },
        "lost_after_fault": len(lost_after),
        "rpo_actual_s": age if in_time and verdict != "INVALID" else None,
        "recovery_point_t": max(kept, default=None),
        "verdict": verdict,
    }


# -- what it is given ----------------------------------------------------------------------------

IDS = st.one_of(st.integers(0, 99).map("api-01J8ZQ3V5T7M9K2P4R6S8W0X{:02}".format), st.text(max_size=3))
VALUES = st.one_of(
    st.sampled_from(["12x3", "12x4", ""]),
    st.text(max_size=2),
    st.sampled_from([1, 1.0, "1", True, None, {"a": 1, "b": 2}, {"b": 2, "a": 1}, [1], float(2**60), -3.5]),
)
TIMES = st.one_of(
    st.integers(0, 200), st.floats(90, 110), st.sampled_from([40.0, 70.0, 100.0, 100.000001, -1.5])
)
FATES = st.sampled_from(
    [[], ["fail"], ["info"], ["info", "ok"], ["fail", "info"], ["fail", "ok"], ["ok", "ok"], *[["ok"]] * 12]
)
COPIES = st.sampled_from([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2])
STYLES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"sort_keys": True}, {"indent": 1}]
)
BAD_LINES = st.sampled_from(
    [
        b"{",
        b"null",
        b"[1]",
        b'{"id": "a"}',
        b'{"id": 5, "kind": "ok", "t": 1, "value": 1}',
        b'{"id": "a", "kind": "done", "t": 1, "value": 1}',
        b'{"id": "a", "kind": "ok", "t": true}',
        b'{"id": "a", "kind": "ok", "t": "1"}',
        b'{"id": "a", "kind": "ok", "t": NaN, "value": NaN}',
        b'{"id": "a", "id": "a", "kind": "ok", "t": 1, "value": 1}',
        b'{"n": 1, "id": "\xff", "kind": "ok", "t": 1.5, "value": "1"}',
        b'{"n": 1, "id": "a", "kind": "ok", "t": 01.5}',
        b'{"n": 1, "id": "a", "kind": "invoke", "t": 1.5}',
    ]
)


@dataclass
class Case:
    history: bytes
    survivors: bytes


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Operations with their fates and rows; now and then a stray row, a stray completion, a bad line."""
    history: list[dict[str, Any]] = []
    survivors: list[dict[str, Any]] = []
    for name in draw(st.lists(IDS, unique=True, max_size=12)):
        value = draw(VALUES)
        history.append({"n": len(history), "id": name, "kind": "invoke", "t": draw(TIMES), "value": value})
        history += [{"n": len(history), "id": name, "kind": kind, "t": draw(TIMES)} for kind in draw(FATES)]
        kept = st.sampled_from([value] * 12 + [draw(VALUES)])
        survivors += [{"id": name, "value": draw(kept)} for _ in range(draw(COPIES))]
    if draw(st.integers(0, 4)) == 0:
        survivors.append({"id": draw(IDS), "value": draw(VALUES)})
    if draw(st.integers(0, 9)) == 0:
        history += draw(
            st.lists(st.sampled_from([*history, {"id": "?", "kind": "info", "t": 1}]), max_size=2)
        )
    return Case(draw(written(history)), draw(written(survivors)))


@st.composite
def written(draw: st.DrawFn, lines: Sequence[dict[str, Any]]) -> bytes:
    texts = [
        json.dumps(line, **draw(STYLES)).replace("\n", " ").encode("utf-8", "surrogatepass")
        for line in draw(st.permutations(lines))
    ]
    if draw(st.integers(0, 9)) == 0:
        texts.insert(draw(st.integers(0, len(texts))), draw(BAD_LINES))
    line_ends = st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n"])
    ends = [draw(line_ends) for _ in texts]
    if draw(st.booleans()):
        ends[-1:] = [b""] * len(ends[-1:])
    return b"".join(text + end for text, end in zip(texts, ends, strict=True))


@given(cases(), st.sampled_from([None, 0.0, 0.5, 30.0, 60.0, 1e6]), st.integers(1, 400))
def test_agrees_with_the_oracle(folder: Path, case: Case, rpo_s: float | None, chunk_size: int) -> None:
    history, survivors = folder / "history", folder / "survivors"
    history.write_bytes(case.history)
    survivors.write_bytes(case.survivors)
    try:
        expected = oracle(case.history, case.survivors, rpo_s)
    except Wrong as wrong:
        with pytest.raises(LedgerError, match=f"^{re.escape(str(folder / wrong.place))}: "):
            check(history, survivors, FAULT_AT, rpo_s)
        return
    result = check(history, survivors, FAULT_AT, rpo_s)
    found = asdict(result)
    reasons = found.pop("reasons")
    assert found == expected
    assert bool(reasons) == (result.verdict is not Verdict.PASS)
    tally, first_invoke = count(history, survivors, FAULT_AT, seed=1, chunk_size=chunk_size)
    assert judge(tally, first_invoke, FAULT_AT, rpo_s) == result


# -- one by one ----------------------------------------------------------------------------------


class Load:
    """A history and its survivors, written down line by line."""

    def __init__(self, folder: Path) -> None:
        self.history, self.survivors = folder / "history.jsonl", folder / "survivors.jsonl"
        self.history.write_text("")
        self.survivors.write_text("")

    def line(self, **fields: Any) -> None:
        file = self.history if "kind" in fields else self.survivors
        with file.open("a") as out:
            out.write(json.dumps(fields) + "\n")

    def write(self, name: str, t: float, fate: str | None = "ok", rows: Sequence[str] = ("v",)) -> None:
        """An operation, sent at ``t`` and completed 1 ms later."""
        self.line(n=1, id=name, kind="invoke", t=t, value="v")
        if fate:
            self.line(n=1, id=name, kind=fate, t=round(t + 0.001, 6))
        for row in rows:
            self.line(id=name, value=row)

    def check(self, rpo_s: float | None = 60.0) -> LedgerResult:
        return check(self.history, self.survivors, FAULT_AT, rpo_s)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """A load that has run for 90 s when the fault comes."""
    load = Load(tmp_path)
    load.write("first", 10.0)
    return load


def test_all_there(load: Load) -> None:
    load.write("late", 98.0)
    load.write("after", 130.0)
    result = load.check()
    assert (result.verdict, result.reasons) == (Verdict.PASS, ())
    assert (result.attempted, result.acked, result.survived) == (3, 3, 3)
    assert (result.rpo_actual_s, result.recovery_point_t) == (0.0, 98.001)


def test_a_loss_within_the_rpo(load: Load) -> None:
    load.write("old", 39.999)
    load.write("gone", 39.999, rows=())
    load.write("gone too", 70.0, rows=())
    result = load.check()
    assert (result.verdict, result.lost, result.rpo_actual_s) == (Verdict.PASS, 2, 60.0)
    assert result.recovery_point_t == 40.0


def test_a_loss_beyond_the_rpo(load: Load) -> None:
    load.write("gone", 39.9, rows=())
    result = load.check()
    assert (result.verdict, result.rpo_actual_s) == (Verdict.FAIL, 60.099)
    assert result.reasons == (
        "1 write acknowledged before the fault and lost, the oldest 60.099 s before it: the RPO is 60 s",
    )


def test_a_loss_without_an_rpo_is_counted_and_not_judged(load: Load) -> None:
    load.write("gone", 11.0, rows=())
    result = load.check(rpo_s=None)
    assert (result.verdict, result.lost, result.rpo_actual_s) == (Verdict.PASS, 1, 88.999)


def test_a_loss_when_the_load_ran_for_less_than_the_rpo(load: Load) -> None:
    load.write("gone", 99.0, rows=())
    result = load.check(rpo_s=300.0)
    assert (result.verdict, result.lost, result.rpo_actual_s) == (Verdict.INVALID, 1, None)
    assert "ran for 90 s before the fault, less than the RPO of 300 s" in result.reasons[0]


def test_a_short_load_that_lost_nothing(load: Load) -> None:
    assert load.check(rpo_s=300.0).verdict is Verdict.PASS


@pytest.mark.parametrize("rpo_s", [60.0, 300.0, None])
def test_a_loss_of_what_was_acknowledged_after_the_fault(load: Load, rpo_s: float | None) -> None:
    load.write("gone", 120.0, rows=())
    result = load.check(rpo_s)
    assert (result.verdict, result.lost, result.lost_after_fault) == (Verdict.FAIL, 1, 1)
    assert (result.rpo_actual_s, result.reasons) == (0.0, ("1 write acknowledged after the fault and lost",))


def test_sent_before_and_acknowledged_after_is_after(load: Load) -> None:
    load.write("gone", 99.9995, rows=())
    assert load.check().lost_after_fault == 1


def test_acknowledged_at_the_very_time_of_the_fault_is_before(load: Load) -> None:
    load.write("gone", 99.999, rows=())
    result = load.check()
    assert (result.verdict, result.lost, result.lost_after_fault, result.rpo_actual_s) == (
        Verdict.PASS,
        1,
        0,
        0.0,
    )


@pytest.mark.parametrize(
    ("fate", "rows", "counted"),
    [
        ("ok", ["w"], "corrupt"),
        ("info", ["w"], "corrupt"),
        (None, ["w"], "corrupt"),
        ("ok", ["v", "v"], "duplicate"),
        ("ok", ["v", "w"], "duplicate"),
        ("info", ["v", "v"], "duplicate"),
        ("fail", ["v"], "phantom"),
        ("fail", ["v", "w"], "phantom"),
    ],
)
def test_what_no_recovery_may_leave_behind(
    load: Load, fate: str | None, rows: list[str], counted: str
) -> None:
    load.write("bad", 50.0, fate, rows)
    for rpo_s in (60.0, 300.0, None):
        result = load.check(rpo_s)
        assert (result.verdict, getattr(result, counted), len(result.reasons)) == (Verdict.FAIL, 1, 1)
        assert result.corrupt + result.duplicate + result.phantom == 1


def test_a_row_that_was_never_sent(load: Load) -> None:
    load.line(id="stray", value="v")
    result = load.check()
    assert (result.verdict, result.phantom, result.attempted) == (Verdict.FAIL, 1, 1)


@pytest.mark.parametrize(
    ("fate", "rows"), [("info", ()), ("info", ("v",)), (None, ()), (None, ("v",)), ("fail", ())]
)
def test_what_may_be_either_way(load: Load, fate: str | None, rows: tuple[str, ...]) -> None:
    load.write("open", 50.0, fate, rows)
    result = load.check()
    assert result.verdict is Verdict.PASS
    assert (result.recovered, result.unknown) == (len(rows), 1 - len(rows) if fate != "fail" else 0)


def test_the_first_of_several_acknowledgements_counts(load: Load) -> None:
    load.write("gone", 30.0, "info", rows=())
    load.line(id="gone", kind="ok", t=150.0)
    load.line(id="gone", kind="ok", t=95.0)
    result = load.check()
    assert (result.lost, result.lost_after_fault, result.rpo_actual_s) == (1, 0, 5.0)


def test_a_workload_that_never_ran(tmp_path: Path) -> None:
    result = Load(tmp_path).check()
    assert (result.verdict, result.rpo_actual_s, result.recovery_point_t) == (Verdict.INVALID, None, None)
    assert result.reasons == ("no write was attempted: the workload never ran",)


@pytest.mark.parametrize("fate", ["info", "fail", None, "ok"])
def test_nothing_acknowledged_before_the_fault(tmp_path: Path, fate: str | None) -> None:
    load = Load(tmp_path)
    load.write("one", 50.0 if fate != "ok" else 150.0, fate, rows=["v"] if fate == "ok" else [])
    result = load.check(None)
    assert (result.verdict, result.rpo_actual_s) == (Verdict.INVALID, None)
    assert result.reasons == ("no write was acknowledged before the fault: there was nothing to lose",)


def test_fail_goes_before_invalid(load: Load) -> None:
    load.write("gone", 99.0, rows=())
    load.line(id="stray", value="v")
    result = load.check(rpo_s=300.0)
    assert (result.verdict, len(result.reasons), result.rpo_actual_s) == (Verdict.FAIL, 2, 0.999)


def test_counts_of_acknowledged_ids_add_up(load: Load) -> None:
    load.write("gone", 50.0, rows=())
    load.write("changed", 50.0, rows=["w"])
    load.write("twice", 50.0, rows=["v", "v"])
    result = load.check()
    assert result.acked == result.survived + result.lost + result.corrupt + result.duplicate == 4


# -- malformed -----------------------------------------------------------------------------------


def test_an_id_invoked_twice(load: Load) -> None:
    load.write("first", 20.0, fate=None, rows=())
    with pytest.raises(
        LedgerError, match=r"history\.jsonl:3: id 'first' is invoked a second time, after line 1"
    ):
        load.check()


def test_a_completion_without_an_invoke(load: Load) -> None:
    load.line(id="strange\nid", kind="ok", t=1.0)
    with pytest.raises(
        LedgerError, match=r"history\.jsonl:3: id 'strange\nid' is completed and never invoked"
    ):
        load.check()


def test_a_history_that_was_cut_off(load: Load) -> None:
    load.history.write_bytes(load.history.read_bytes() + b'{"n": 2, "id": "se')
    with pytest.raises(LedgerError, match=r"history\.jsonl:3: not JSON: .*; the file ends in this line"):
        load.check()


def test_a_malformed_line_far_into_a_large_file(load: Load) -> None:
    for number in range(500):
        load.write(f"n{number}", 50.0)
    with load.survivors.open("a") as out:
        out.write("oops\n")
    with pytest.raises(LedgerError, match=r"survivors\.jsonl:502: not JSON: Expecting value at column 1"):
        count(load.history, load.survivors, FAULT_AT, seed=0, chunk_size=300)


def test_files_that_cannot_be_read(load: Load, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"nowhere cannot be read: No such file or directory"):
        check(tmp_path / "nowhere", load.survivors, FAULT_AT, None)
    with pytest.raises(LedgerError, match=r"cannot be read: Is a directory"):
        check(load.history, tmp_path, FAULT_AT, None)


@pytest.mark.parametrize(
    ("fault_at", "rpo_s"), [(float("nan"), 1.0), (float("inf"), None), (1.0, -1.0), (1.0, float("nan"))]
)
def test_parameters_that_are_no_times(load: Load, fault_at: float, rpo_s: float | None) -> None:
    with pytest.raises(LedgerError, match="is no number of seconds"):
        check(load.history, load.survivors, fault_at, rpo_s)


# -- hashes --------------------------------------------------------------------------------------


def test_ids_of_one_hash_are_told_apart(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hash that is always 0, two ids look like one."""
    load.write("second", 20.0)
    monkeypatch.setattr("measure.ledger_scan._mixed", lambda word: word & 0)
    with pytest.raises(Collision):
        count(load.history, load.survivors, FAULT_AT, seed=0)


def test_a_collision_makes_the_check_start_over(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def collides_once(*args: Any, seed: int) -> Any:
        seeds.append(seed)
        if len(seeds) == 1:
            raise Collision
        return count(*args, seed=seed)

    monkeypatch.setattr(measure.ledger, "count", collides_once)
    assert load.check().verdict is Verdict.PASS
    assert len(set(seeds)) == 2


def test_many_operations(tmp_path: Path) -> None:
    """Enough for many chunks and all buckets; a few of each class."""
    draw = random.Random(0)
    load = Load(tmp_path)
    with load.history.open("w") as history, load.survivors.open("w") as survivors:
        for number in range(20_000):
            t = number / 200
            name = f"api-{number:026}"
            history.write(
                f'{{"n": {number}, "id": "{name}", "kind": "invoke", "t": {t}, "value": "{number}"}}\n'
            )
            history.write(f'{{"n": {number}, "id": "{name}", "kind": "ok", "t": {t + 0.001}}}\n')
            if number % 1000:
                survivors.write(f'{{"id": "{name}", "value": "{number + (number % 1000 == 1)}"}}\n')
            if number % 1000 == 2:
                survivors.write(f'{{"id": "{name}", "value": "{draw.random()}"}}\n')
    tally, _ = count(load.history, load.survivors, FAULT_AT, seed=1, chunk_size=10_000)
    assert (tally.attempted, tally.acked, tally.survived) == (20_000, 20_000, 20_000 - 60)
    assert (tally.lost, tally.corrupt, tally.duplicate, tally.oldest_lost) == (20, 20, 20, 0.001)
