"""How a run begins, and what a user is told when it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.spec import drill_id, drill_spec
from plan.errors import UserError
from plan.load import load_plan

ROOT = Path(__file__).resolve().parent.parent


def run_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_broken_plan_is_one_message_and_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "plan.toml"
    broken.write_text((ROOT / "drp.toml").read_text().replace('rto = "5 min"', 'rto = "soon"', 1))
    out = tmp_path / "out"
    done = run_pytest("-m", "monthly_drill", f"--plan={broken}", f"--reports-dir={out}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "components.redis.rto" in done.stderr
    assert "remedy" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not out.exists()


def test_looking_at_the_drills_starts_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run_pytest("-m", "monthly_drill", "--collect-only", "-q", "--reports-dir", str(out))
    assert done.returncode == 0
    drills = sum(path.read_text().count("@pytest.mark.monthly_drill(") for path in ROOT.glob("drtests/*.py"))
    assert drills >= 6
    assert f"{drills} tests collected" in done.stdout
    assert not out.exists()


def test_drills_do_not_run_by_the_way() -> None:
    done = run_pytest("--collect-only", "-q")
    assert "no tests collected" in done.stdout


def test_drill_names_what_the_plan_has(request: pytest.FixtureRequest) -> None:
    plan = load_plan(ROOT / "drp.toml")
    item = request.node
    assert drill_id(item) is None
    with pytest.raises(UserError, match="no complete drill"):
        drill_spec(item, plan)
    item.add_marker(pytest.mark.monthly_drill(id="x/y", scenario="flood", title="Flood"))
    with pytest.raises(UserError, match="no hypothesis"):
        drill_spec(item, plan)
