"""The vault's receiver of WAL: tries again for ever, and loses nothing when the server's history is another one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from stack.wait import wait_until

SCRIPT = Path(__file__).parent.parent / "stack" / "vault" / "receive-wal"
FORKED = """pg_receivewal: error: could not send replication command "START_REPLICATION": ERROR:  requested starting \
point 0/A000000 on timeline 1 is not in this server's history
DETAIL:  This server's history forked from timeline 1 at 0/8123456."""
# Makes the slot; then says what it is told to, once, and receives ever after. Asked to end, it flushes; or is deaf.
FAKE = """#!/bin/sh
case "$*" in *--create-slot*) exit 0 ;; *--drop-slot*) echo "$*" >>{0}/dropped; exit 0 ;; esac
if [ -e {0}/says ]; then echo "$*" >>{0}/calls; cat {0}/says >&2; rm {0}/says; exit 1; fi
sleep 600 >{0}/quiet 2>&1 &
trap 'echo $$ >>{0}/flushed; kill $!; exit 0' TERM
[ ! -e {0}/deaf ] || trap '' TERM
echo $$ >>{0}/receivers
echo "$*" >>{0}/calls
wait
"""
# Notes each look at the witness.
CAT = """#!/bin/sh
[ "$*" != {0}/active-site ] || echo "$*" >>{0}/looks
exec {1} "$@"
"""
LOOK_S = 0.1
SLOW_S = 60  # for what takes a few seconds at most, however slow the machine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "pg_receivewal"
    fake.write_text(FAKE.format(tmp_path))
    fake.chmod(0o755)
    (tmp_path / "bin" / "psql").write_text(
        f'#!/bin/sh\necho "$*" >{tmp_path}/asked\ncat {tmp_path}/primary\n'
    )
    (tmp_path / "bin" / "psql").chmod(0o755)
    (tmp_path / "bin" / "cat").write_text(CAT.format(tmp_path, shutil.which("cat")))
    (tmp_path / "bin" / "cat").chmod(0o755)
    (tmp_path / "wal").mkdir()
    return tmp_path


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The script, in a session of its own; whatever is left of that is killed afterwards.

    It has patience with a receiver, unless that is deaf.
    """
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "VAULT_WAL_SOURCE": "host=proxy-%s port=25432 user=postgres",
        "VAULT_WAL_LOOK": f"{LOOK_S}",
        "VAULT_WAL_PATIENCE": "1" if (folder / "deaf").exists() else f"{SLOW_S / LOOK_S:.0f}",
        "WITNESS": str(folder / "active-site"),
    }
    with subprocess.Popen(
        [str(SCRIPT), str(folder / "wal")],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)


def log_of(process: subprocess.Popen[str]) -> str:
    """All that it has said, once it is gone."""
    return process.stderr.read() if process.stderr else ""


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def receive(folder: Path, says: str) -> str:
    """Run it until it has tried twice; returns its log."""
    (folder / "says").write_text(says)
    with running(folder) as process:
        wait_until(lambda: len(lines(folder / "calls")) == 2, timeout_s=SLOW_S, what="it tries again")
        os.killpg(process.pid, 9)
        return log_of(process)


def receiver(folder: Path, number: int) -> int:
    """The process id of the first, second, … that receives, as soon as there is one."""
    path = folder / "receivers"
    wait_until(lambda: len(lines(folder / "calls")) >= number, timeout_s=SLOW_S, what=f"number {number} runs")
    return int(lines(path)[number - 1])


def is_alive(process_id: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(") ")[2][0] != "Z"
    return False


def test_it_tries_again_and_says_why_once(folder: Path) -> None:
    log = receive(folder, "FATAL:  the database system is starting up")
    assert log.count("not receiving: FATAL:  the database system is starting up") == 1
    first, second = (folder / "calls").read_text().splitlines()
    assert first == second
    assert log.count("receiving: from") == 1
    for option in ("--slot=vault", "--synchronous", "--no-loop", f"--directory={folder / 'wal'}"):
        assert option in first


def test_the_servers_own_words_are_told(folder: Path) -> None:
    removed = "ERROR:  requested WAL segment 000000010000000000000007 has already been removed"
    log = receive(
        folder, f"pg_receivewal: error: unexpected termination: {removed}\npg_receivewal: error: disconnected"
    )
    assert f"not receiving: pg_receivewal: error: unexpected termination: {removed}\n" in log


def test_what_the_server_no_longer_knows_is_put_aside_and_the_rest_stays(folder: Path) -> None:
    prefix = "0000000100000000000000"
    stay = [f"{prefix}07", "00000002.history", "00000002000000000000000A.partial"]
    # The branch lies in 08: receiving goes on after the newest segment that is complete, which must lie before it.
    go = [f"{prefix}08", f"{prefix}09", f"{prefix}0A.partial"]
    for name in stay + go:
        (folder / "wal" / name).write_text(name)
    log = receive(folder, FORKED)
    (aside,) = (folder / "wal").glob("aside.*")
    assert sorted(path.name for path in aside.iterdir()) == go
    assert sorted(path.name for path in (folder / "wal").iterdir() if path != aside) == stay
    assert "branched off at 0/8123456" in log


def test_a_timeline_that_the_server_does_not_come_from_is_put_aside(folder: Path) -> None:
    stay = ["000000010000000000000007", "00000001000000000000000A.partial", "00000003.history"]
    go = ["00000002.history", "000000020000000000000008", "000000020000000000000009.partial"]
    for name in stay + go:
        (folder / "wal" / name).write_text(name)
    log = receive(
        folder,
        'pg_receivewal: error: could not send replication command "START_REPLICATION": '
        "ERROR:  requested timeline 2 is not in this server's history",
    )
    (aside,) = (folder / "wal").glob("aside.*")
    assert sorted(path.name for path in aside.iterdir()) == go
    assert sorted(path.name for path in (folder / "wal").iterdir() if path != aside) == stay
    assert "does not lead through timeline 2" in log


@pytest.mark.parametrize(
    ("witness", "primary", "goes"),
    [("b", "t", True), ("b", "f", False), ("b", "connection refused", False), (None, "t", False)],
)
def test_a_server_on_an_older_timeline_is_believed_when_it_is_known_to_have_recovered(
    folder: Path, witness: str | None, primary: str, goes: bool
) -> None:
    """A failback that was given up has begun a timeline; a server that still replays will have a newer one soon."""
    if witness:
        (folder / "active-site").write_text(f"{witness}\n")
    (folder / "primary").write_text(f"{primary}\n")
    names = ["00000003.history", "00000003000000000000000A.partial"]
    for name in names:
        (folder / "wal" / name).write_text(name)
    receive(folder, "pg_receivewal: error: starting timeline 3 is not present in the server")
    assert sorted(path.name for path in (folder / "wal").glob("aside.*/*")) == (names if goes else [])


PSQL = """#!/bin/sh
case "$*" in
*IDENTIFY_SYSTEM*) echo '7412345678901234567|3|0/50000A0|' ;;
*"TIMELINE_HISTORY 3"*) printf '00000003.history|{0}\\n' ;;
esac
"""


@pytest.mark.parametrize(
    ("history", "begun"),
    [
        (r"1\t0/5000000\tno recovery target specified\n\n2\t0/7000000\twhatever\n", "00000002"),
        (r"2\t0/3000000\twhatever\n\n1\t0/5000000\tno recovery target specified\n", "00000003"),
        (r"1\t0/6000000\tno recovery target specified\n", ""),
    ],
)
def test_a_history_that_goes_on_just_where_a_segment_ends_is_followed(
    folder: Path, history: str, begun: str
) -> None:
    (folder / "bin" / "psql").write_text(PSQL.format(history))
    (folder / "wal" / "000000010000000000000004").write_text("")
    receive(
        folder,
        "pg_receivewal: starting log streaming at 0/5000000 (timeline 1)\n"
        'pg_receivewal: error: could not send replication command "START_REPLICATION": \n'
        "pg_receivewal: error: disconnected",
    )
    there = sorted(path.name for path in (folder / "wal").iterdir())
    assert there == ["000000010000000000000004", *([f"{begun}0000000000000005.partial"] if begun else [])]


@pytest.mark.parametrize(
    ("says", "anew"),
    [
        (
            'ERROR:  can no longer get changes from replication slot "vault"\n'
            "DETAIL:  This slot has been invalidated because it exceeded the maximum reserved size.",
            True,
        ),
        ("ERROR:  requested WAL segment 000000010000000000000007 has already been removed", False),
    ],
)
def test_a_slot_that_was_invalidated_is_made_anew(folder: Path, says: str, anew: bool) -> None:
    receive(folder, says)
    dropped = folder / "dropped"
    assert dropped.exists() is anew
    assert not anew or "--slot=vault" in dropped.read_text()


@pytest.mark.parametrize(("witness", "host"), [(None, "proxy-a"), ("a", "proxy-a"), ("b", "proxy-b")])
def test_it_receives_from_the_site_that_serves(folder: Path, witness: str | None, host: str) -> None:
    if witness:
        (folder / "active-site").write_text(f"{witness}\n")
    log = receive(folder, "FATAL:  the database system is starting up")
    assert all(f"--dbname=host={host} " in call for call in (folder / "calls").read_text().splitlines())
    assert f"receiving: from host={host} with slot vault" in log


def test_a_receiver_is_ended_once_another_site_serves(folder: Path) -> None:
    """The site that was given up may run on, and be within the vault's reach: it would never be disconnected."""
    with running(folder) as process:
        first = receiver(folder, 1)
        (folder / "active-site").write_text("b\n")
        second = receiver(folder, 2)
        assert not is_alive(first)
        assert is_alive(second)
        assert lines(folder / "flushed") == [str(first)], "it was asked to end, and had the time to flush"
        os.killpg(process.pid, 9)
        log = log_of(process)
    hosts = [call.split("--dbname=host=")[1].split(" ")[0] for call in lines(folder / "calls")]
    assert hosts == ["proxy-a", "proxy-b"]
    assert "another site serves now: no more is received from site a" in log
    assert "not receiving" not in log, "what the old one has said is of no matter"


