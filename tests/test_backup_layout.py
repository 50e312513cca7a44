"""Where backups lie: found by their names, there whole or not at all."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from drbackup import layout
from drbackup.errors import Cannot
from drbackup.lock import only_run
from drbackup.manifest import KINDS, Kind, Manifest
from drbackup.seal import differs

from tests.backup_files import NOW, made, spoil


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("dump", "postgresql/minimarket_20261124_030000.sql.gz"),
        ("base", "base/base_20261124_030000"),
        ("redis", "redis/dump_1795489200.rdb"),
        ("config", "config/config_1795489200.tar.gz"),
    ],
)
def test_names_are_the_plans_and_are_read_back(tmp_path: Path, kind: Kind, name: str) -> None:
    path = made(tmp_path, kind, 0)
    assert path == tmp_path / name
    assert layout.named(kind, path.name) == NOW
    (backup,) = layout.listing(tmp_path, kind)
    assert (backup.path, backup.problem) == (path, "")
    assert backup.manifest
    assert not differs(path, backup.manifest)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_called_otherwise_is_not_a_backup(kind: Kind) -> None:
    for name in (
        "dump.rdb",
        "minimarket.sql.gz",
        ".partial.7",
        "base_20261324_000000",
        "base_2026_1",
        "config_1.tar.gz",
    ):
        assert layout.named(kind, name) is None


def test_what_was_not_finished_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    no_manifest, no_file, other, good = (made(tmp_path, "dump", days) for days in (4, 3, 2, 1))
    layout.manifest_path(no_manifest).unlink()
    no_file.unlink()
    layout.manifest_path(other).write_bytes(layout.manifest_path(good).read_bytes())
    listed = layout.listing(tmp_path, "dump")
    assert [backup.path for backup in listed] == [no_manifest, no_file, other, good]
    assert "has no manifest" in listed[0].problem
    assert "is gone" in listed[1].problem
    assert "is of minimarket_20261123_030000.sql.gz" in listed[2].problem
    assert layout.newest(tmp_path, "dump") == listed[3]


def test_a_killed_runs_leftovers_go_and_are_never_listed(tmp_path: Path) -> None:
    home = layout.folder(tmp_path, "base")
    left = home / f"{layout.PARTIAL}7" / "base"
    left.mkdir(parents=True)
    (home / f"{layout.PARTIAL}file").touch()
    assert layout.listing(tmp_path, "base") == []
    with layout.partial(tmp_path, "base") as place:
        assert [path.name for path in home.iterdir()] == [place.name]
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert list(home.iterdir()) == []


def test_a_publish_that_fails_half_way_is_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when the manifest is to be written."""

    def full(path: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        made(tmp_path, "dump", 0)
    assert layout.listing(tmp_path, "dump") == []
    assert list(layout.folder(tmp_path, "dump").iterdir()) == []


def test_the_manifest_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed: list[str] = []
    rename = Path.rename

    def noting(path: Path, target: Path) -> Path:
        renamed.append(target.name)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", noting)
    path = made(tmp_path, "redis", 0)
    assert renamed == [path.name, f"{path.name}.json"]


@pytest.mark.parametrize("kind", ["dump", "base"])
def test_what_gets_a_name_is_on_disk_before_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    """Else a crash may leave a backup with its manifest, and without its content."""
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noting_sync(descriptor: int) -> None:
        done.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def noting_rename(path: Path, target: Path) -> Path:
        done.append(f"name {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noting_sync)
    monkeypatch.setattr(Path, "rename", noting_rename)
    path = made(tmp_path, kind, 0)
    named = done.index(f"name {path.name}")
    parts = {each.name for each in path.iterdir()} if path.is_dir() else set()
    assert set(done[:named]) == {f"sync {each}" for each in {"content", "manifest.json", *parts}}
    assert done[named + 1 :] == [
        f"sync {path.parent.name}",
        f"name {path.name}.json",
        f"sync {path.parent.name}",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_byte_is_noticed(tmp_path: Path, kind: Kind) -> None:
    path = made(tmp_path, kind, 0)
    spoil(path)
    manifest = layout.listing(tmp_path, kind)[0].manifest
    assert manifest
    assert "SHA-256 differs" in differs(path, manifest)


def test_a_shorter_file_is_noticed(tmp_path: Path) -> None:
    path = made(tmp_path, "dump", 0)
    path.write_bytes(b"row")
    manifest = layout.listing(tmp_path, "dump")[0].manifest
    assert manifest
    assert differs(path, manifest) == f"{path.name} has 3 bytes, not 4"


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with only_run(tmp_path), pytest.raises(Cannot, match="another run"), only_run(tmp_path):
        pass
    with only_run(tmp_path):
        pass


def test_a_manifest_cannot_name_a_file_elsewhere(tmp_path: Path) -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    manifest = Manifest("dump", "../escaped", 1, "ab" * 32, when, when)
    with pytest.raises(ValueError, match="not the name of a backup"):
        Manifest.from_json(manifest.to_json(), "it")
