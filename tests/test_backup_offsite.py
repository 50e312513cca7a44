"""Copies out of the site, with a folder in the vault's place."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from drbackup import offsite
from drbackup.errors import Bad
from drbackup.seal import sha256
from drbackup.settings import Settings
from drbackup.vault import Vault
from drbackup.wal import format_lsn, segment_name

from tests.backup_files import made, spoil
from tests.backup_samples import SEGMENT, write_segment


class Folder:
    """What :class:`drbackup.vault.Vault` does, in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / ".partial.incoming"

    def sizes(self) -> dict[str, int]:
        files = [path for path in self.root.rglob("*") if path.is_file()]
        return {path.relative_to(self.root).as_posix(): path.stat().st_size for path in files}

    def sha256(self, paths: list[str], *, incoming: bool = False) -> dict[str, str]:
        return {path: sha256((self.incoming if incoming else self.root) / path) for path in paths}

    def upload(self, root: Path, paths: list[str], folder: str = "") -> None:
        for path in paths:
            (self.incoming / folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / path, self.incoming / folder / path)

    def publish(self, names: list[str]) -> None:
        for name in names:
            place = self.root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_dir():
                shutil.rmtree(place)
            (self.incoming / name).replace(place)

    def discard(self) -> None:
        shutil.rmtree(self.incoming, ignore_errors=True)


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "vault"
    root.mkdir()
    monkeypatch.setattr(Vault, "of", lambda _: Folder(root))
    return root


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a site that has a dump and a base."""
    settings = replace(Settings(), root=tmp_path / "backups")
    made(settings.root, "dump", 1)
    made(settings.root, "base", 1)
    return settings


def tree(root: Path) -> dict[str, bytes]:
    paths = [path for path in root.rglob("*") if path.is_file() and ".partial." not in str(path)]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def of_kind(root: Path, kind: str) -> Path:
    """The one backup of a kind."""
    return next(path for path in (root / kind).iterdir() if path.suffix != ".json")


@pytest.mark.parametrize("kind", ["postgresql", "base"])
@pytest.mark.parametrize("how", ["cut off", "gone", "rotten"])
def test_a_copy_that_is_damaged_is_sent_again(
    settings: Settings, vault: Path, capsys: pytest.CaptureFixture[str], kind: str, how: str
) -> None:
    offsite.copy(settings)
    copy = of_kind(vault, kind)
    file = copy / "base.tar" if copy.is_dir() else copy
    if how == "cut off":
        file.write_bytes(b"")
    elif how == "gone":
        file.unlink()
    else:
        spoil(copy)
        offsite.copy(settings)
        assert tree(vault) != tree(settings.root), "each night compares sizes only"
    offsite.copy(settings, everything=True)
    assert f"offsite: in the vault {kind}/" in (said := capsys.readouterr().err)
    assert "it is sent again" in said
    assert tree(vault) == tree(settings.root)
    offsite.copy(settings, everything=True)
    assert "sent again" not in capsys.readouterr().err


def test_what_is_damaged_here_too_is_bad_and_not_sent(settings: Settings, vault: Path) -> None:
    offsite.copy(settings)
    of_kind(vault, "postgresql").write_bytes(b"")
    spoil(of_kind(settings.root, "postgresql"))
    with pytest.raises(Bad, match=r"has 0 bytes, not 4; and on this site .* has other content"):
        offsite.copy(settings)
    assert of_kind(vault, "postgresql").read_bytes() == b""


def test_what_is_damaged_here_alone_leaves_the_copy_alone(settings: Settings, vault: Path) -> None:
    offsite.copy(settings)
    before = tree(vault)
    spoil(of_kind(settings.root, "postgresql"))
    offsite.copy(settings, everything=True)
    assert tree(vault) == before


@pytest.fixture
def archive(settings: Settings, tmp_path: Path) -> Settings:
    """The same, with a base that three archived segments roll forward."""
    made(settings.root, "base", 0, wal_lsn=format_lsn(3 * SEGMENT))
    for number in (3, 4, 5):
        write_segment(tmp_path / "archive", number)
    return replace(settings, wal_archive=tmp_path / "archive")


@pytest.mark.parametrize("how", ["gone", "in part"])
def test_log_that_the_vault_has_not_whole_is_sent(archive: Settings, vault: Path, how: str) -> None:
    offsite.copy(archive)
    there = sorted((vault / "wal").iterdir())
    assert [each.name for each in there] == [segment_name(1, number, SEGMENT) for number in (3, 4, 5)]
    if how == "gone":
        there[1].unlink()
    else:
        there[1].write_bytes(there[1].read_bytes()[:-1])
    offsite.copy(archive)
    assert there[1].read_bytes() == (archive.wal_archive / there[1].name).read_bytes()


@pytest.mark.parametrize("size", [0, SEGMENT // 2])
def test_a_segment_that_is_damaged_here_is_not_sent_over_the_one_there(
    archive: Settings, vault: Path, size: int
) -> None:
    offsite.copy(archive)
    whole = (copy := vault / "wal" / segment_name(1, 4, SEGMENT)).read_bytes()
    (archive.wal_archive / copy.name).write_bytes(whole[:size])
    with pytest.raises(Bad, match=f"in this site's archive {copy.name} has {size} bytes .*: it is not sent"):
        offsite.copy(archive)
    assert copy.read_bytes() == whole


def test_log_of_other_content_is_told_and_left_as_it_is(archive: Settings, vault: Path) -> None:
    """Neither of the two says which is the damaged one."""
    offsite.copy(archive)
    spoil(segment := vault / "wal" / segment_name(1, 4, SEGMENT))
    before = segment.read_bytes()
    offsite.copy(archive)
    with pytest.raises(Bad, match=f"wal/{segment.name} has other content than in the archive"):
        offsite.copy(archive, everything=True)
    assert segment.read_bytes() == before
