"""The smaller parts of backups: settings, the release tag, the configuration, the figures, the night, restores."""

from __future__ import annotations

import re
import tarfile
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from drbackup import base, config, dump, layout, nightly, redis, restore, restore_test
from drbackup.__main__ import main
from drbackup.errors import Bad, Cannot
from drbackup.findings import Fault
from drbackup.manifest import read
from drbackup.metrics import VaultDisk, listening, text
from drbackup.settings import Settings
from drbackup.status import record, recorded
from drbackup.vault import Room, Vault

from tests.backup_files import made
from tests.backup_samples import END, compressed, dump_text, write_dump
from tests.stand_in import stand_in


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


def test_a_release_is_marked_by_a_tag(tmp_path: Path) -> None:
    git = tmp_path / "code" / ".git"
    (git / "refs" / "tags").mkdir(parents=True)
    (git / "refs" / "tags" / "v1-beta").touch()
    with pytest.raises(Bad, match="no tag of a release"):
        config.check_release(git.parent)
    (git / "packed-refs").write_text("# pack-refs\n0123 refs/tags/v1.0.0-prod\n^4567\n")
    (git / "refs" / "tags" / "v1.1.0-prod").touch()
    assert config.releases(git.parent) == config.releases(git) == ["v1.0.0-prod", "v1.1.0-prod"]
    config.check_release(git)


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


@pytest.fixture
def far(settings: Settings, tmp_path: Path) -> Settings:
    """The settings of a site that has the key to a vault."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "host.pub").write_text("ssh-ed25519 AAAA\n")
    return replace(settings, vault="sftp://drill@toxiproxy:20022/vault", ssh_key=tmp_path / "keys" / "backup")


@pytest.fixture
def rclone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of rclone, to be written: a program."""
    return stand_in(tmp_path, monkeypatch, "rclone")


def of_the_vaults_disk(settings: Settings, disk: VaultDisk) -> list[str]:
    """What the figures tell of it."""
    return [
        line for line in text(settings, 0, disk.room).splitlines() if re.match("drbackup_vault_[su]", line)
    ]


