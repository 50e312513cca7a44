"""``dr ledger check``: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli import ledger
from measure.ledger import LedgerError
from plan.errors import UserError

HISTORY = """\
{"n": 1, "id": "a", "kind": "invoke", "t": 10.0, "value": "1x1"}
{"n": 1, "id": "a", "kind": "ok", "t": 10.01}
{"n": 2, "id": "b", "kind": "invoke", "t": 90.0, "value": "1x2"}
{"n": 2, "id": "b", "kind": "ok", "t": 90.01}
"""
ALL = '{"id": "a", "value": "1x1"}\n{"id": "b", "value": "1x2"}\n'
A_ALONE = '{"id": "a", "value": "1x1"}\n'

app = typer.Typer()
app.add_typer(ledger.app, name="ledger")


def run(folder: Path, survivors: str, *options: str, history: str = HISTORY) -> tuple[int, str]:
    (folder / "h.jsonl").write_text(history)
    (folder / "s.jsonl").write_text(survivors)
    argv = [
        "ledger",
        "check",
        str(folder / "h.jsonl"),
        str(folder / "s.jsonl"),
        "--fault-at",
        "100",
        *options,
    ]
    result = CliRunner().invoke(app, argv)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


@pytest.mark.parametrize(
    ("survivors", "rpo", "status"),
    [(ALL, "60", 0), (A_ALONE, "60", 0), (A_ALONE, "5", 1), (A_ALONE, "300", 2), (A_ALONE, "none", 0)],
)
def test_exit_status(tmp_path: Path, survivors: str, rpo: str, status: int) -> None:
    assert run(tmp_path, survivors, "--rpo", rpo)[0] == status
    assert run(tmp_path, survivors, "--rpo", rpo, "--json")[0] == status


def test_json_is_one_object_with_all_figures(tmp_path: Path) -> None:
    _, out = run(tmp_path, A_ALONE, "--rpo", "5", "--json")
    assert json.loads(out) == {
        "attempted": 2,
        "acked": 2,
        "survived": 1,
        "lost": 1,
        "lost_after_fault": 0,
        "recovered": 0,
        "unknown": 0,
        "phantom": 0,
        "duplicate": 0,
        "corrupt": 0,
        "rpo_actual_s": 9.99,
        "recovery_point_t": 10.01,
        "verdict": "FAIL",
        "reasons": [
            "1 write acknowledged before the fault and lost, the oldest 9.99 s before it: the RPO is 5 s"
        ],
    }


def test_what_was_not_measured_is_null(tmp_path: Path) -> None:
    status, out = run(tmp_path, "", "--rpo", "5", "--json", history="")
    assert status == 2
    found = json.loads(out)
    assert (found["verdict"], found["rpo_actual_s"], found["recovery_point_t"]) == ("INVALID", None, None)


def test_a_table_for_people(tmp_path: Path) -> None:
    _, out = run(tmp_path, A_ALONE, "--rpo", "5")
    lines = out.splitlines()
    assert lines[0] == "FAIL"
    assert lines[1].endswith("the RPO is 5 s")
    assert ["lost", "1"] in [line.split()[:2] for line in lines]
    assert max(map(len, lines)) <= 100


def test_a_malformed_line_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"h\.jsonl:5: not JSON"):
        run(tmp_path, ALL, "--rpo", "60", history=f"{HISTORY}oops\n")


def test_an_rpo_that_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--rpo soon is no number of seconds"):
        run(tmp_path, ALL, "--rpo", "soon")


def test_help_shows_the_format() -> None:
    result = CliRunner().invoke(app, ["ledger", "check", "--help"])
    assert result.exit_code == 0
    assert '{"n": 17, "id": "01J…", "kind": "ok", "t": 12.349101}' in result.stdout
