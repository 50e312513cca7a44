"""The faults of database, disks and sites, on a real PostgreSQL: in effect, healed, and without a trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest

from chaos.containers import wait_running
from chaos.corrupt_data import CorruptData
from chaos.delete_rows import DeleteRows
from chaos.exhaust_connections import ExhaustConnections
from chaos.fill_disk import FillDisk
from chaos.healing import heal_run
from chaos.injector import HealFailed, Injector
from chaos.journal import Journal
from chaos.kill_process import KillProcess
from chaos.lock_table import LockTable
from chaos.postgres import PostgresError
from chaos.residue import differences
from chaos.snapshot import snapshot
from chaos.stop_monitoring import StopMonitoring
from chaos.watchdog import Watchdog
from plan.errors import UserError
from stack.stack import Stack
from stack.wait import NotReached, wait_until
from tests.live.beside import beside
from tests.live.small_stack import WITH_DATABASE, small_stack

pytestmark = pytest.mark.live

JUNK = "CREATE TABLE junk AS SELECT repeat('x', 1000) FROM generate_series(1, 10000)"
SALE = "INSERT INTO sales (client_id, product_id, quantity, unit_price_cents) VALUES (%s, 1, 1, 100)"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all of this file: each test leaves it as it was."""
    with small_stack(tmp_path_factory.mktemp("run"), files=WITH_DATABASE) as up:
        yield up


def connect(stack: Stack) -> psycopg.Connection[tuple[int]]:
    """A session as a client has it: over TCP, as the superuser that the dashboard is."""
    return psycopg.connect(stack.dsn(), autocommit=True)


@contextmanager
def writing(stack: Stack) -> Iterator[list[float]]:
    """A client that writes one sale after the other and reconnects by itself; yields when each was committed."""
    committed: list[float] = []

    def write(done: threading.Event) -> None:
        while not done.is_set():
            try:
                with connect(stack) as client:
                    client.execute("SET lock_timeout = '300ms'")
                    while not done.is_set():
                        client.execute(SALE, (f"w-{time.monotonic_ns()}",))
                        committed.append(time.monotonic())
                        done.wait(0.02)
            except (psycopg.Error, LookupError):
                done.wait(0.1)

    with beside(write):
        wait_until(lambda: committed, timeout_s=30, what="the first sale")
        yield committed


def heal_from_the_journal(stack: Stack) -> None:
    """What the watchdog, or ``dr chaos halt``, does: nothing of this process' fault is known to it."""
    outcome = heal_run(stack.run_dir, 20)
    assert outcome.problems == []
    assert len(outcome.healed) == 1


def test_a_killed_postmaster_is_brought_back_and_recovers_what_was_committed(
    stack: Stack, injector: Injector
) -> None:
    """kill-process, since the postmaster is its container's main process."""
    with writing(stack) as committed:
        restarts = stack.container("postgres").attrs["RestartCount"]
        fault = KillProcess(stack, "postgres")
        effective = injector.inject(fault, 10)
        sold = len([at for at in committed if at <= effective])
        fault.wait_healed(20)
        wait_until(lambda: committed[-1] > effective, timeout_s=30, what="a sale after the recovery")
    assert stack.container("postgres").attrs["RestartCount"] == restarts + 1
    assert b"automatic recovery in progress" in stack.container("postgres").logs(tail=1000)
    with connect(stack) as client:
        [[found]] = client.execute("SELECT count(*) FROM sales WHERE client_id LIKE 'w-%'").fetchall()
        client.execute("DELETE FROM sales WHERE client_id LIKE 'w-%'")
    assert found >= sold


