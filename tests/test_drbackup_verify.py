"""Verification, fault by fault: each is found, at the depth that costs least, by its name."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from drbackup import base, config, dump, nightly, redis, verify_wal
from drbackup import verify as command
from drbackup.errors import Bad, Cannot
from drbackup.findings import DEPTHS, Depth, Fault, Finding, summary
from drbackup.layout import folder, listing, manifest_path, name
from drbackup.manifest import KINDS, Kind, Manifest, read
from drbackup.metrics import text
from drbackup.server import Archiver
from drbackup.settings import Settings
from drbackup.status import record, recorded
from drbackup.verify import verify
from drbackup.verify_present import Expected, kinds_made
from drbackup.verify_wal import check_newest, read_log, standstill
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backup_samples import (
    LAST_NIGHT,
    NOW,
    SEGMENT,
    TABLES,
    compressed,
    dump_text,
    write_base,
    write_dump,
    write_manifest,
    write_segment,
)

EXPECTED = Expected("minimarket", NOW, kinds=("dump",))
GOOD = compressed(dump_text())


def look(root: Path, depth: Depth = "contents", expected: Expected = EXPECTED) -> list[Finding]:
    """Verify with nothing that the machine happens to have."""
    return verify(root, Settings(wal_archive=root / "none", scratch=root), depth, expected)


def faults(root: Path, depth: Depth = "contents", expected: Expected = EXPECTED) -> dict[str, str]:
    return {each.name: each.fault for each in look(root, depth, expected) if each.fault}


def changed(path: Path, **fields: object) -> None:
    """Write the manifest anew with other fields."""
    write_manifest(path, replace(read(manifest_path(path)), **fields))  # type: ignore[arg-type]


def without(table: str) -> dict[str, object]:
    return {each: rows for each, rows in TABLES.items() if each != table}


def test_good_backups_are_ok_at_every_depth(tmp_path: Path) -> None:
    for days in range(3):
        write_dump(tmp_path, GOOD, LAST_NIGHT - timedelta(days=days))
    for depth in ("present", "checksum", "contents"):
        findings = look(tmp_path, depth)
        assert summary(findings) == "3/3 OK"
        assert {finding.reached for finding in findings} == {depth}


def remove_manifest(root: Path) -> None:
    manifest_path(write_dump(root, GOOD)).unlink()


def break_manifest(root: Path) -> None:
    manifest_path(write_dump(root, GOOD)).write_text("{", encoding="utf-8")


def remove_file(root: Path) -> None:
    write_dump(root, GOOD).unlink()


def old(root: Path) -> None:
    write_dump(root, GOOD, LAST_NIGHT - timedelta(days=1))


def of_tomorrow(root: Path) -> None:
    write_dump(root, GOOD, NOW + timedelta(days=1))


def half_as_big(root: Path) -> None:
    write_dump(root, GOOD, LAST_NIGHT - timedelta(days=1), bytes=3 * len(GOOD))
    write_dump(root, GOOD, LAST_NIGHT)
    # The older one is of no interest here: give it the size that its manifest says.
    older = folder(root, "dump") / name("dump", LAST_NIGHT - timedelta(days=1))
    older.write_bytes(GOOD * 3)


def other_database(root: Path) -> None:
    write_dump(root, GOOD, database="postgres")


def other_name(root: Path) -> None:
    path = write_dump(root, GOOD)
    manifest = read(manifest_path(path))
    manifest_path(path).unlink()
    path = path.rename(path.with_name(path.name.replace("minimarket", "postgres")))
    write_manifest(path, replace(manifest, file=path.name))


def cut_off(root: Path) -> None:
    path = write_dump(root, GOOD)
    path.write_bytes(GOOD[:-5])


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (remove_manifest, "missing-manifest"),
        (break_manifest, "bad-manifest"),
        (remove_file, "missing-file"),
        (old, "stale"),
        (of_tomorrow, "clock"),
        (half_as_big, "shrunk"),
        (other_database, "wrong-database"),
        (other_name, "wrong-database"),
        (cut_off, "checksum"),
    ],
)
def test_what_names_sizes_and_manifests_tell(
    tmp_path: Path, make: Callable[[Path], None], fault: str
) -> None:
    make(tmp_path)
    assert list(faults(tmp_path, "present").values()) == [fault]


def test_that_it_is_small_is_only_told_of_a_backup_that_is_otherwise_good(tmp_path: Path) -> None:
    half_as_big(tmp_path)
    older, newest = (each.path for each in listing(tmp_path, "dump"))
    changed(older, sha256=hashlib.sha256(older.read_bytes()).hexdigest())
    assert faults(tmp_path, "checksum")[newest.name] == "shrunk"
    newest.write_bytes(bytes(len(GOOD)))
    assert faults(tmp_path, "checksum")[newest.name] == "checksum"


def test_no_backup_at_all(tmp_path: Path) -> None:
    every = Expected("minimarket", NOW)
    assert faults(tmp_path, "present", every) == {
        "dump": "no-dump",
        "base": "no-base",
        "redis": "no-redis",
        "config": "no-config",
    }
    assert summary(look(tmp_path, "present", every)) == "0/4 OK"


def test_only_the_newest_must_be_fresh(tmp_path: Path) -> None:
    write_dump(tmp_path, GOOD, LAST_NIGHT - timedelta(days=29))
    write_dump(tmp_path, GOOD, LAST_NIGHT)
    assert not faults(tmp_path, "present")


@pytest.mark.parametrize(
    ("data", "depth", "fault"),
    [
        (compressed(""), "checksum", "incomplete"),
        (compressed(dump_text(end="")), "checksum", "incomplete"),
        (compressed(dump_text()[: len(dump_text()) // 2]), "checksum", "incomplete"),
        (GOOD[:-4], "checksum", "gzip"),
        (GOOD + b"x", "checksum", "gzip"),
        (b"", "checksum", "gzip"),
        (compressed(dump_text({})), "contents", "missing-table"),
        (compressed(dump_text(without("public.sales"))), "contents", "missing-table"),  # type: ignore[arg-type]
        (compressed(dump_text({"public.elsewhere": ["1"]})), "contents", "wrong-database"),
        (compressed(dump_text({**TABLES, "public.sales": ["1\ta\t4"]})), "contents", "rows"),
        (compressed(dump_text({**TABLES, "public.empty": ["1\ta\t4"]})), "contents", "rows"),
    ],
    ids=[
        "empty",
        "no end",
        "half",
        "cut gzip",
        "bytes after it",
        "no bytes",
        "no table",
        "a table less",
        "others",
        "a row less",
        "a row more",
    ],
)
def test_what_the_dump_itself_tells_although_its_checksum_is_the_manifests(
    tmp_path: Path, data: bytes, depth: Depth, fault: str
) -> None:
    write_dump(tmp_path, data)
    assert list(faults(tmp_path, depth).values()) == [fault]
    cheaper = DEPTHS[DEPTHS.index(depth) - 1]
    assert not faults(tmp_path, cheaper), "and it is not found by looking less deep"


def test_a_manifest_that_names_no_table_is_of_an_empty_database(tmp_path: Path) -> None:
    write_dump(tmp_path, compressed(dump_text({})), tables={})
    assert list(faults(tmp_path).values()) == ["missing-table"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(at=st.integers(0, len(GOOD) - 1), mask=st.integers(1, 255))
def test_any_single_changed_byte_of_a_dump_is_noticed(tmp_path: Path, at: int, mask: int) -> None:
    path = write_dump(tmp_path, GOOD)
    data = bytearray(GOOD)
    data[at] ^= mask
    path.write_bytes(data)
    assert faults(tmp_path, "checksum") == {path.name: "checksum"}


def test_every_backup_is_looked_at_and_the_bad_ones_are_named(tmp_path: Path) -> None:
    paths = [write_dump(tmp_path, GOOD, LAST_NIGHT - timedelta(days=days)) for days in range(6)]
    paths[1].write_bytes(bytes(len(GOOD)))
    write_dump(tmp_path, compressed(dump_text(end="")), LAST_NIGHT - timedelta(days=4))
    findings = look(tmp_path)
    assert summary(findings) == "4/6 OK"
    assert faults(tmp_path) == {paths[1].name: "checksum", paths[4].name: "incomplete"}


# The other kinds --------------------------------------------------------------------------------------------------


def write_other(root: Path, kind: str, data: bytes) -> Path:
    path = folder(root, kind) / name(kind, LAST_NIGHT)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    write_manifest(
        path,
        Manifest(kind, path.name, len(data), sha256, LAST_NIGHT, LAST_NIGHT),  # type: ignore[arg-type]
    )
    return path


def tarball(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for each in names:
            archive.addfile(tarfile.TarInfo(each), io.BytesIO())
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "data", "fault"),
    [
        ("config", tarball("nginx.conf"), None),
        ("config", tarball(), "tar"),
        ("config", compressed("no tar"), "tar"),
        ("config", tarball("nginx.conf")[:-4], "gzip"),
        ("redis", b"NONE", "rdb"),
    ],
    ids=["good", "empty", "no tar", "cut", "no RDB"],
)
def test_configuration_and_cache(tmp_path: Path, kind: str, data: bytes, fault: str | None) -> None:
    path = write_other(tmp_path, kind, data)
    found = faults(tmp_path, "contents", replace(EXPECTED, kinds=()))
    assert found == ({path.name: fault} if fault else {})


def test_a_changed_byte_of_the_configuration_is_noticed(tmp_path: Path) -> None:
    path = write_other(tmp_path, "config", tarball("nginx.conf"))
    data = bytearray(path.read_bytes())
    data[4] ^= 1
    path.write_bytes(data)
    assert faults(tmp_path, "checksum", replace(EXPECTED, kinds=())) == {path.name: "checksum"}


def test_a_base_without_its_own_manifest(tmp_path: Path) -> None:
    path = write_base(tmp_path, 3)
    bases = replace(EXPECTED, kinds=("base",))
    assert not faults(tmp_path, "checksum", bases)
    (path / "backup_manifest").write_text("{}", encoding="utf-8")
    assert faults(tmp_path, "checksum", bases) == {path.name: "base-manifest"}
    (path / "backup_manifest").unlink()
    assert faults(tmp_path, "checksum", bases) == {path.name: "base-manifest"}


def test_a_file_of_a_base_that_is_not_there_or_of_another_size(tmp_path: Path) -> None:
    from drbackup.manifest import File

    path = write_base(tmp_path, 3)
    data = b"tar"
    changed(path, files={"base.tar": File(3, hashlib.sha256(data).hexdigest())})
    bases = replace(EXPECTED, kinds=("base",))
    assert faults(tmp_path, "present", bases) == {path.name: "missing-file"}
    (path / "base.tar").write_bytes(b"ta")
    assert faults(tmp_path, "present", bases) == {path.name: "checksum"}
    (path / "base.tar").write_bytes(b"tor")
    assert faults(tmp_path, "present", bases) == {}
    assert faults(tmp_path, "checksum", bases) == {path.name: "checksum"}
    (path / "base.tar").write_bytes(data)
    assert faults(tmp_path, "checksum", bases) == {}


def test_encrypted_backups_are_looked_at_as_deep_as_without_the_key(tmp_path: Path) -> None:
    path = write_dump(tmp_path, b"age-encryption.org/v1", encrypted=True)
    (finding,) = look(tmp_path, "contents")
    assert (finding.fault, finding.reached) == (None, "checksum")
    assert "encrypted" in finding.sentence
    path.write_bytes(b"age-encryption.org/v2")
    assert faults(tmp_path) == {path.name: "checksum"}


def test_a_restore_that_was_asked_for_and_has_no_key_is_a_fault(rolled: Path) -> None:
    for kind in ("dump", "base"):
        (backup,) = listing(rolled, kind)
        changed(backup.path, encrypted=True)
    findings = {each.kind: each for each in look(rolled, "wal", WITH_BASE)}
    assert all(finding.ok for finding in findings.values())
    for kind in ("dump", "base"):
        assert findings[kind].reached == "checksum"
        assert "only its checksum: it is encrypted" in findings[kind].sentence
    assert "rolls forward to" in findings["base"].sentence
    findings = {each.kind: each for each in look(rolled, "restore", WITH_BASE)}
    assert {kind: each.fault for kind, each in findings.items()} == {
        "dump": "no-key",
        "base": "no-key",
        "wal": None,
    }
    assert "DRBACKUP_AGE_IDENTITY_FILE" in findings["base"].sentence


# The log: through what contents cannot tell of bases made by hand, so without pg_verifybackup -------------------------


@pytest.fixture
def rolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base, and the log after it."""
    monkeypatch.setattr("drbackup.verify_contents._base", lambda *_: None)
    write_dump(tmp_path, GOOD)
    write_base(tmp_path, 3)
    for number in range(3, 7):
        write_segment(tmp_path / "wal", number)
    write_segment(tmp_path / "wal", 7, partial=True)
    return tmp_path


