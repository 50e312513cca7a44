"""What is brought back from the vault: one base that is whole, and the log; of a vault that is a folder here."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

import pytest
from drbackup import fetch, layout
from drbackup.errors import Bad, Cannot
from drbackup.manifest import read
from drbackup.settings import Settings
from drbackup.vault import Vault

from tests.backup_files import NOW, made, spoil
from tests.backup_samples import SEGMENT, write_history, write_segment


class Folder(Vault):
    """A vault that is a folder of this machine."""

    def sizes(self) -> dict[str, int]:
        here = Path(self.root)
        return {
            str(each.relative_to(here)): each.stat().st_size for each in here.rglob("*") if each.is_file()
        }

    def manifests(self, into: Path) -> None:
        for each in Path(self.root).rglob("*.json"):
            target = into / each.relative_to(self.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(each, target)

    def download(
        self, folder: str, into: Path, *, only: str = "*", without: Sequence[str] = (), undone: bool = False
    ) -> None:
        def left(_: str, names: list[str]) -> list[str]:
            aside = [name for name in names if name.startswith("aside.")]
            kept = [name for name in names if fnmatch(name, only) and name not in (*without, *aside)]
            return [name for name in names if name not in (*kept, *(aside if undone else ()))]

        shutil.copytree(self.root / folder, into, ignore=left, dirs_exist_ok=True)


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bases of three days, each in a segment of its own, and the log."""
    root = tmp_path / "vault"
    for days, segment in ((3, 3), (2, 4), (1, 5)):
        made(root, "base", days, f"0/{segment}00028")
    made(root, "dump", 1)
    for segment in range(3, 7):
        write_segment(root / "wal", segment, partial=segment == 6)
    monkeypatch.setattr(Vault, "of", lambda settings: Folder(root, {}, ()))  # type: ignore[arg-type]
    return root


def base(days: float) -> str:
    return layout.name("base", NOW - timedelta(days=days))


def run(into: Path, *argv: str, vault: str = "sftp://vault/vault") -> int:
    parser = argparse.ArgumentParser()
    fetch.arguments(parser)
    return fetch.run(Settings(vault=vault), parser.parse_args(["--into", str(into), *argv]))


def fetched(into: Path) -> list[str]:
    return [each.path.name for each in layout.listing(into, "base") if each.manifest]


def test_the_newest_base_alone_and_the_log_from_there_on(vault: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    assert run(into) == 0
    assert fetched(into) == [base(1)]
    assert sorted(each.name for each in into.iterdir()) == ["base", "wal"]
    assert len(list((into / "base").iterdir())) == 2
    there_on = sorted(each.name for each in (vault / "wal").iterdir())[2:]
    assert sorted(each.name for each in (into / "wal").iterdir()) == there_on
    there = vault / "base" / f"{base(1)}.json"
    assert read(into / "base" / f"{base(1)}.json") == read(there)


def test_the_base_from_before_the_moment(vault: Path, tmp_path: Path) -> None:
    moment = NOW - timedelta(days=1, hours=1)
    assert run(tmp_path / "into", "--to", moment.isoformat()) == 0
    assert fetched(tmp_path / "into") == [base(2)]
    with pytest.raises(Bad, match="no-base"):
        run(tmp_path / "other", "--to", datetime(2020, 1, 1, tzinfo=UTC).isoformat())


def test_a_base_that_was_undone_is_not_fetched(vault: Path, tmp_path: Path) -> None:
    write_history(vault / "wal", 2, [(1, 4 * SEGMENT + 900)])
    assert run(tmp_path / "into") == 0
    assert fetched(tmp_path / "into") == [base(2)]


def test_what_was_undone_is_fetched_when_its_timeline_is_asked_for(vault: Path, tmp_path: Path) -> None:
    write_history(vault / "wal", 2, [(1, 4 * SEGMENT + 900)])
    aside = vault / "wal" / "aside.20261124_113000"
    aside.mkdir()
    for segment in (5, 6):
        next((vault / "wal").glob(f"0*0{segment}*")).rename(aside / f"00000001000000000000000{segment}")
    assert run(tmp_path / "into") == 0
    assert not list((tmp_path / "into" / "wal").glob("aside.*"))
    assert run(tmp_path / "undone", "--timeline", "1") == 0
    assert fetched(tmp_path / "undone") == [base(1)]
    assert len(list((tmp_path / "undone" / "wal").glob("aside.*/*"))) == 2


def test_damaged_bases_are_passed_over_and_none_of_them_is_left(
    vault: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "into"
    spoil(vault / "base" / base(1))
    shutil.rmtree(vault / "base" / base(2))
    assert run(into) == 0
    assert fetched(into) == [base(3)]
    assert len(list((into / "wal").iterdir())) == 4, "it needs all of the log"
    assert sorted(each.name for each in (into / "base").iterdir()) == [base(3), f"{base(3)}.json"]
    said = capsys.readouterr().err
    assert f"{base(1)} cannot be used: base.tar has other content" in said
    assert f"{base(2)} cannot be used: base/{base(2)}/" in said
    (vault / "base" / base(3) / "base.tar").write_bytes(b"half")
    with pytest.raises(Bad, match=r"no base can be used: .*base\.tar has 4 bytes, not 7"):
        run(tmp_path / "other")


def test_a_target_is_a_time_and_a_vault_must_be_set(tmp_path: Path) -> None:
    with pytest.raises(Cannot, match="neither latest nor a time"):
        run(tmp_path, "--to", "yesterday")
    with pytest.raises(Cannot, match="nothing to fetch from"):
        run(tmp_path, vault="")
