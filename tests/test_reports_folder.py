"""The run's folder: owned while its process lives, ``latest`` beside it; one message when it cannot be."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.runs import LOCK
from plan.errors import UserError
from reports import folder


def _is_free(path: Path) -> bool:
    with (path / LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_owns_its_folder_until_it_is_closed(tmp_path: Path) -> None:
    with folder.create(tmp_path / "out", "d1") as run:
        assert run.path == tmp_path / "out" / "d1"
        assert not _is_free(run.path)
    assert _is_free(run.path)
    run.close()


def test_latest_points_at_the_newest(tmp_path: Path) -> None:
    for drill_id in ("d1", "d2"):
        with folder.create(tmp_path, drill_id) as run:
            assert (tmp_path / "latest").resolve() == run.path
    assert os.readlink(tmp_path / "latest") == "d2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d1", "d2", "latest"]


def test_killed_process_gives_its_folder_up(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from reports import folder;"
        "run = folder.create(Path(sys.argv[1]), 'd1'); print('mine', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "mine\n"
        assert not _is_free(tmp_path / "d1")
        process.kill()
        process.wait(10)
        assert _is_free(tmp_path / "d1")


def test_run_that_is_there_is_not_taken_over(tmp_path: Path) -> None:
    folder.create(tmp_path, "d1").close()
    with pytest.raises(UserError, match="is there already"):
        folder.create(tmp_path, "d1")


def test_latest_that_is_no_link_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        folder.create(tmp_path, "d1")
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written") as told:
        folder.create(tmp_path / "file" / "out", "d1")
    assert "make the folder writable" in told.value.remedy


def test_too_little_space(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="MB left") as told:
        folder.create(tmp_path, "d1", needed_bytes=2**60)
    assert "free some space" in told.value.remedy
    assert not (tmp_path / "d1").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_full_disk(tmp_path: Path) -> None:
    size = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)]
    if subprocess.run(size, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (tmp_path / "fill").write_bytes(bytes(16 * 1024))
        with pytest.raises(UserError) as told:
            folder.create(tmp_path, "d1", needed_bytes=0)
        assert told.value.remedy == "free some space on that disk"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
