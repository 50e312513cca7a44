"""Every fault on real containers: injected, in effect, healed, and without a trace afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError
from redis.retry import Retry

from chaos.bad_image import BadImage
from chaos.black_hole import BlackHole
from chaos.containers import wait_running
from chaos.cut_connection import CutConnection
from chaos.fill_memory import FillMemory
from chaos.guard import GuardRefused
from chaos.healing import heal_run
from chaos.injector import HealFailed, Injector
from chaos.journal import Journal
from chaos.kill_container import KillContainer
from chaos.kill_process import KillProcess
from chaos.latency import Latency
from chaos.noop import Noop
from chaos.pause_container import PauseContainer
from chaos.redis_client import redis_client
from chaos.registry import build
from chaos.residue import differences
from chaos.snapshot import snapshot
from chaos.stop_container import StopContainer
from chaos.toxiproxy import Toxiproxy
from chaos.watchdog import Watchdog
from plan.errors import UserError
from stack.stack import Stack
from stack.wait import NotReached, wait_until
from tests.live.small_stack import small_stack

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all of this file: each test leaves it as it was."""
    with small_stack(tmp_path_factory.mktemp("run")) as up:
        yield up


@pytest.mark.parametrize(
    ("name", "settings", "trace"),
    [
        ("noop", {"service": "dashboard"}, None),
        ("kill-container", {"service": "dashboard"}, "dashboard is exited, not running"),
        ("kill-container", {"service": "redis"}, "redis is exited, not running"),
        ("stop-container", {"service": "postgres"}, "postgres is exited, not running"),
        ("pause-container", {"service": "dashboard"}, "dashboard is paused, not running"),
        ("bad-image", {"service": "dashboard"}, "dashboard runs the image"),
        ("fill-memory", {}, "redis holds"),
        ("latency", {"proxy": "redis", "latency_ms": "50"}, "proxy redis still has the toxic"),
        ("cut-connection", {"proxy": "postgres"}, "the proxy postgres is disabled"),
        ("black-hole", {"proxy": "redis"}, "proxy redis still has the toxic"),
    ],
)
def test_a_fault_takes_effect_leaves_a_trace_and_is_healed(
    stack: Stack, injector: Injector, name: str, settings: dict[str, str], trace: str | None
) -> None:
    before = snapshot(stack)
    fault = build(stack, name, settings)
    called = time.monotonic()
    effective = injector.inject(fault, 15)
    assert called <= effective <= time.monotonic()
    found = differences(before, snapshot(stack))
    assert any(trace in sentence for sentence in found) if trace else not found
    assert injector.heal() == []
    assert injector.active == []
    fault.heal()  # a second time does nothing
    fault.wait_healed(5)


@pytest.mark.parametrize("service", ["dashboard", "postgres", "redis", "toxiproxy"])
def test_a_killed_process_is_brought_back_by_the_restart_policy(
    stack: Stack, injector: Injector, service: str
) -> None:
    """With and without an init as PID 1, with and without a shell in the image."""
    fault = KillProcess(stack, service)
    restarts = stack.container(service).attrs["RestartCount"]
    injector.inject(fault, 10)
    wait_until(
        lambda: stack.container(service).attrs["RestartCount"] > restarts, timeout_s=10, what="a restart"
    )
    fault.wait_healed(20)


@pytest.mark.parametrize("fault", [KillContainer, StopContainer])
def test_a_killed_or_stopped_container_stays_down(
    stack: Stack, injector: Injector, fault: type[KillContainer | StopContainer]
) -> None:
    injector.inject(fault(stack, "dashboard"), 10)
    with pytest.raises(NotReached):
        wait_until(lambda: stack.container("dashboard").status != "exited", timeout_s=1, what="a restart")


def test_a_container_that_was_removed_meanwhile_is_made_anew(stack: Stack, injector: Injector) -> None:
    injector.inject(KillContainer(stack, "dashboard"), 10)
    stack.container("dashboard").remove()
    assert injector.heal() == []
    assert stack.container("dashboard").status == "running"


def test_a_fault_that_was_recovered_from_has_nothing_to_heal(stack: Stack, injector: Injector) -> None:
    injector.inject(PauseContainer(stack, "dashboard"), 10)
    stack.container("dashboard").restart(timeout=1)
    started = stack.container("dashboard").attrs["State"]["StartedAt"]
    assert injector.heal() == []
    assert stack.container("dashboard").attrs["State"]["StartedAt"] == started


