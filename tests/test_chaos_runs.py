"""Whose a run folder is, by the locks of real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaos.runs import healing, is_alive, is_kept
from reports.folder import create
from stack.wait import NotReached

_OWNER = """
import sys
from pathlib import Path
from reports.folder import create
with create(Path(sys.argv[1]), "run-1"):
    print("owned", flush=True)
    sys.stdin.read()
"""


def test_a_run_lives_as_long_as_its_process(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"owned\n"
        assert is_alive(tmp_path / "run-1")
        owner.kill()
        owner.wait()
    assert not is_alive(tmp_path / "run-1")


def test_ones_own_run_lives_too(tmp_path: Path) -> None:
    with create(tmp_path, "run-2", needed_bytes=0) as folder:
        assert is_alive(folder.path)
    assert not is_alive(folder.path)


def test_a_folder_that_is_gone_belongs_to_nobody(tmp_path: Path) -> None:
    assert not is_alive(tmp_path / "gone")
    assert not is_kept(tmp_path / "gone")


def test_only_one_heals_at_a_time(tmp_path: Path) -> None:
    with healing(tmp_path, 1), pytest.raises(NotReached, match="nobody else heals"), healing(tmp_path, 0):
        pytest.fail("two were healing")
    with healing(tmp_path, 0):
        pass
