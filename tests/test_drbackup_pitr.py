"""What a recovery is made of: which base, which segments, which settings; and what is refused."""

from __future__ import annotations

import argparse
import errno
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from drbackup import data_directory, pitr
from drbackup.data_directory import GROWING, lay_out
from drbackup.errors import Bad, Cannot
from drbackup.layout import Backup, listing, manifest_path, name
from drbackup.manifest import File, Manifest, read
from drbackup.seal import sha256
from drbackup.settings import Settings
from drbackup.target import choose_bases, read_target
from drbackup.vault import Vault
from drbackup.wal import Inventory, take_stock
from hypothesis import given
from hypothesis import strategies as st

from tests.backup_samples import (
    LAST_NIGHT,
    SEGMENT,
    write_base,
    write_history,
    write_manifest,
    write_segment,
)
from tests.stand_in import stand_in


@pytest.mark.parametrize("text", ["yesterday", "2026-11-24", "2026-11-24T12:00:00", "2026-11-24 12:00:00"])
def test_a_target_is_a_time_with_its_offset(text: str) -> None:
    with pytest.raises(Cannot, match=r"\+00:00"):
        read_target(text)


def test_a_target_is_read_in_its_own_zone() -> None:
    assert read_target("latest") is None
    assert read_target("2026-11-24T12:00:00.25+02:00") == datetime(2026, 11, 24, 10, 0, 0, 250000, UTC)
    assert read_target("2026-11-24T10:00:00Z") == datetime(2026, 11, 24, 10, tzinfo=UTC)


def base_at(finished: datetime) -> Backup:
    file = name("base", finished)
    manifest = Manifest("base", file, 1, "0" * 64, finished, finished)
    return Backup("base", Path(file), finished, manifest)


@given(
    ends=st.lists(st.integers(0, 100), unique=True, min_size=1),
    target=st.none() | st.integers(-5, 105),
)
def test_the_base_is_the_last_that_had_ended_before_the_target(ends: list[int], target: int | None) -> None:
    bases = [base_at(LAST_NIGHT + timedelta(minutes=end)) for end in ends]
    moment = None if target is None else LAST_NIGHT + timedelta(minutes=target)
    before = sorted(end for end in ends if target is None or end <= target)
    if not before:
        with pytest.raises(Bad, match="no-base"):
            choose_bases(bases, moment, Inventory())
        return
    chosen = [manifest.finished_utc for _, manifest in choose_bases(bases, moment, Inventory())]
    assert chosen == [LAST_NIGHT + timedelta(minutes=end) for end in reversed(before)]


def test_no_base_at_all() -> None:
    with pytest.raises(Bad, match="no-base"):
        choose_bases([Backup("base", Path("base"), LAST_NIGHT, None, "no manifest")], None, Inventory())


# Laying out, with tar and with what is no PostgreSQL --------------------------------------------------------------