class TestLockTable:
    def test_writers_queue_up_until_it_is_healed(self, stack: Stack, injector: Injector) -> None:
        before = snapshot(stack)
        with connect(stack) as insider, writing(stack) as committed:
            effective = injector.inject(LockTable(stack), 10)
            assert [at for at in committed if at > effective] == []
            assert "the database has 1 open sessions of faults" in differences(before, snapshot(stack))
            assert injector.heal() == []
            healed = time.monotonic()
            wait_until(lambda: committed[-1] > healed, timeout_s=30, what="a sale after it was healed")
            insider.execute("SELECT 1")  # healing is no crash: the postmaster would have ended everybody

    def test_another_process_heals_it(self, stack: Stack, injector: Injector) -> None:
        fault = LockTable(stack, waiters=0)
        injector.inject(fault, 10)
        heal_from_the_journal(stack)
        fault.heal()
        fault.wait_healed(1)
        with pytest.raises(NotReached):
            fault.wait_effective(0.5)

    def test_without_anybody_who_waits_it_is_not_in_effect(self, stack: Stack, injector: Injector) -> None:
        with pytest.raises(NotReached, match=r"lock on sales: not within 5 s \(0 wait\)"):
            injector.inject(LockTable(stack), 5)
        assert injector.heal() == []

    @pytest.mark.parametrize("ended_by", ["the operator", "a restart"])
    def test_recovered_from_it_leaves_nothing(self, stack: Stack, injector: Injector, ended_by: str) -> None:
        """The DRP's step 3 finds the session, its step 4 restarts the database."""
        fault = LockTable(stack, waiters=0)
        injector.inject(fault, 10)
        if ended_by == "a restart":
            stack.container("postgres").restart()
            wait_running(stack, "postgres", 20)
        else:
            with connect(stack) as client:
                client.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                    (fault.mark,),
                )
        fault.wait_healed(5)
        assert injector.heal() == []


class TestExhaustConnections:
    def test_nobody_gets_in_not_even_a_superuser_or_whoever_was_in(
        self, stack: Stack, injector: Injector
    ) -> None:
        before = snapshot(stack)
        with connect(stack) as insider, writing(stack) as committed:
            effective = injector.inject(ExhaustConnections(stack), 10)
            wait_until(lambda: insider_is_out(insider), timeout_s=30, what="the one who was in is put out")
            with pytest.raises(psycopg.OperationalError, match="too many clients already"):
                connect(stack)
            assert [at for at in committed if at > effective] == []
            assert "the database could not be asked for sessions of faults" in differences(
                before, snapshot(stack)
            )
            assert injector.heal() == []
            healed = time.monotonic()
            wait_until(lambda: committed[-1] > healed, timeout_s=30, what="a sale after it was healed")

    def test_another_process_heals_it_though_the_server_lets_nobody_in(
        self, stack: Stack, injector: Injector
    ) -> None:
        fault = ExhaustConnections(stack)
        injector.inject(fault, 10)
        heal_from_the_journal(stack)
        fault.heal()
        fault.wait_healed(1)
        with pytest.raises(NotReached):
            fault.wait_effective(0.5)

    def test_who_was_in_may_stay_in(self, stack: Stack, injector: Injector) -> None:
        """A pool does not feel it: why others are put out unless it is asked for otherwise."""
        with connect(stack) as insider:
            injector.inject(ExhaustConnections(stack, put_out=False), 10)
            [[others]] = insider.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dr-drill-fault%'"
            ).fetchall()
            assert others == 59
            assert injector.heal() == []
            insider.execute("SELECT 1")  # healing is no crash: the postmaster would have ended everybody

    def test_a_restart_frees_them(self, stack: Stack, injector: Injector) -> None:
        fault = ExhaustConnections(stack)
        injector.inject(fault, 10)
        stack.container("postgres").restart()
        wait_running(stack, "postgres", 20)
        fault.wait_healed(5)


def insider_is_out(insider: psycopg.Connection[tuple[int]]) -> bool:
    try:
        insider.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