def test_how_full_the_vault_is_is_told_as_long_as_it_answers(
    far: Settings, rclone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = VaultDisk(far)
    assert of_the_vaults_disk(far, disk) == [], "not asked yet"
    said = '{"total": 1000, "used": 850, "free": 150}'
    rclone.write_text(f"#!/bin/sh\necho \"$@\" >{tmp_path}/arguments\necho '{said}'\n")
    disk.ask()
    full = ["drbackup_vault_size_bytes 1000.0", "drbackup_vault_used_bytes 850.0"]
    assert of_the_vaults_disk(far, disk) == full
    assert (tmp_path / "arguments").read_text().endswith("about --json vault:/vault\n")
    for number in range(3):  # rclone says when, too: no two of its reasons are the same
        rclone.write_text(f"#!/bin/sh\necho 12:00:0{number} no route >&2\nexit 1\n")
        disk.ask()
    assert of_the_vaults_disk(far, disk) == [], "not known is not 0, nor what it was"
    rclone.write_text(f"#!/bin/sh\necho '{said}'\n")
    disk.ask()
    assert of_the_vaults_disk(far, disk) == full
    silence = (
        "drbackup: metrics: the vault does not say how full it is: rclone failed (1): 12:00:00 no route\n"
    )
    assert capsys.readouterr().err == silence, "once, not every minute"


@pytest.mark.parametrize("said", ["{}", '{"free": 1}', '{"total": 1000, "used": null}', "no JSON", "[]"])
def test_a_vault_that_does_not_tell_how_full_it_is_has_no_figure(
    far: Settings, rclone: Path, said: str
) -> None:
    disk = VaultDisk(far)
    disk.room = Room(1000, 850)
    rclone.write_text(f"#!/bin/sh\necho '{said}'\n")
    disk.ask()
    assert disk.room is None


def test_an_empty_vault_is_known_to_be_empty(far: Settings, rclone: Path) -> None:
    rclone.write_text('#!/bin/sh\necho \'{"total": 1000, "used": 0}\'\n')
    assert Vault.of(far).room() == Room(1000, 0)


def test_a_scrape_does_not_wait_for_the_vault(far: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers = threading.Event(), threading.Event()

    def of(_: Settings) -> Vault:
        asked.set()
        answers.wait(20)
        raise Cannot("no answer")

    monkeypatch.setattr(Vault, "of", of)
    disk = VaultDisk(far)
    with listening(far, disk, 0) as server:
        threads = [threading.Thread(target=work) for work in (disk.ask, lambda: server.serve_forever(0.02))]
        for thread in threads:
            thread.start()
        assert asked.wait(5)
        began = time.monotonic()
        url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
        answer = httpx.get(url, timeout=5, trust_env=False)
        took = time.monotonic() - began
        assert threads[0].is_alive(), "it still waits"
        answers.set()
        server.shutdown()
        for thread in threads:
            thread.join()
    assert "drbackup_vault_expected 1.0" in answer.text
    assert "drbackup_vault_used_bytes" not in answer.text
    assert took < 2


def test_the_key_that_the_vault_must_show_is_never_there_in_part(far: Settings) -> None:
    """The figures' service writes it each minute, while a night's copies may read it."""
    Vault.of(far)
    path = far.state / "known_hosts"
    first = path.stat().st_ino
    Vault.of(far)
    assert path.stat().st_ino != first, "another file has its name: the one that is being read stays whole"
    assert path.read_text() == "[toxiproxy]:20022 ssh-ed25519 AAAA\n"
    assert [each.name for each in far.state.iterdir()] == ["known_hosts"]


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


@pytest.fixture
def night(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a night on which all goes well without a server, and which thins out."""
    for kind in (dump, base, redis):
        monkeypatch.setattr(kind, "make", lambda _: None)
    return settings


def test_whatever_a_step_meets_is_kept_and_the_night_goes_on(
    night: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "make", lambda _: dict[str, str]()["redis_version"])
    with pytest.raises(Bad, match=r"failed: dump, offsite$"):
        nightly.run(replace(night, vault="sftp://u@h:2o22/v"), Namespace())
    kept = {status.work: status.error for status in recorded(night.state)}
    assert kept["dump"] == "KeyError: 'redis_version'"
    assert "2o22" in kept["offsite"]
    assert kept["config"] == kept["base"] == ""
    assert "retention: nothing is removed" in capsys.readouterr().err


def test_without_a_release_there_are_backups_all_the_same_and_they_are_thinned_out(
    night: Settings, tmp_path: Path
) -> None:
    with pytest.raises(Bad, match=r"nightly: failed: release$"):
        nightly.run(replace(night, git=tmp_path), Namespace())
    kept = {status.work: bool(status.error) for status in recorded(night.state)}
    assert kept["release"]
    assert not kept["retention"]
    assert len(layout.listing(night.root, "config")) == 1


def test_what_cannot_be_kept_of_a_step_does_not_end_the_night(
    night: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    night.state.mkdir()
    (night.state / "dump.json").write_text("")
    assert nightly.run(night, Namespace()) == 0
    assert "dump: how it ended could not be kept: JSONDecodeError" in capsys.readouterr().err


def test_how_a_restore_test_ended_is_kept_however_it_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def test(folder: Path | None = None) -> str:
        with pytest.raises((Bad, Cannot)):
            restore_test.run(settings, Namespace(dir=folder, json=False))
        return next((status.error for status in recorded(settings.state)), "")

    assert not test(folder=settings.root), "of a folder that somebody names it says nothing"
    assert "no-dump" in test()
    write_dump(settings.root, compressed(dump_text()), datetime.now(UTC))
    monkeypatch.setattr(restore_test, "scratch_server", lambda _: contextmanager(no_server)())
    assert test() == "no server can be had"
    (line,) = [line for line in text(settings, 0).splitlines() if line.startswith("drbackup_last_run_failed")]
    assert line == 'drbackup_last_run_failed{kind="restore-test"} 1.0'


def no_server() -> Iterator[None]:
    raise Cannot("no server can be had")
    yield


@pytest.fixture
def psql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of psql, to be written: a program."""
    return stand_in(tmp_path, monkeypatch, "psql")


@pytest.mark.parametrize("end", [END, ""], ids=["whole", "cut off"])
def test_a_dump_is_committed_only_when_it_was_whole(psql: Path, tmp_path: Path, end: str) -> None:
    psql.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\nexec cat >{tmp_path}/input\n')
    dumped = write_dump(tmp_path, compressed(dump_text(end=end)))
    if end:
        restore.restore_dump(dumped, read(layout.manifest_path(dumped)), "dbname=restored")
        assert (tmp_path / "input").read_text() == f"{dump_text()}COMMIT;\n"
        arguments = (tmp_path / "arguments").read_text()
        assert "--command=BEGIN --file=-" in arguments
        assert "single" not in arguments, "that commits wherever the input ends"
    else:
        with pytest.raises(Fault, match="incomplete"):
            restore.restore_dump(dumped, read(layout.manifest_path(dumped)), "dbname=restored")
        assert not any("COMMIT" in path.read_text() for path in tmp_path.glob("input"))


def test_the_first_error_is_told_when_psql_ends_before_the_dump_does(psql: Path, tmp_path: Path) -> None:
    psql.write_text("#!/bin/sh\nhead -c 1000 >/dev/null\necho 'ERROR:  no room' >&2\nexit 3\n")
    rows = [f"{number}\tSKU-{number:05}\t\\N" for number in range(50_000)]
    dumped = write_dump(tmp_path, compressed(dump_text({"public.products": rows})))
    with pytest.raises(Fault, match="psql: ERROR:  no room"):
        restore.restore_dump(dumped, read(layout.manifest_path(dumped)), "dbname=restored")


def test_the_command_says_in_one_line_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DRBACKUP_ROOT", str(tmp_path))
    monkeypatch.setenv("DRBACKUP_CONFIG", str(tmp_path / "nowhere"))
    assert main(["config"]) == 2
    assert capsys.readouterr().err == f"drbackup: no config: there is nothing in {tmp_path / 'nowhere'}\n"
    monkeypatch.setattr(config, "make", lambda _: dict[str, str]()["nobody\nforeseen"])
    assert main(["config"]) == 2
    assert capsys.readouterr().err == "drbackup: KeyError: 'nobody\\nforeseen'\n"
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2