WITH_BASE = replace(EXPECTED, kinds=("dump", "base"))


def test_the_log_leads_from_the_base_to_its_end(rolled: Path) -> None:
    findings = {each.kind: each for each in look(rolled, "wal", WITH_BASE)}
    assert all(finding.ok for finding in findings.values())
    assert "000000010000000000000007.partial" in findings["base"].sentence
    assert "4 complete" in findings["wal"].sentence


def test_a_segment_that_is_missing(rolled: Path) -> None:
    (rolled / "wal" / "000000010000000000000005").unlink()
    (finding,) = [each for each in look(rolled, "wal", WITH_BASE) if not each.ok]
    assert (finding.kind, finding.fault) == ("base", "wal-gap")
    assert "000000010000000000000005 is not there" in finding.sentence
    assert not faults(rolled, "contents", WITH_BASE)


def test_a_segment_that_the_archive_command_said_yes_to_and_nobody_has_is_a_gap(rolled: Path) -> None:
    log = read_log([rolled / "wal"], None)
    assert "the database was not asked" in check_newest(log, None)
    assert "the database was not asked" not in check_newest(log, Archiver(None, None))
    assert "complete segment(s)" in check_newest(log, Archiver("000000010000000000000005", None))
    with pytest.raises(Fault, match="000000010000000000000009 is in the archive, and it is not"):
        check_newest(log, Archiver("000000010000000000000009", None))