class TestFillDisk:
    @pytest.mark.parametrize(
        ("percent", "leave_bytes", "free"),
        [(100, 0, 0), (90, 0, 3_355_443), (100, 1_000_000, 1_000_000)],
        ids=["to the brim", "to a share", "but for some bytes"],
    )
    def test_it_fills_exactly_as_asked(
        self, stack: Stack, injector: Injector, percent: int, leave_bytes: int, free: int
    ) -> None:
        before = snapshot(stack)
        fault = FillDisk(stack, "backup", "/backups", percent, leave_bytes)
        injector.inject(fault, 10)
        assert free - 4096 < available(stack, "backup", "/backups") <= free
        assert f"the file {stack.project}_backups:/.dr-drill-fill is left over" in differences(
            before, snapshot(stack)
        )
        write = stack.exec("backup", ["sh", "-c", "echo 1 >/backups/one"])
        assert (write.exit_code == 0) == bool(free), write.output
        stack.exec("backup", ["rm", "-f", "/backups/one"])
        assert injector.heal() == []
        assert available(stack, "backup", "/backups") > 30_000_000
        fault.heal()
        fault.wait_healed(1)
        with pytest.raises(NotReached):
            fault.wait_effective(0.5)

    def test_a_database_without_room_stops_writing_and_goes_on_when_healed(
        self, stack: Stack, injector: Injector
    ) -> None:
        with connect(stack) as client:
            injector.inject(FillDisk(stack), 10)
            with pytest.raises(psycopg.errors.DiskFull):
                client.execute(JUNK)
            assert injector.heal() == []
            client.execute(JUNK)
            client.execute("DROP TABLE junk")

    def test_it_is_healed_through_another_container_while_the_database_is_down(
        self, stack: Stack, injector: Injector
    ) -> None:
        injector.inject(FillDisk(stack), 10)
        with connect(stack) as client, pytest.raises(psycopg.OperationalError):
            client.execute("CHECKPOINT")  # PANIC: could not write to file ...: No space left on device
        stack.container("postgres").kill()
        heal_from_the_journal(stack)
        assert stack.container("postgres").status == "running"

    def test_what_is_no_volume_is_not_filled(self, stack: Stack, injector: Injector) -> None:
        with pytest.raises(UserError, match="backup mounts no volume at /var/log"):
            injector.inject(FillDisk(stack, "backup", "/var/log"), 1)


class TestDeleteRows:
    @pytest.fixture(autouse=True)
    def _kept(self, stack: Stack) -> Iterator[None]:
        with connect(stack) as client:
            client.execute("CREATE TABLE kept AS SELECT * FROM sales")
            yield
            client.execute("DELETE FROM sales")
            client.execute("INSERT INTO sales SELECT * FROM kept")
            client.execute("DROP TABLE kept")

    def test_all_rows_but_newer_ones_are_gone_and_it_says_when(
        self, stack: Stack, injector: Injector
    ) -> None:
        with writing(stack) as committed:
            fault = DeleteRows(stack)
            called = datetime.now(UTC)
            effective = injector.inject(fault, 10)
            assert fault.rows >= 5000
            assert fault.deleted is not None
            assert fault.deleted >= fault.rows
            assert called <= datetime.fromisoformat(fault.utc) <= datetime.now(UTC)
            [entry] = Journal(stack.run_dir).unhealed()
            assert {"rows", "utc", "lsn"} <= entry.fault.keys()
            wait_until(lambda: committed[-1] > effective, timeout_s=30, what="a sale after it")
        with connect(stack) as client:
            assert client.execute("SELECT min(client_id) LIKE 'w-%' FROM sales").fetchone() == (True,)
            after = client.execute("SELECT pg_current_wal_lsn() > %s::pg_lsn", (fault.lsn,)).fetchone()
            assert after == (True,)
        assert injector.heal() == []

    def test_a_table_without_rows_has_nothing_to_lose(self, stack: Stack, injector: Injector) -> None:
        with connect(stack) as client:
            client.execute("DELETE FROM sales")
        with pytest.raises(NotReached, match="the 0 rows of sales are gone"):
            injector.inject(DeleteRows(stack), 0.5)

    def test_rows_that_others_refer_to_stay(self, stack: Stack, injector: Injector) -> None:
        with pytest.raises(PostgresError, match="violates foreign key constraint"):
            injector.inject(DeleteRows(stack, table="products"), 1)


