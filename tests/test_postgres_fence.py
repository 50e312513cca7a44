"""Fencing: a database starts only where it may serve; checked on the entry point itself, with a harmless server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "stack"
ENTRYPOINT = ROOT / "postgres" / "entrypoint.sh"
ACTIVATE = ROOT / "dns" / "activate-site"


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A file that a server which was started leaves: the entry point finds it as `postgres`, on a cluster."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("17\n")
    for name, text in {
        "postgres": f"#!/bin/sh\ntouch {tmp_path}/started\n",
        # Where the tests run as root, the entry point would hand over to a user that is not there.
        "id": "#!/bin/sh\necho 999\n",
    }.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path / "started"


def start(folder: Path, site: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "PGDATA": str(folder / "data"),
        "SITE": site,
        "WITNESS": str(folder / "active-site"),
    }
    return subprocess.run(
        [str(ENTRYPOINT), "postgres"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def activate(folder: Path, site: str) -> int:
    environment = {**os.environ, "WITNESS": str(folder / "active-site")}
    return subprocess.run([str(ACTIVATE), site], env=environment, check=False, timeout=20).returncode


@pytest.mark.parametrize("site", ["a", "b"])
def test_where_nobody_ever_failed_over_either_starts(tmp_path: Path, started: Path, site: str) -> None:
    assert start(tmp_path, site).returncode == 0
    assert started.exists()


def test_only_the_site_that_serves_starts(tmp_path: Path, started: Path) -> None:
    assert activate(tmp_path, "b") == 0
    refused = start(tmp_path, "a")
    assert (refused.returncode, refused.stderr) == (
        1,
        "entrypoint: refused to start: the site that serves is b, and this is site a\n",
    )
    assert not started.exists()
    assert start(tmp_path, "b").returncode == 0
    assert started.exists()


@pytest.mark.parametrize("said", ["", "ab", "b a"])
def test_a_witness_that_does_not_name_it_is_no_permission(tmp_path: Path, started: Path, said: str) -> None:
    (tmp_path / "active-site").write_text(said)
    assert start(tmp_path, "a").returncode == 1
    assert not started.exists()


def test_a_witness_that_cannot_be_read_is_no_permission(tmp_path: Path, started: Path) -> None:
    (tmp_path / "active-site").mkdir()
    refused = start(tmp_path, "a")
    assert refused.returncode == 1
    assert "cannot be read" in refused.stderr
    assert not started.exists()


@pytest.mark.parametrize("site", ["", "c", "../a"])
def test_only_sites_can_be_activated(tmp_path: Path, site: str) -> None:
    assert activate(tmp_path, site) == 2
    assert not (tmp_path / "active-site").exists()