def test_an_archive_command_that_fails_is_told(rolled: Path) -> None:
    log = read_log([rolled / "wal"], None)
    with pytest.raises(Fault, match="000000010000000000000006 could not be archived") as fault:
        check_newest(log, Archiver("000000010000000000000005", "000000010000000000000006"))
    assert fault.value.name == "wal-behind"


class Session:
    """A session with a server that writes, each time that it is asked, the segment after the one before.

    :param writes: the number of the first; 0: it says nothing, as in recovery, or where it does not archive.
    :param waiting: the numbers of what it has completed and not archived, each time that it is asked; then the last.
    """

    def __init__(self, writes: int, *waiting: Sequence[int]) -> None:
        self.autocommit = False
        self._writes = writes
        self._waiting = waiting
        self._asked = 0

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, _: str) -> Session:
        return self

    def fetchone(self) -> tuple[str, list[str]] | None:
        if not self._writes:
            return None
        waiting = self._waiting[min(self._asked, len(self._waiting) - 1)]
        self._asked += 1
        return named(self._writes + self._asked - 1), [named(number) for number in waiting]


def named(number: int) -> str:
    return f"{1:08X}{0:08X}{number:08X}"


@dataclass
class Clock:
    """Time that passes only where somebody sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(verify_wal, "time", made)
    return made


def stood_still(root: Path, monkeypatch: pytest.MonkeyPatch, session: Session) -> Fault | None:
    monkeypatch.setattr("drbackup.contents.connect", lambda _: session)
    return standstill(Settings(wal_archive=root / "wal"))


@pytest.mark.parametrize("waiting", [[7], [7, 8, 9]], ids=["one", "several"])
def test_an_archive_that_stands_still_is_behind_although_nothing_has_failed(
    rolled: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, waiting: list[int]
) -> None:
    """As where the command is empty, or hangs."""
    found = stood_still(rolled, monkeypatch, Session(10, waiting))
    assert found
    assert found.name == "wal-behind"
    more = " and 2 more" if len(waiting) > 1 else ""
    assert re.fullmatch(
        rf"the server writes 0{{7}}10{{8}}[0-9A-F]{{8}}, and the newest complete segment in the archive is {named(6)}:"
        rf" {named(7)}{more} did not arrive within 65 s",
        found.sentence,
    )
    assert 65 < clock.now < 66
    log = read_log([rolled / "wal"], None)
    with pytest.raises(Fault) as told:
        check_newest(log, Archiver(named(6), None), found)
    assert told.value is found


def test_an_archive_that_never_had_a_segment_says_so(
    rolled: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    for path in (rolled / "wal").iterdir():
        path.unlink()
    found = stood_still(rolled, monkeypatch, Session(10, [9]))
    assert found
    assert "the newest complete segment in the archive is none" in found.sentence


def test_a_busy_server_whose_archive_is_always_some_segments_behind_is_well(
    rolled: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Only what was complete when it was first asked is waited for: there would be no end of it."""
    moments = [[n, n + 1, n + 2] for n in range(7, 100)]
    assert stood_still(rolled, monkeypatch, Session(10, *moments)) is None
    assert len(clock.slept) == 3


