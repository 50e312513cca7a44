"""A PostgreSQL server of its own, to restore into: reachable by its socket alone, and gone afterwards.

What is in it is looked at and thrown away, so nothing is synced or logged for a crash. It dies with the process that
started it, however that ends; a folder that a killed process left is removed by the next.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from drbackup.errors import Bad, Cannot
from drbackup.report import say

USER = "postgres"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
TOOL_TIMEOUT_S = 3600
_PREFIX = "drbackup-scratch-"
_LOCK = "lock"
_BINARIES = Path("/usr/lib/postgresql")
_PR_SET_PDEATHSIG = 1

THROWN_AWAY: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "archive_mode": "off",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "16GB",
    "wal_buffers": "16MB",
    "jit": "off",
}


@dataclass(frozen=True)
class Server:
    """A running scratch server."""

    sockets: Path
    log: Path

    def dsn(self, database: str = USER) -> str:
        """Its connection string."""
        return f"host={self.sockets} port=5432 user={USER} dbname={database}"


def program(name: str) -> str:
    """Where a program of PostgreSQL's server is; Debian has them in no PATH.

    :raises Cannot: when it is not installed.
    """
    if found := shutil.which(name):
        return found
    for folder in sorted(_BINARIES.glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    raise Cannot(f"{name} is not installed here; the backup image has PostgreSQL's server")


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder that belongs to the server's user, for a while; first, those that nobody holds any more go.

    A polite kill (SIGTERM) is an exit like any other meanwhile.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _remove_left_over(parent)
    # Under another name until it is locked: nobody must take it for one that was left.
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=parent))
    lock = os.open(made / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    path = made.rename(made.with_name(made.name.removeprefix(".")))
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        hand_over(path)
        yield path
    finally:
        signal.signal(signal.SIGTERM, before)
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def hand_over(path: Path) -> None:
    """Give a folder, and all that is in it, to the server's user; the server refuses to be root."""
    account = _account()
    if account is None:
        return
    os.chown(path, account.pw_uid, account.pw_gid)
    for folder, folders, files in os.walk(path):
        for name in [*folders, *files]:
            os.chown(os.path.join(folder, name), account.pw_uid, account.pw_gid, follow_symlinks=False)


def make_cluster(data: Path) -> None:
    """Make an empty cluster in ``data``.

    :raises Cannot: when initdb fails.
    """
    options = ["--no-sync", f"--username={USER}", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    done = _run([program("initdb"), f"--pgdata={data}", *options])
    if done.returncode:
        raise Cannot(f"no scratch server can be made: {done.stderr.strip()}")


@contextmanager
def running(
    data: Path, folder: Path, settings: Mapping[str, str] = THROWN_AWAY, timeout_s: float = START_TIMEOUT_S
) -> Iterator[Server]:
    """A server on ``data`` that answers; stopped at once, not cleanly, afterwards.

    :param folder: for its socket and its log.
    :param timeout_s: seconds for it to answer; replaying WAL takes its time.
    :raises Bad: when it does not come up, with its last words.
    """
    server = Server(folder, folder / "log")
    chosen = {**memory(), **settings, "listen_addresses": "", "unix_socket_directories": str(folder)}
    options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    account = _account()
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            [program("postgres"), "-D", str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_shut_down_with_parent,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=account and [],
        )
    try:
        _wait_for(server, process, timeout_s)
        yield server
    finally:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)


@contextmanager
def scratch_server(parent: Path) -> Iterator[Server]:
    """An empty server; gone afterwards, with all that was in it."""
    with scratch_folder(parent) as folder:
        make_cluster(folder / "data")
        with running(folder / "data", folder) as server:
            yield server


def check_structure(server: Server, databases: Sequence[str]) -> str | None:
    """Look at tables and indexes with pg_amcheck; all databases when none is named.

    :returns: the first complaint.
    """
    which = databases or ["--all"]
    done = _run(
        [
            program("pg_amcheck"),
            f"--host={server.sockets}",
            f"--username={USER}",
            "--install-missing",
            *_jobs(),
            *which,
        ]
    )
    if not done.returncode:
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return "; ".join(line.strip() for line in lines[:2]) or "it failed without a word"


def memory() -> dict[str, str]:
    """How much memory a server may take: what its container may, shared among what else is there.

    Not for sorting: an index is built faster from runs that fit a core's cache than from one that is as large as can
    be (6.5 million texts: 6.0 s with the server's own 64 MB, 7.4 s with 1 GB).
    """
    limit = _memory_limit()
    shared = min(max(limit // 8, 32 << 20), 512 << 20)
    return {
        "shared_buffers": f"{shared >> 20}MB",
        "max_parallel_maintenance_workers": str(len(os.sched_getaffinity(0))),
    }


def _memory_limit() -> int:
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(file).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return min(limits)


def _jobs() -> list[str]:
    return [f"--jobs={len(os.sched_getaffinity(0))}"]


def _wait_for(server: Server, process: subprocess.Popen[bytes], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            psycopg.connect(server.dsn(), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None:
                raise Bad(f"the scratch server ended: {_last_words(server.log)}") from error
            if time.monotonic() > deadline:
                raise Bad(f"the scratch server does not answer within {timeout_s:g} s: {error}") from error
        else:
            return
        time.sleep(0.05)


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    grave = [line for line in lines if "FATAL" in line or "PANIC" in line]
    return (grave or lines or ["without a word"])[-1]


def _account() -> pwd.struct_passwd | None:
    """The user that the server runs as; None: the one that we are."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(USER)
    except KeyError as error:
        raise Cannot(f"there is no user {USER}, and PostgreSQL refuses to run as root") from error


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's user."""
    account = _account()
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        timeout=TOOL_TIMEOUT_S,
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=account and [],
        preexec_fn=_die_with_parent,
    )


def _shut_down_with_parent() -> None:
    """In the child, once it is the server's user: an immediate shutdown when its parent is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _die_with_parent() -> None:
    """In the child: it is killed when its parent is gone. initdb, asked to end, would first finish what it is at."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _remove_left_over(parent: Path) -> None:
    for path in parent.glob(f"{_PREFIX}*"):
        # It had its lock before it had its name: without one, its removal has begun.
        with suppress(FileNotFoundError):
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # somebody is using it
            finally:
                os.close(lock)
        say(f"removing {path}, which a killed restore has left")
        shutil.rmtree(path, ignore_errors=True)