class TestBadImage:
    def test_a_restart_does_not_mend_it_and_a_rebuild_does(self, stack: Stack, injector: Injector) -> None:
        fault = BadImage(stack, "dashboard")
        injector.inject(fault, 15)
        stack.container("dashboard").restart(timeout=1)
        fault.wait_effective(15)
        stack.compose("up", "-d", "--no-deps", "--no-build", "--force-recreate", "dashboard")
        mended = stack.container("dashboard").id
        assert injector.heal() == []
        assert stack.container("dashboard").id == mended, "what is recovered is left alone"
        assert stack.docker.images.list(filters={"reference": fault.tag}) == []

    def test_it_heals_to_the_image_that_ran_before_and_not_to_the_default(
        self, stack: Stack, injector: Injector
    ) -> None:
        release = "dr-drill/redis:latest"
        deploy = ("up", "-d", "--no-deps", "--no-build", "--wait", "dashboard")
        stack.compose(*deploy, env={"DRILL_DASHBOARD_IMAGE": release})
        try:
            injector.inject(BadImage(stack, "dashboard"), 15)
            assert injector.heal() == []
            assert stack.container("dashboard").attrs["Config"]["Image"] == release
        finally:
            stack.compose(*deploy)


class TestFillMemory:
    def test_writes_are_refused_reads_are_not_and_foreign_keys_stay(
        self, stack: Stack, injector: Injector
    ) -> None:
        with redis_client(stack, "redis") as client:
            client.set("mine", "1")
            injector.inject(FillMemory(stack), 10)
            memory = client.info("memory")
            assert memory["used_memory"] >= 0.97 * memory["maxmemory"]
            with pytest.raises(OutOfMemoryError):
                client.set("mine", "2")
            assert injector.heal() == []
            assert client.get("mine") == b"1"
            client.delete("mine")

    def test_an_orderly_restart_brings_the_junk_back(self, stack: Stack, injector: Injector) -> None:
        fault = FillMemory(stack)
        injector.inject(fault, 10)
        stack.container("redis").restart(timeout=5)
        wait_running(stack, "redis", 10)
        fault.wait_effective(1)

    def test_once_healed_no_crash_brings_it_back(self, stack: Stack, injector: Injector) -> None:
        injector.inject(FillMemory(stack), 10)
        with redis_client(stack, "redis") as client:
            client.save()
        assert injector.heal() == []
        injector.inject(KillContainer(stack, "redis"), 10)
        assert injector.heal() == []
        assert snapshot(stack).junk_keys == 0

    def test_a_redis_that_evicts_is_no_target(self, stack: Stack, injector: Injector) -> None:
        with redis_client(stack, "redis") as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            try:
                with pytest.raises(UserError, match="never refuses a write"):
                    injector.inject(FillMemory(stack), 10)
            finally:
                client.config_set("maxmemory-policy", "noeviction")