def test_many_that_arrive_slowly_are_waited_for_as_long_as_any_does(
    rolled: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(verify_wal, "_LOOK_S", 60)
    moments = [list(range(n, 20)) for n in range(7, 21)]
    assert stood_still(rolled, monkeypatch, Session(20, *moments)) is None
    assert clock.now > 700


def test_one_that_has_arrived_before_the_server_has_taken_note_is_there(
    rolled: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    assert stood_still(rolled, monkeypatch, Session(7, [5, 6])) is None
    assert not clock.slept


def test_where_nothing_is_archived_or_the_server_recovers_or_is_away_nothing_is_behind(
    rolled: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stood_still(rolled, monkeypatch, Session(0)) is None
    assert stood_still(rolled, monkeypatch, Session(7, [])) is None

    def away(_: str) -> Session:
        raise psycopg.OperationalError("no answer")

    monkeypatch.setattr("drbackup.contents.connect", away)
    assert standstill(Settings(wal_archive=rolled / "wal")) is None
    assert "cannot be asked: no answer" in capsys.readouterr().err
    assert not clock.slept


def test_verification_asks_the_server_and_not_where_its_command_fails(
    rolled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = Fault("wal-behind", "it stands still")
    monkeypatch.setattr(command, "standstill", lambda _: behind)
    for archiver, fault, sentence in (
        (None, None, "was not asked"),
        (Archiver(named(6), None), "wal-behind", "it stands still"),
        (Archiver(named(6), named(7)), "wal-behind", f"{named(7)} could not be archived"),
    ):
        monkeypatch.setattr(command, "archiver_of", lambda _, said=archiver: said)
        (found,) = [each for each in look(rolled, "wal", WITH_BASE) if each.kind == "wal"]
        assert (found.fault, sentence in found.sentence) == (fault, True), found


def test_a_segment_of_another_cluster_or_none(rolled: Path) -> None:
    base = folder(rolled, "base") / name("base", LAST_NIGHT)
    both = {base.name: "wal-segment", "wal": "wal-segment"}
    write_segment(rolled / "wal", 5, system=1)
    assert faults(rolled, "wal", WITH_BASE) == both
    (rolled / "wal" / "000000010000000000000005").write_bytes(b"")
    assert faults(rolled, "wal", WITH_BASE) == both


def test_no_log_at_all(rolled: Path) -> None:
    for path in (rolled / "wal").iterdir():
        path.unlink()
    base = folder(rolled, "base") / name("base", LAST_NIGHT)
    assert faults(rolled, "wal", WITH_BASE) == {base.name: "wal-gap", "wal": "no-wal"}


def test_a_log_that_ends_before_the_base(rolled: Path) -> None:
    base = write_base(rolled, 9, LAST_NIGHT + timedelta(hours=1))
    assert faults(rolled, "wal", WITH_BASE) == {base.name: "wal-gap"}


def test_segments_have_a_size(rolled: Path) -> None:
    path = rolled / "wal" / "000000010000000000000004"
    path.write_bytes(path.read_bytes()[: SEGMENT // 2])
    assert set(faults(rolled, "wal", WITH_BASE).values()) == {"wal-segment"}


# The command ------------------------------------------------------------------------------------------------------


def site(root: Path) -> Settings:
    """A site that keeps all below ``root``."""
    return Settings(
        root=root,
        wal_archive=root / "none",
        state=root / "state",
        scratch=root,
        witness=root / "active-site",
    )


def run(root: Path, *argv: str) -> int:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return command.run(site(root), parser.parse_args(list(argv)))


def test_exit_statuses_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dump(tmp_path, GOOD, LAST_NIGHT)
    with pytest.raises(Bad, match=r"found bad: .* \(stale\), base \(no-base\)$"):
        run(tmp_path, "--depth", "checksum", "--json")
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["format"], told["depth"], told["total"]) == (
        "dr-verify/1",
        "checksum",
        len(told["findings"]),
    )
    assert {each["fault"] for each in told["findings"] if not each["ok"]} >= {"no-base"}
    assert all(line.startswith("drbackup: ") for line in err.splitlines())


def test_people_are_told_which_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_dump(tmp_path, GOOD, LAST_NIGHT)
    path.write_bytes(GOOD[:-1])
    with pytest.raises(Bad):
        run(tmp_path, "--depth", "present")
    out = capsys.readouterr().out
    assert f"✘ {path.name}" in out
    assert "0/2 OK" in out


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Cannot, match="no folder"):
        run(tmp_path, "--dir", str(tmp_path / "none"))


def test_limits_come_from_the_environment() -> None:
    limits = Expected.from_environment(
        "shop", NOW, {"DRBACKUP_MAX_AGE_HOURS": "2", "DRBACKUP_MIN_SHARE": "0.9"}
    )
    assert (limits.max_age, limits.min_share) == (timedelta(hours=2), 0.9)
    with pytest.raises(Cannot, match="DRBACKUP_MIN_SHARE"):
        Expected.from_environment("shop", NOW, {"DRBACKUP_MIN_SHARE": "half"})


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site after a night on which all went well, the backups' contents apart; later it has a dump and a base."""
    for kind in (dump, base, redis, config):
        monkeypatch.setattr(kind, "make", lambda _: None)
    assert nightly.run(site(tmp_path), argparse.Namespace()) == 0
    when = datetime.now(UTC) - timedelta(hours=1)
    write_dump(tmp_path, GOOD, when)
    write_base(tmp_path, 3, when)
    return tmp_path


def test_every_night_makes_each_kind_and_when_all_of_one_are_gone_that_is_told(night: Path) -> None:
    made = [status.work for status in recorded(night / "state")]
    assert set(KINDS) <= set(made)
    assert Expected("minimarket", NOW).kinds == kinds_made(night, night / "state") == KINDS
    with pytest.raises(Bad, match=r"found bad: redis \(no-redis\), config \(no-config\)$"):
        run(night, "--depth", "present")


def test_where_there_never_was_a_night_only_the_database_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dump and a base that somebody has made by hand; or a folder into which they were copied alone."""
    when = datetime.now(UTC) - timedelta(hours=1)
    write_dump(tmp_path, GOOD, when)
    with pytest.raises(Bad, match=r"found bad: base \(no-base\)$"):
        run(tmp_path, "--depth", "present")
    write_base(tmp_path, 3, when)
    assert run(tmp_path, "--depth", "present") == 0
    assert "2/2 OK" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["redis", "config"])
def test_of_a_folder_that_somebody_names_what_it_once_had_is_asked_for(night: Path, kind: Kind) -> None:
    """The vault is such a one. What this site has made does not matter there."""
    copied = night.rename(night.with_name(f"vault-with-{kind}"))
    assert kinds_made(copied, None) == ("dump", "base")
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    options = parser.parse_args(["--depth", "present", "--dir", str(copied)])
    here = replace(site(night), state=copied / "state")
    assert command.run(here, options) == 0
    folder(copied, kind).mkdir()
    with pytest.raises(Bad, match=rf"found bad: {kind} \(no-{kind}\)$"):
        command.run(here, options)


def test_how_a_run_that_restores_ended_is_kept_and_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drbackup.verify_restore.restore_newest", lambda *_: [])
    good = Finding("dump", "minimarket.sql.gz", None, "", "restore")
    monkeypatch.setattr(command, "verify", lambda *_: [good])
    state = tmp_path / "state"
    for depth in DEPTHS[:-1]:
        assert run(tmp_path, "--depth", depth) == 0
    assert run(tmp_path, "--depth", "restore", "--dir", str(tmp_path)) == 0
    assert not state.exists()
    assert run(tmp_path, "--depth", "restore") == 0
    (kept,) = recorded(state)
    assert (kept.work, kept.error) == ("verify", "")
    monkeypatch.setattr(command, "verify", lambda *_: [good.failed(Fault("rows", "one is missing"))])
    with pytest.raises(Bad):
        run(tmp_path, "--depth", "restore")
    (failed,) = recorded(state)
    assert failed.error == "verify: found bad: minimarket.sql.gz (rows)"
    assert failed.succeeded == kept.succeeded
    lines = text(site(tmp_path), 0).splitlines()
    assert 'drbackup_last_run_failed{kind="verify"} 1.0' in lines
    assert f'drbackup_last_success_timestamp_seconds{{kind="verify"}} {kept.succeeded}' in lines
    monkeypatch.setattr(command, "verify", lambda *_: [good])
    assert run(tmp_path, "--depth", "wal") == 0
    assert recorded(state) == [failed], "a quick one that is good does not end the alert"
    assert run(tmp_path, "--depth", "restore") == 0
    assert not recorded(state)[0].error, "one as deep, by hand, does"


def test_a_run_that_could_not_be_done_is_kept_too(tmp_path: Path) -> None:
    gone = replace(site(tmp_path), root=tmp_path / "gone")
    with pytest.raises(Cannot, match="no folder"):
        command.run(gone, argparse.Namespace(depth="restore", json=False, dir=None))
    assert "no folder" in recorded(gone.state)[0].error


def test_the_site_that_does_not_serve_is_not_judged_and_can_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cron may be up, and what is there is old: each week an alert would ring of it."""
    monkeypatch.setattr("drbackup.verify_restore.restore_newest", lambda *_: [])
    (tmp_path / "active-site").write_text("b\n")
    record(tmp_path / "state", "restore-test")
    with pytest.raises(Cannot, match=rf"serves is b.*nothing was done; .*: --dir {tmp_path}$"):
        run(tmp_path, "--depth", "restore")
    assert not capsys.readouterr().out
    for argv in (["--depth", "wal"], ["--depth", "restore", "--dir", str(tmp_path)]):
        with pytest.raises(Bad, match="no-dump"):
            run(tmp_path, *argv)
    assert [status.work for status in recorded(tmp_path / "state")] == ["restore-test"]
    (tmp_path / "active-site").write_text("a\n")
    with pytest.raises(Bad, match="no-dump"):
        run(tmp_path, "--depth", "restore")
    assert [status.work for status in recorded(tmp_path / "state")] == ["restore-test", "verify"]