class TestCorruptData:
    @pytest.mark.parametrize("control", [True, False], ids=["it does not start", "it starts and refuses"])
    def test_the_server_cannot_serve_until_it_has_a_fresh_volume(
        self, stack: Stack, injector: Injector, control: bool
    ) -> None:
        fault = CorruptData(stack, control=control)
        with connect(stack) as client:
            # The first pages are in the WAL now, as they were: replaying it would make them good.
            client.execute("CHECKPOINT")
            client.execute("UPDATE sales SET quantity = quantity WHERE ctid < '(2,1)'")
        with writing(stack) as committed:
            effective = injector.inject(fault, 15)
            assert [at for at in committed if at > effective] == []
            first = stack.exec(
                "holder", ["head", "-c", "2", f"/hold/postgres/{fault.table_file}"], user="root"
            )
            assert first.output == "\N{REPLACEMENT CHARACTER}" * 2, "the damage is still there"
            stack.container("postgres").restart()
            with pytest.raises(NotReached):
                fault.wait_healed(2)
        _fresh_volume(stack)
        assert injector.heal() == []
        started = stack.container("postgres").attrs["State"]["StartedAt"]
        fault.heal()
        fault.wait_healed(5)
        assert stack.container("postgres").attrs["State"]["StartedAt"] == started

    def test_what_nobody_recovered_is_said(self, stack: Stack, watchdog: Watchdog) -> None:
        with (
            pytest.raises(HealFailed, match="Pages of the table sales and of pg_class"),
            Injector(stack, ["default"], watchdog, healed_timeout_s=1) as injector,
        ):
            injector.inject(CorruptData(stack), 15)
        _fresh_volume(stack)
        heal_from_the_journal(stack)


def available(stack: Stack, service: str, path: str) -> int:
    found = stack.exec(service, ["df", "--output=avail", "-B1", path])
    return int(found.output.split()[-1])


def _fresh_volume(stack: Stack) -> None:
    """What the drills' recovery does in its own way: the damaged volume is not written to again."""
    for service in ("postgres", "holder"):
        stack.container(service).remove(force=True)
    stack.docker.volumes.get(f"{stack.project}_postgres-data").remove()
    stack.compose("up", "-d", "--no-build", "--wait", "holder", "postgres")


class TestStopMonitoring:
    @pytest.mark.parametrize("remove", [False, True], ids=["killed", "removed"])
    def test_both_are_down_until_they_are_healed(
        self, stack: Stack, injector: Injector, remove: bool
    ) -> None:
        before = snapshot(stack)
        kept = [stack.container(service).id for service in ("prometheus", "alertmanager")]
        fault = StopMonitoring(stack, remove=remove)
        called = time.monotonic()
        assert called <= injector.inject(fault, 10) <= time.monotonic()
        trace = "has no container any more" if remove else "is exited, not running"
        assert differences(before, snapshot(stack)) == [f"alertmanager {trace}", f"prometheus {trace}"]
        heal_from_the_journal(stack)
        fault.heal()
        fault.wait_healed(5)
        now = [stack.container(service).id for service in ("prometheus", "alertmanager")]
        assert (now == kept) == (not remove)

    def test_one_that_was_recovered_is_left_alone(self, stack: Stack, injector: Injector) -> None:
        fault = StopMonitoring(stack)
        injector.inject(fault, 10)
        stack.container("prometheus").start()
        started = stack.container("prometheus").attrs["State"]["StartedAt"]
        assert injector.heal() == []
        assert stack.container("prometheus").attrs["State"]["StartedAt"] == started