def test_a_receiver_that_does_not_hear_is_killed_once_another_site_serves(folder: Path) -> None:
    """As one whose server has stopped answering: that waits for its goodbye."""
    (folder / "deaf").touch()
    with running(folder):
        first = receiver(folder, 1)
        (folder / "active-site").write_text("b\n")
        receiver(folder, 2)
        assert not is_alive(first)
        assert not (folder / "flushed").exists()


@pytest.mark.parametrize(
    ("becomes", "then"), [("unreadable", "proxy-b"), ("empty", "proxy-b"), ("gone", "proxy-a")]
)
def test_a_witness_that_cannot_be_read_ends_nothing(folder: Path, becomes: str, then: str) -> None:
    """Nor does it lead anywhere else when the server disconnects, unless it is as if none had ever been named."""
    witness, looks = folder / "active-site", folder / "looks"
    witness.write_text("b\n")
    with running(folder):
        first = receiver(folder, 1)
        if becomes == "empty":
            witness.write_text("")
        else:
            witness.unlink()
        if becomes == "unreadable":
            witness.mkdir()
        seen = len(lines(looks))
        # The first of them may have begun before.
        wait_until(lambda: len(lines(looks)) >= seen + 4, timeout_s=SLOW_S, what="it looks at the witness")
        assert is_alive(first)
        assert len(lines(folder / "calls")) == 1
        assert "--dbname=host=proxy-b " in lines(folder / "calls")[0]
        os.kill(first, 15)
        receiver(folder, 2)
        assert f"--dbname=host={then} " in lines(folder / "calls")[1]


@pytest.mark.parametrize("deaf", [False, True])
def test_it_leaves_no_receiver_behind_when_it_is_ended(folder: Path, deaf: bool) -> None:
    if deaf:
        (folder / "deaf").touch()
    with running(folder) as process:
        first = receiver(folder, 1)
        process.terminate()
        assert process.wait(SLOW_S) == 143
        assert not is_alive(first)
        assert lines(folder / "flushed") == ([] if deaf else [str(first)])
        assert len(lines(folder / "calls")) == 1