class TestToxiproxy:
    def test_latency_is_felt_and_a_cut_is_total(self, stack: Stack, injector: Injector) -> None:
        address = _inside(stack, "toxiproxy")
        with redis.Redis(host=address, port=16379, socket_timeout=5, retry=Retry(NoBackoff(), 0)) as client:
            injector.inject(Latency(stack, proxy="redis", latency_ms=300), 10)
            began = time.monotonic()
            client.ping()
            assert time.monotonic() - began >= 0.3
            injector.inject(CutConnection(stack, proxy="redis"), 10)
            with pytest.raises(redis.exceptions.ConnectionError):
                client.ping()
            assert injector.heal() == []
            assert client.ping()

    def test_a_black_hole_answers_nobody_and_is_left_at_once(self, stack: Stack, injector: Injector) -> None:
        address = _inside(stack, "toxiproxy")
        with redis.Redis(host=address, port=16379, socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
            client.ping()
            injector.inject(BlackHole(stack, proxy="redis"), 10)
            for _ in range(3):  # over the old connection, then over new ones, which are accepted
                with pytest.raises(redis.exceptions.TimeoutError):
                    client.ping()
            assert injector.heal() == []
            assert client.ping()

    def test_a_black_hole_whose_healer_died_half_way_is_healed(
        self, stack: Stack, injector: Injector
    ) -> None:
        injector.inject(BlackHole(stack, proxy="redis"), 10)
        Toxiproxy.of(stack).set_enabled("redis", False)
        assert injector.heal() == []
        assert Toxiproxy.of(stack).proxy("redis").enabled

    def test_reset_undoes_what_was_done_past_any_fault(self, stack: Stack, injector: Injector) -> None:
        toxiproxy = Toxiproxy.of(stack)
        toxiproxy.set_enabled("postgres", False)
        toxiproxy.reset()
        assert toxiproxy.proxy("postgres").enabled


def _inside(stack: Stack, service: str) -> str:
    networks = stack.container(service).attrs["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])


class TestGuard:
    def test_an_unlabelled_container_is_refused_and_not_touched(
        self, stack: Stack, injector: Injector
    ) -> None:
        labels = {"com.docker.compose.project": stack.project, "com.docker.compose.service": "intruder"}
        name = f"{stack.project}-intruder"
        intruder = stack.docker.containers.run(
            "dr-drill/base:trixie", ["sleep", "infinity"], name=name, labels=labels, detach=True
        )
        try:
            fault = KillContainer(stack, "intruder")
            with pytest.raises(GuardRefused, match="does not carry the label"):
                injector.inject(fault, 1)
            with pytest.raises(GuardRefused):
                fault.inject()
            intruder.reload()
            assert intruder.status == "running"
            assert injector.active == []
        finally:
            intruder.remove(force=True)

    def test_a_context_that_the_plan_does_not_name_is_refused(self, stack: Stack, watchdog: Watchdog) -> None:
        with (
            Injector(stack, ["staging"], watchdog) as injector,
            pytest.raises(GuardRefused, match="does not allow the Docker context 'default'"),
        ):
            injector.inject(KillContainer(stack, "dashboard"), 1)
        assert stack.container("dashboard").status == "running"


class TestInjector:
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
    def test_whatever_ends_the_block_the_fault_is_healed(
        self, stack: Stack, watchdog: Watchdog, error: type[BaseException]
    ) -> None:
        def block() -> None:
            with Injector(stack, ["default"], watchdog) as injector:
                injector.inject(PauseContainer(stack, "dashboard"), 10)
                raise error

        with pytest.raises(error):
            block()
        assert stack.container("dashboard").status == "running"
        assert Journal(stack.run_dir).unhealed() == []

    def test_sigterm_heals(self, stack: Stack, watchdog: Watchdog) -> None:
        def block() -> None:
            with Injector(stack, ["default"], watchdog) as injector:
                injector.inject(PauseContainer(stack, "dashboard"), 10)
                os.kill(os.getpid(), signal.SIGTERM)
                signal.pause()

        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            block()
        assert stack.container("dashboard").status == "running"

    def test_a_fault_without_effect_is_said_and_healed(self, stack: Stack, watchdog: Watchdog) -> None:
        with (
            pytest.raises(NotReached, match="is dead: not within"),
            Injector(stack, ["default"], watchdog) as injector,
        ):
            injector.inject(_Harmless(stack, "dashboard"), 0.3)
        assert Journal(stack.run_dir).unhealed() == []

    def test_what_cannot_be_healed_fails_the_block(self, stack: Stack, watchdog: Watchdog) -> None:
        fault = _Incurable(stack, "dashboard")
        with (
            pytest.raises(HealFailed, match="not healed: Nothing is done"),
            Injector(stack, ["default"], watchdog, healed_timeout_s=0) as injector,
        ):
            injector.inject(fault, 1)

        def block() -> None:
            with Injector(stack, ["default"], watchdog, healed_timeout_s=0) as injector:
                injector.inject(fault, 1)
                raise RuntimeError

        with pytest.raises(RuntimeError) as raised:
            block()
        assert "not healed" in raised.value.__notes__[0]
        assert len(heal_run(stack.run_dir, 1).healed) == 2

    def test_without_a_watchdog_nothing_is_injected(self, stack: Stack) -> None:
        watchdog = Watchdog(stack.run_dir)
        watchdog.stop()
        with (
            pytest.raises(RuntimeError, match="the watchdog has ended"),
            Injector(stack, ["default"], watchdog) as injector,
        ):
            injector.inject(PauseContainer(stack, "dashboard"), 1)
        assert stack.container("dashboard").status == "running"


class _Harmless(KillProcess):
    def inject(self) -> None:
        self._started = self.stack.container(self.service).attrs["State"]["StartedAt"]


class _Incurable(Noop):
    def wait_healed(self, timeout_s: float) -> None:
        raise NotReached("a trace is left")


class TestResidue:
    def test_a_lost_alias_is_found(self, stack: Stack, injector: Injector) -> None:
        before = snapshot(stack)
        network = stack.docker.networks.get(f"{stack.project}_default")
        container = stack.container("dashboard")
        network.disconnect(container)
        assert differences(before, snapshot(stack)) == [f"dashboard is no longer on network {network.name}"]
        network.connect(container)
        found = differences(before, snapshot(stack))
        assert len(found) == 1
        assert found[0].startswith(f"dashboard is on network {network.name} without its alias")
        assert "'dashboard'" in found[0]
        stack.compose("up", "-d", "--no-deps", "--force-recreate", "--wait", "dashboard")

    def test_a_command_and_a_file_left_behind_are_found(self, stack: Stack, injector: Injector) -> None:
        before = snapshot(stack)
        redis_container = stack.container("redis")
        redis_container.exec_run(["sleep", "3600"], detach=True)
        redis_container.exec_run(["touch", "/data/.dr-drill-fill-1"])
        assert differences(before, snapshot(stack)) == [
            "in redis a command still runs: sleep 3600",
            f"the file {stack.project}_redis-data:/.dr-drill-fill-1 is left over",
        ]
        redis_container.exec_run(["rm", "/data/.dr-drill-fill-1"])
        redis_container.restart(timeout=5)
        wait_running(stack, "redis", 10)
