"""The faults of database, disks and sites, on a real PostgreSQL: in effect, healed, and without a trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from chaos.containers import wait_running
from chaos.healing import heal_run
from chaos.injector import Injector
from chaos.journal import Journal
from chaos.kill_process import KillProcess
from chaos.lock_table import LockTable
from chaos.residue import differences
from chaos.snapshot import snapshot
from chaos.watchdog import Watchdog
from stack.stack import Stack
from stack.wait import NotReached, wait_until
from tests.live.small_stack import WITH_DATABASE, small_stack

pytestmark = pytest.mark.live

SALE = "INSERT INTO sales (client_id, product_id, quantity, unit_price_cents) VALUES (%s, 1, 1, 100)"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all of this file: each test leaves it as it was."""
    with small_stack(tmp_path_factory.mktemp("run"), files=WITH_DATABASE) as up:
        yield up


@pytest.fixture(scope="module")
def watchdog(stack: Stack) -> Iterator[Watchdog]:
    """The run's watchdog."""
    with Watchdog(stack.run_dir) as watching:
        yield watching


@pytest.fixture
def injector(stack: Stack, watchdog: Watchdog) -> Iterator[Injector]:
    """An injector, and the proof that the test has left no trace."""
    before = snapshot(stack)
    with Injector(stack, ["default"], watchdog, healed_timeout_s=20) as injecting:
        yield injecting
    assert differences(before, snapshot(stack)) == []
    assert Journal(stack.run_dir).unhealed() == []


def connect(stack: Stack) -> psycopg.Connection[tuple[int]]:
    """A session as a client has it: over TCP, as the superuser that the dashboard is."""
    return psycopg.connect(stack.dsn(), autocommit=True)


@contextmanager
def writing(stack: Stack) -> Iterator[list[float]]:
    """A client that writes one sale after the other and reconnects by itself; yields when each was committed."""
    committed: list[float] = []
    done = threading.Event()

    def write() -> None:
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

    thread = threading.Thread(target=write)
    thread.start()
    try:
        wait_until(lambda: committed, timeout_s=5, what="the first sale")
        yield committed
    finally:
        done.set()
        thread.join()


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
        wait_until(lambda: committed[-1] > effective, timeout_s=10, what="a sale after the recovery")
    assert stack.container("postgres").attrs["RestartCount"] == restarts + 1
    assert b"automatic recovery in progress" in stack.container("postgres").logs(tail=100)
    with connect(stack) as client:
        [[found]] = client.execute("SELECT count(*) FROM sales WHERE client_id LIKE 'w-%'").fetchall()
        client.execute("DELETE FROM sales WHERE client_id LIKE 'w-%'")
    assert found >= sold


class TestLockTable:
    def test_writers_queue_up_until_it_is_healed(self, stack: Stack, injector: Injector) -> None:
        before = snapshot(stack)
        with writing(stack) as committed:
            effective = injector.inject(LockTable(stack), 10)
            assert [at for at in committed if at > effective] == []
            assert "the database has 1 open sessions of faults" in differences(before, snapshot(stack))
            assert injector.heal() == []
            healed = time.monotonic()
            wait_until(lambda: committed[-1] > healed, timeout_s=5, what="a sale after it was healed")

    def test_another_process_heals_it(self, stack: Stack, injector: Injector) -> None:
        fault = LockTable(stack, waiters=0)
        injector.inject(fault, 10)
        heal_from_the_journal(stack)
        fault.heal()
        fault.wait_healed(1)

    def test_without_anybody_who_waits_it_is_not_in_effect(self, stack: Stack, injector: Injector) -> None:
        with pytest.raises(NotReached, match=r"lock on sales: not within 1 s \(0 wait\)"):
            injector.inject(LockTable(stack), 1)
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
