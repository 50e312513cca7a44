"""The archive command of the database: it says yes only to what is in the archive, whole, under that name."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.stand_in import stand_in

SCRIPT = Path(__file__).parent.parent / "stack" / "postgres" / "archive_wal.sh"
NAME = "000000010000000000000001"
# Notes what it is to sync, and what the archive has by then.
SYNC = """#!/bin/sh
echo "$*: $(ls -A {archive})" >>{log}
exec {sync} "$@"
"""


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    path = tmp_path / "pg_wal" / NAME
    path.parent.mkdir()
    path.write_bytes(os.urandom(1 << 16))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "archive"
    path.mkdir()
    return path


def archived(segment: Path, archive: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), str(segment), NAME],
        env={**os.environ, "WAL_ARCHIVE": str(archive)},
        capture_output=True,
        text=True,
        check=False,
    )


def names(archive: Path) -> list[str]:
    return sorted(path.name for path in archive.iterdir())


def test_a_segment_is_kept(segment: Path, archive: Path) -> None:
    assert archived(segment, archive).returncode == 0
    assert names(archive) == [NAME]
    assert (archive / NAME).read_bytes() == segment.read_bytes()


def test_the_same_segment_again_is_fine(segment: Path, archive: Path) -> None:
    assert [archived(segment, archive).returncode for _ in range(2)] == [0, 0]


def test_another_segment_of_that_name_is_refused(segment: Path, archive: Path) -> None:
    (archive / NAME).write_bytes(b"older, and needed")
    refused = archived(segment, archive)
    assert refused.returncode != 0
    assert "not overwritten" in refused.stderr
    assert (archive / NAME).read_bytes() == b"older, and needed"


def test_what_a_crash_left_half_written_is_replaced(segment: Path, archive: Path) -> None:
    (archive / f".{NAME}.part").write_bytes(b"half")
    assert archived(segment, archive).returncode == 0
    assert names(archive) == [NAME]
    assert (archive / NAME).read_bytes() == segment.read_bytes()


@pytest.mark.parametrize("missing", ["segment", "archive"])
def test_what_is_not_there_is_not_archived(segment: Path, archive: Path, missing: str) -> None:
    if missing == "segment":
        segment.unlink()
    else:
        archive.rmdir()
    assert archived(segment, archive).returncode != 0
    assert not (archive / NAME).exists()


@pytest.fixture
def synced(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each sync is noted."""
    log = tmp_path / "synced"
    script = SYNC.format(archive=archive, log=log, sync=shutil.which("sync"))
    stand_in(tmp_path, monkeypatch, "sync", script)
    return log


def test_a_segment_is_on_disk_before_it_has_its_name_and_then_its_name_is(
    segment: Path, archive: Path, synced: Path
) -> None:
    assert archived(segment, archive).returncode == 0
    part = archive / f".{NAME}.part"
    assert synced.read_text().splitlines() == [f"{part}: {part.name}", f"{archive}: {NAME}"]


def test_a_segment_that_was_there_is_synced_before_it_says_yes(
    segment: Path, archive: Path, synced: Path
) -> None:
    """The server may have crashed between the rename and the folder's sync."""
    shutil.copyfile(segment, archive / NAME)
    assert archived(segment, archive).returncode == 0
    assert synced.read_text() == f"{archive / NAME} {archive}: {NAME}\n"


def test_a_sync_that_fails_is_no_yes(segment: Path, archive: Path, synced: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "sync").write_text("#!/bin/sh\nexit 1\n")
    assert archived(segment, archive).returncode != 0
    assert not (archive / NAME).exists()
    assert not synced.exists()
