"""The smaller parts of making backups: settings, the release tag, the configuration, the figures, the night."""

from __future__ import annotations

import tarfile
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
from drbackup import config, layout, nightly
from drbackup.__main__ import main
from drbackup.errors import Bad, Cannot
from drbackup.metrics import text
from drbackup.settings import Settings
from drbackup.status import record, recorded

from tests.backup_files import made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "config" / "edge").mkdir(parents=True)
    (tmp_path / "config" / "edge" / "nginx.conf").write_text("server {}")
    return Settings(
        root=tmp_path / "backups",
        wal_archive=tmp_path / "wal",
        state=tmp_path / "state",
        config=tmp_path / "config",
    )


def test_an_empty_variable_is_not_set_and_a_wrong_one_is_named() -> None:
    assert Settings.from_environment({"PGHOST": "", "DRBACKUP_VAULT": ""}) == Settings()
    with pytest.raises(Cannot, match="DRBACKUP_RETENTION_DAYS"):
        Settings.from_environment({"DRBACKUP_RETENTION_DAYS": "0"})


def test_the_configuration_is_packed_whole(settings: Settings) -> None:
    config.make(settings)
    (backup,) = layout.listing(settings.root, "config")
    with tarfile.open(backup.path) as tar:
        assert tar.getnames() == ["edge/nginx.conf"]


def test_no_configuration_is_no_backup(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Cannot, match="there is nothing in"):
        config.make(replace(settings, config=tmp_path / "nowhere"))
    assert layout.listing(settings.root, "config") == []


def test_a_release_is_marked_by_a_tag(settings: Settings, tmp_path: Path) -> None:
    git = tmp_path / "code" / ".git"
    (git / "refs" / "tags").mkdir(parents=True)
    (git / "refs" / "tags" / "v1-beta").touch()
    with pytest.raises(Bad, match="no tag of a release"):
        config.make(replace(settings, git=git.parent))
    assert len(layout.listing(settings.root, "config")) == 1, "the tarball is there all the same"
    (git / "packed-refs").write_text("# pack-refs\n0123 refs/tags/v1.0.0-prod\n^4567\n")
    (git / "refs" / "tags" / "v1.1.0-prod").touch()
    assert config.releases(git.parent) == config.releases(git) == ["v1.0.0-prod", "v1.1.0-prod"]


def test_the_figures_tell_what_is_there_and_how_the_last_run_ended(settings: Settings) -> None:
    made(settings.root, "dump", 1)
    made(settings.root, "dump", 2)
    record(settings.state, "offsite")
    record(settings.state, "offsite", "no answer")
    lines = text(replace(settings, vault="sftp://drill@vault/vault"), 7.0).splitlines()
    for line in (
        'drbackup_backups{kind="dump"} 2.0',
        'drbackup_backups{kind="base"} 0.0',
        'drbackup_last_success_timestamp_seconds{kind="dump"} 1795402800.0',
        'drbackup_last_run_failed{kind="offsite"} 1.0',
        "drbackup_vault_expected 1.0",
        "drbackup_watched_since_timestamp_seconds 7.0",
    ):
        assert line in lines
    assert not any('success_timestamp_seconds{kind="base"}' in line for line in lines), "never made is not 0"
    (status,) = recorded(settings.state)
    assert status.error == "no answer"
    assert status.succeeded, "when it last went well is not forgotten"


def test_a_night_on_which_all_fails_names_each_and_goes_on(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    broken = replace(settings, host="127.0.0.1:1", vault="sftp://drill@vault/vault")
    old = made(settings.root, "dump", 400)
    with pytest.raises(Bad, match=r"failed: dump, base, redis, offsite$"):
        nightly.run(broken, Namespace())
    assert len(layout.listing(settings.root, "config")) == 1
    assert old.exists()
    assert "nothing is removed after a failure" in capsys.readouterr().err


def test_the_command_says_in_one_line_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DRBACKUP_ROOT", str(tmp_path))
    monkeypatch.setenv("DRBACKUP_CONFIG", str(tmp_path / "nowhere"))
    assert main(["config"]) == 2
    assert capsys.readouterr().err == f"drbackup: no config: there is nothing in {tmp_path / 'nowhere'}\n"
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2
