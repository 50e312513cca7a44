"""``dr backup`` on a folder of this machine, as an operator meets it; on a stack it is the same tool in a container."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.main import main
from tests.backup_samples import compressed, dump_text, write_base, write_dump, write_segment


def dr(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr(sys, "argv", ["dr", "backup", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(str(ended.value.code))


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    """Two dumps and a base of last night, and the log after it."""
    now = datetime.now(UTC)
    for hours in (1, 25):
        write_dump(tmp_path, compressed(dump_text()), now - timedelta(hours=hours))
    write_base(tmp_path, 3, now - timedelta(hours=1))
    write_segment(tmp_path / "wal", 3)
    write_segment(tmp_path / "wal", 4, partial=True)
    return tmp_path


def test_all_is_well(
    backups: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dr(monkeypatch, "verify", "--dir", str(backups), "--depth", "checksum") == 0
    out = capsys.readouterr().out
    assert out.count("✔") == 3
    assert "3/3 OK" in out


def test_a_bad_backup_is_named_and_is_the_exit_status(
    backups: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = sorted((backups / "postgresql").glob("*.gz"))[0]
    bad.write_bytes(compressed(""))
    assert dr(monkeypatch, "verify", "--dir", str(backups), "--depth", "checksum", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told["findings"] if not each["ok"]] == [bad.name]
    assert dr(monkeypatch, "verify", "--dir", str(backups), "--depth", "checksum") == 1
    assert f"✘ {bad.name}  checksum:" in capsys.readouterr().out


def test_what_could_not_be_done_is_said(
    backups: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRBACKUP_MIN_SHARE", "half")
    assert dr(monkeypatch, "verify", "--dir", str(backups)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "DRBACKUP_MIN_SHARE" in err


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '{'; echo 'following the WAL' >&2; kill -9 $$", "exit status -9: following the WAL"),
        ("echo 'Error response from daemon: no such exec' >&2; exit 1", "no such exec"),
        ("echo '[]'; exit 1", "it said nothing"),
    ],
    ids=["killed", "docker fails", "no object"],
)
def test_a_tool_that_did_not_end_by_itself_is_no_bad_backup(
    backups: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    script: str,
    said: str,
) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tool))
    assert dr(monkeypatch, "verify", "--dir", str(backups)) == 2
    assert said in capsys.readouterr().err


def test_the_list_is_passed_through(
    backups: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dr(monkeypatch, "list", "--dir", str(backups), "--json") == 0
    assert {each["kind"] for each in json.loads(capsys.readouterr().out)["backups"]} == {"dump", "base"}
