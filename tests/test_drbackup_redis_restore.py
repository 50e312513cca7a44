"""``drbackup redis-restore``: only an RDB that is good comes into Redis' directory, whole."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from drbackup.errors import Bad, Cannot
from drbackup.layout import listing, manifest_path
from drbackup.manifest import Manifest
from drbackup.redis_restore import lay, newest_good
from drbackup.settings import Settings

RDB = b"REDIS0012" + bytes(40)


def write_rdb(root: Path, second: int, data: bytes = RDB) -> Path:
    path = root / "redis" / f"dump_{second}.rdb"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    when = datetime.fromtimestamp(second, UTC)
    manifest = Manifest("redis", path.name, len(data), hashlib.sha256(data).hexdigest(), when, when)
    manifest_path(path).write_text(manifest.to_json(), encoding="utf-8")
    return path


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Without redis-check-rdb, which a machine may have or not: these are no whole RDBs."""
    monkeypatch.setenv("PATH", "")
    return Settings(root=tmp_path, scratch=tmp_path)


def test_the_newest_that_is_good_is_taken(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_rdb(tmp_path, 1795485600)
    write_rdb(tmp_path, 1795485601, b"NONE")
    write_rdb(tmp_path, 1795485602).write_bytes(RDB + b"X")
    write_rdb(tmp_path, 1795485603).unlink()
    assert newest_good(listing(tmp_path, "redis"), settings)[0] == good
    assert capsys.readouterr().err.count("passed over") == 3


def test_where_none_is_good_nothing_is_laid_out(tmp_path: Path, settings: Settings) -> None:
    write_rdb(tmp_path, 1795485600, b"NONE")
    with pytest.raises(Bad, match="no good RDB among 1"):
        newest_good(listing(tmp_path, "redis"), settings)


def test_an_encrypted_one_is_no_rdb_without_its_key(tmp_path: Path, settings: Settings) -> None:
    path = write_rdb(tmp_path, 1795485600)
    [backup] = listing(tmp_path, "redis")
    assert backup.manifest
    manifest_path(path).write_text(replace(backup.manifest, encrypted=True).to_json(), encoding="utf-8")
    with pytest.raises(Cannot, match="is encrypted, and DRBACKUP_AGE_IDENTITY_FILE names no key"):
        newest_good(listing(tmp_path, "redis"), settings)


def test_it_takes_the_place_of_what_is_there(tmp_path: Path) -> None:
    rdb = write_rdb(tmp_path, 1795485600)
    [backup] = listing(tmp_path, "redis")
    assert backup.manifest
    into = tmp_path / "data"
    into.mkdir()
    (into / "dump.rdb").write_bytes(b"before")
    lay(rdb, backup.manifest, into, None, None)
    assert [path.name for path in into.iterdir()] == ["dump.rdb"]
    assert (into / "dump.rdb").read_bytes() == RDB