def pack(base: Path, auto: str = "", own: Mapping[str, str] | None = None) -> None:
    """Put archives into a base that was made by hand, with its ``own`` log, and say so in its manifest."""
    data = base.parent / f".{base.name}"
    (data / "wal").mkdir(parents=True)
    for segment, content in (own or {}).items():
        (data / "wal" / segment).write_text(content)
    (data / "PG_VERSION").write_text("17\n")
    (data / "postgresql.auto.conf").write_text(auto)
    for archive, folder, entries in (
        ("base.tar", data, ["PG_VERSION", "postgresql.auto.conf"]),
        ("pg_wal.tar", data / "wal", ["."]),
    ):
        subprocess.run(["tar", "-cf", str(base / archive), "-C", str(folder), *entries], check=True)
    files = {path.name: File(path.stat().st_size, sha256(path)) for path in base.iterdir()}
    manifest = read(manifest_path(base))
    write_manifest(base, replace(manifest, files=files, bytes=sum(file.bytes for file in files.values())))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base that ends in segment 3, and the log up to segment 5, which is partial. Nobody is handed anything."""
    monkeypatch.setattr(data_directory, "hand_over", lambda path: None)
    pack(write_base(tmp_path, 3))
    for number in (3, 4):
        write_segment(tmp_path / "wal", number)
    write_segment(tmp_path / "wal", 5, partial=True)
    return tmp_path


def laid_out(root: Path, target: datetime | None = None) -> Path:
    into = root / "into"
    lay_out(listing(root, "base"), take_stock([root / "wal"]), into, target)
    return into


def log_of(into: Path) -> Sequence[str]:
    own = into / "pg_wal"
    archived = {path.stem for path in (own / "archive_status").glob("*.done")}
    found = sorted(path.name for path in own.iterdir() if path.is_file())
    assert archived == set(found)
    return found


def settings_of(into: Path) -> str:
    return (into / "postgresql.auto.conf").read_text(encoding="utf-8")


def test_the_partial_segment_lies_under_its_real_name(root: Path) -> None:
    into = laid_out(root)
    assert log_of(into) == [f"00000001{0:08X}{number:08X}" for number in (3, 4, 5)]
    assert (into / "pg_wal" / "000000010000000000000005").stat().st_size == SEGMENT
    assert (into / "recovery.signal").exists()
    assert (into / "PG_VERSION").exists()
    assert not (into / GROWING).exists()
    assert into.stat().st_mode & 0o777 == 0o700


def test_all_of_it_is_on_disk_before_it_counts_as_done(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f'#!/bin/sh\n{{ echo "$*"; ls -A {root / "into"}; }} >>{root / "synced"}\n'
    stand_in(root, monkeypatch, "sync", script)
    into = laid_out(root)
    options, *there = (root / "synced").read_text().splitlines()
    assert options == f"--file-system {into}"
    assert set(there) == {GROWING, *(path.name for path in into.iterdir())}


def test_a_recovery_to_the_latest_has_no_target_but_its_timeline(root: Path) -> None:
    said = settings_of(laid_out(root))
    assert "recovery_target_time =" not in said
    assert "recovery_target_timeline = '1'" in said
    assert "recovery_target_action = 'promote'" in said


def test_the_target_of_an_earlier_recovery_is_forgotten(root: Path) -> None:
    older = LAST_NIGHT + timedelta(hours=1)
    base = write_base(root, 3, older)
    pack(base, "work_mem = '8MB'\nrecovery_target_lsn = '0/1'\nrestore_command = 'false'\n")
    said = settings_of(laid_out(root))
    assert "work_mem = '8MB'" in said
    assert "recovery_target_lsn" not in said
    assert said.count("restore_command") == 1


def test_the_moment_is_written_with_its_offset(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_directory, "_ended_after", lambda *_: True)
    said = settings_of(laid_out(root, LAST_NIGHT + timedelta(hours=3, microseconds=250)))
    assert "recovery_target_time = '2026-11-24 05:00:00.000250+00'" in said


def test_a_log_that_ends_before_the_moment_is_recovered_to_its_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_directory, "_ended_after", lambda *_: False)
    assert "recovery_target_time =" not in settings_of(laid_out(root, LAST_NIGHT + timedelta(hours=3)))


def test_a_gap_is_an_error_unless_the_moment_lies_before_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "wal" / "000000010000000000000004").unlink()
    for target, beyond in ((None, False), (LAST_NIGHT + timedelta(hours=3), False)):
        monkeypatch.setattr(data_directory, "_ended_after", lambda *_, beyond=beyond: beyond)
        with pytest.raises(Bad, match=r"wal-gap: 000000010000000000000004 is not there"):
            laid_out(root, target)
        assert list((root / "into").iterdir()) == [], "nothing that looks like a cluster is left"
    monkeypatch.setattr(data_directory, "_ended_after", lambda *_: True)
    assert log_of(laid_out(root, LAST_NIGHT + timedelta(hours=3))) == ["000000010000000000000003"]


def test_a_base_without_any_log_after_it_is_better_than_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It brings what it needs itself: whoever receives the log may have stood still since before it was made."""
    newest = write_base(root, 7, LAST_NIGHT + timedelta(hours=1))
    pack(newest)
    laid = lay_out(listing(root, "base"), take_stock([root / "wal"]), root / "into", None)
    assert (laid.base.path.name, laid.route.segments) == (newest.name, ())
    assert log_of(root / "into") == []
    assert "nor any after it" in capsys.readouterr().err
    assert run(Settings(root=root, wal_archive=root / "wal"), "--into", str(root / "other"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["newest_segment"], told["least_end"]) == ("the end of the base itself", "0/0")


def test_the_bases_own_segment_goes_before_one_that_was_received_in_part(root: Path) -> None:
    base = write_base(root, 5, LAST_NIGHT + timedelta(hours=1))
    pack(base, own={"000000010000000000000005": "the base's own"})
    into = laid_out(root)
    assert (into / "pg_wal" / "000000010000000000000005").read_text() == "the base's own"
    assert log_of(into) == ["000000010000000000000005"]


def test_histories_of_every_timeline_are_given_to_the_server(root: Path) -> None:
    write_segment(root / "wal", 5, timeline=2)
    write_history(root / "wal", 2, [(1, 5 * SEGMENT + 100)])
    into = laid_out(root)
    assert "00000002.history" in log_of(into)
    assert "000000020000000000000005" in log_of(into)
    assert "recovery_target_timeline = '2'" in settings_of(into)


def test_nothing_is_laid_over_anything(root: Path) -> None:
    (root / "into").mkdir()
    (root / "into" / "precious").touch()
    with pytest.raises(Cannot, match="nothing is restored over data"):
        laid_out(root)
    assert [path.name for path in (root / "into").iterdir()] == ["precious"]


def test_what_a_killed_run_has_left_is_done_again(root: Path) -> None:
    (root / "into" / GROWING / "base").mkdir(parents=True)
    (root / "into" / "base").mkdir()
    assert not (laid_out(root) / "base").exists()


def test_a_damaged_base_is_passed_over(root: Path) -> None:
    newest = write_base(root, 4, LAST_NIGHT + timedelta(hours=1))
    pack(newest)
    with (newest / "base.tar").open("r+b") as file:
        file.seek(700)
        file.write(b"?")
    laid = lay_out(listing(root, "base"), take_stock([root / "wal"]), root / "into", None)
    assert laid.base.path.name == name("base", LAST_NIGHT)
    os.remove(laid.base.path / "base.tar")
    with pytest.raises(Bad, match="no base can be used"):
        lay_out(listing(root, "base"), take_stock([root / "wal"]), root / "other", None)
    assert list((root / "other").iterdir()) == []


@pytest.mark.parametrize("archived", [True, False], ids=["dead branch there", "put aside"])
def test_after_a_recovery_to_a_moment_the_base_that_was_undone_is_passed_over(
    root: Path, capsys: pytest.CaptureFixture[str], archived: bool
) -> None:
    """An archive still has the log that the undone base needs; in the vault it was put aside."""
    undone = write_base(root, 4, LAST_NIGHT + timedelta(hours=1))
    pack(undone)
    write_history(root / "wal", 2, [(1, 3 * SEGMENT + 900)])
    write_segment(root / "wal", 3, timeline=2, partial=True)
    if not archived:
        for each in ("000000010000000000000004", "000000010000000000000005.partial"):
            (root / "wal" / each).unlink()
    for target in (None, LAST_NIGHT + timedelta(hours=2)):
        into = root / f"into-{target}"
        laid = lay_out(listing(root, "base"), take_stock([root / "wal"]), into, target)
        assert (laid.base.path.name, laid.route.timeline) == (name("base", LAST_NIGHT), 2)
        assert log_of(into) == ["00000002.history", "000000020000000000000003"]
        assert f"{undone.name} is passed over" in capsys.readouterr().err


def test_a_base_of_the_new_timeline_goes_before_one_that_was_undone(root: Path) -> None:
    pack(write_base(root, 4, LAST_NIGHT + timedelta(hours=1)))
    newest = write_base(root, 3, LAST_NIGHT + timedelta(hours=2), timeline=2)
    pack(newest)
    write_history(root / "wal", 2, [(1, 3 * SEGMENT + 200)])
    write_segment(root / "wal", 3, timeline=2)
    laid = lay_out(listing(root, "base"), take_stock([root / "wal"]), root / "into", None)
    assert (laid.base.path.name, laid.route.timeline) == (newest.name, 2)


def test_where_every_base_was_undone_there_is_none(root: Path) -> None:
    write_history(root / "wal", 2, [(1, 3 * SEGMENT)])
    write_segment(root / "wal", 3, timeline=2)
    with pytest.raises(Bad, match="no-base: none of the 1 base"):
        laid_out(root)
    assert not (root / "into").exists()


# The place --------------------------------------------------------------------------------------------------------


def test_two_at_once_do_not_take_each_other_for_a_killed_run(root: Path) -> None:
    growing = root / "into" / GROWING
    growing.mkdir(parents=True)
    other = os.open(root / "into", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(Cannot, match="another run is laying"):
        laid_out(root)
    assert growing.is_dir()
    os.close(other)
    assert (laid_out(root) / "PG_VERSION").exists()


NO_ROOM = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("error", "room"),
    [
        (NO_ROOM, False),
        (Bad("base.tar cannot be unpacked: tar: base/1: Wrote only 6144 of 10240 bytes"), False),
        (PermissionError(errno.EACCES, "Permission denied", "{into}/pg_wal"), True),
    ],
    ids=["no room", "no room for tar", "a file in it"],
)
def test_a_place_that_cannot_be_written_is_not_the_fault_of_every_base(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, room: bool
) -> None:
    pack(write_base(root, 4, LAST_NIGHT + timedelta(hours=1)))
    tried = []

    def unpack(base: Path, *_: object) -> None:
        tried.append(base)
        if isinstance(error, OSError):
            error.filename = str(error.filename).replace("{into}", str(root / "into"))
        raise error

    def allocate(*_: int) -> None:
        if not room:
            raise NO_ROOM

    monkeypatch.setattr(data_directory, "unpack_checked", unpack)
    monkeypatch.setattr(os, "posix_fallocate", allocate)
    with pytest.raises(Cannot, match="into cannot be laid out"):
        laid_out(root)
    assert len(tried) == 1
    assert list((root / "into").iterdir()) == []


def test_no_room_for_the_log(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(*_: Path) -> None:
        raise NO_ROOM

    monkeypatch.setattr(shutil, "copyfile", copy)
    monkeypatch.setattr(data_directory, "unpack_checked", lambda *_: None)
    with pytest.raises(Cannot, match="into cannot be laid out"):
        laid_out(root)
    assert list((root / "into").iterdir()) == []


# The command ------------------------------------------------------------------------------------------------------


def run(settings: Settings, *argv: str) -> int:
    parser = argparse.ArgumentParser()
    pitr.arguments(parser)
    return pitr.run(settings, parser.parse_args(list(argv)))


@pytest.fixture
def site(root: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As a site has it: what is archived is here, and the newest segment in the vault alone."""
    (root / "wal").rename(root / "archive")
    (root / "vault").mkdir()
    (root / "archive" / "000000010000000000000005.partial").rename(
        root / "vault" / "000000010000000000000005.partial"
    )
    monkeypatch.setattr("drbackup.scratch.hand_over", lambda path: None)
    monkeypatch.setattr(Vault, "of", lambda settings: Vault(root / "vault", {}, ()))  # type: ignore[arg-type]
    monkeypatch.setattr(Vault, "download", lambda vault, folder, into, **_: shutil.copytree(vault.root, into))
    return Settings(root=root, wal_archive=root / "archive", vault="sftp://vault/vault", scratch=root / "tmp")


def test_the_newest_of_the_log_comes_from_the_vault(site: Settings) -> None:
    into = site.root / "into"
    assert run(site, "--into", str(into)) == 0
    assert log_of(into) == [f"00000001{0:08X}{number:08X}" for number in (3, 4, 5)]
    assert list(site.scratch.iterdir()) == []


def test_without_a_vault_it_is_said_what_is_lost(site: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    into = site.root / "into"
    assert run(replace(site, vault=""), "--into", str(into)) == 0
    assert log_of(into) == [f"00000001{0:08X}{number:08X}" for number in (3, 4)]
    assert "not archived yet is not in this" in capsys.readouterr().err


def test_a_vault_that_does_not_answer_is_no_vault_only_when_one_says_so(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_: object, **__: object) -> None:
        raise Cannot("rclone failed (1): no route to host")

    monkeypatch.setattr(Vault, "download", download)
    into = site.root / "into"
    with pytest.raises(Cannot, match=f"no route to host; to do without: --dir {site.root}"):
        run(site, "--into", str(into))
    assert run(site, "--into", str(into), "--dir", str(site.root)) == 0
