"""What pg_amcheck complains of is told, and a backup with such a complaint is not OK."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from drbackup import restore_test, restored, scratch, verify_restore
from drbackup.errors import Bad
from drbackup.scratch import Server, check_structure
from drbackup.settings import Settings
from drbackup.verify_restore import restore_newest

from tests.backup_samples import compressed, dump_text, write_base, write_dump
from tests.stand_in import stand_in

COMPLAINT = """heap table "minimarket.public.sales", block 7, offset 3:
    xmin 4242 equals or exceeds next valid transaction ID
btree index "minimarket.public.sales_pkey":
    ERROR:  item order invariant violated
"""
TOLD = (
    'heap table "minimarket.public.sales", block 7, offset 3:; '
    "xmin 4242 equals or exceeds next valid transaction ID"
)


class Amcheck:
    """A fake pg_amcheck, first on PATH.

    :param folder: for what it says, and what it was called with.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch

    def says(self, status: int, out: str = "", error: str = "") -> None:
        """From now on it ends with that exit status, and says that."""
        for name, words in (("out", out), ("error", error)):
            (self._folder / name).write_text(words)
        script = f"""#!/bin/sh
printf '%s\\n' "$@" >{self._folder}/options
cat {self._folder}/out
cat {self._folder}/error >&2
exit {status}
"""
        stand_in(self._folder, self._monkeypatch, "pg_amcheck", script)

    @property
    def options(self) -> list[str]:
        """What it was called with."""
        return (self._folder / "options").read_text().splitlines()


@pytest.fixture
def amcheck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Amcheck:
    # As ourselves, whoever that is: the server's user may not look into this folder.
    monkeypatch.setattr(scratch, "_account", lambda: None)
    return Amcheck(tmp_path, monkeypatch)


SERVER = Server(Path("/nowhere/sockets"), Path("/nowhere/log"))


@pytest.mark.parametrize(
    ("databases", "which"), [([], ["--all"]), (["minimarket", "other"], ["minimarket", "other"])]
)
def test_a_complaint_is_told_of_the_databases_that_were_named_or_of_all(
    amcheck: Amcheck, databases: list[str], which: list[str]
) -> None:
    amcheck.says(2, COMPLAINT)
    assert check_structure(SERVER, databases) == TOLD
    assert amcheck.options == [
        "--host=/nowhere/sockets",
        "--username=postgres",
        "--install-missing",
        f"--jobs={len(os.sched_getaffinity(0))}",
        *which,
    ]


def test_that_it_could_not_look_is_a_complaint(amcheck: Amcheck) -> None:
    amcheck.says(1, error="pg_amcheck: error: could not connect\n")
    assert check_structure(SERVER, []) == "pg_amcheck: error: could not connect"
    amcheck.says(1)
    assert check_structure(SERVER, []) == "it failed without a word"


def test_where_all_is_well_there_is_no_complaint(amcheck: Amcheck) -> None:
    amcheck.says(0, error="pg_amcheck: warning: whatever\n")
    assert check_structure(SERVER, []) is None


@contextmanager
def a_server(*_: object) -> Iterator[Server]:
    yield SERVER


@contextmanager
def a_database(*_: object) -> Iterator[str]:
    yield "dbname=minimarket"


@pytest.fixture
def restored_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every restore goes well, and whatever is compared is the same: what is left is the structure."""
    monkeypatch.setattr(restored, "contents", MagicMock())
    monkeypatch.setattr(restored, "new_database", a_database)
    others = [name for name in vars(restored) if name.startswith("compare")]
    for name in ("_make_roles", "restore_dump", *others):
        monkeypatch.setattr(restored, name, lambda *_: None)
    for module in (restore_test, verify_restore):
        monkeypatch.setattr(module, "scratch_server", a_server)
    laid = SimpleNamespace(route=SimpleNamespace(newest="000000010000000000000004"))
    monkeypatch.setattr(verify_restore, "lay_out", lambda *_: laid)
    monkeypatch.setattr(verify_restore, "running", a_server)
    monkeypatch.setattr(verify_restore, "_check_end", lambda *_: None)


@pytest.mark.parametrize("status", [0, 2])
@pytest.mark.usefixtures("restored_whole")
def test_a_complaint_is_a_fault_of_the_dump_and_of_the_base(
    tmp_path: Path, amcheck: Amcheck, status: int
) -> None:
    good = [write_dump(tmp_path, compressed(dump_text())), write_base(tmp_path, 3)]
    amcheck.says(status, COMPLAINT if status else "")
    settings = Settings(wal_archive=tmp_path / "none", scratch=tmp_path / "scratch")
    found = {finding.kind: finding for _, finding in restore_newest(tmp_path, settings, good)}
    assert set(found) == {"dump", "base"}
    for finding in found.values():
        assert finding.fault == ("amcheck" if status else None)
        assert finding.sentence.startswith(f"pg_amcheck: {TOLD}" if status else "restored")


@pytest.mark.usefixtures("restored_whole")
def test_a_complaint_fails_the_restore_test(tmp_path: Path, amcheck: Amcheck) -> None:
    write_dump(tmp_path, compressed(dump_text()), datetime.now(UTC))
    options = Namespace(dir=tmp_path, json=False)
    amcheck.says(0)
    assert restore_test.run(Settings(scratch=tmp_path), options) == 0
    assert amcheck.options[-1] == "minimarket"
    amcheck.says(2, COMPLAINT)
    with pytest.raises(Bad, match="amcheck: pg_amcheck: heap table"):
        restore_test.run(Settings(scratch=tmp_path), options)
