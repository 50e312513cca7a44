"""A run that cannot be: one message with the remedy, exit status 2, a report, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from reports.record import Record
from stack.stack import COMPOSE_FILE, DRILL_LABEL, connect
from stack.wait import wait_until

pytestmark = pytest.mark.live
DRILL = (sys.executable, "-m", "pytest", "-m", "monthly_drill", "-k", "service_failover")


def refused(root: Path, **environment: str) -> tuple[subprocess.CompletedProcess[str], Record]:
    done = subprocess.run(
        [*DRILL, f"--reports-dir={root}"],
        cwd=COMPOSE_FILE.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return done, Record.load(root / "latest")


def left(drill_id: str) -> list[str]:
    client = connect()
    label = f"{DRILL_LABEL}={drill_id}"
    listings = (
        client.containers.list(all=True, filters={"label": label}),
        client.networks.list(filters={"label": label}),
        client.volumes.list(filters={"label": label}),
    )
    return [str(item.id) for listing in listings for item in listing]


def assert_refused(done: subprocess.CompletedProcess[str], record: Record, what: str) -> None:
    assert done.returncode == 2, done.stdout
    assert record.problem
    assert what in record.problem
    assert "remedy:" in record.problem
    assert "Traceback" not in done.stdout + done.stderr
    assert record.verdict == "INVALID"
    assert left(record.drill_id) == []


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done, record = refused(tmp_path, DRILL_EDGE_PORT=str(taken.getsockname()[1]))
    assert_refused(done, record, "a port is taken")


def test_an_image_that_is_not_there(tmp_path: Path) -> None:
    done, record = refused(tmp_path, DRILL_REDIS_IMAGE="dr-drill/mistyped:1")
    assert_refused(done, record, "an image is missing")
    assert not connect().images.list(name="dr-drill/mistyped")


@pytest.fixture
def sick_redis() -> Iterator[str]:
    """An image of a Redis whose health check never holds."""
    client = connect()
    tag = f"dr-drill/redis:sick-{os.getpid()}"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", tag, "-"],
        input="FROM dr-drill/redis:latest\nUSER root\nRUN ln -sf /bin/false /usr/bin/redis-cli\nUSER redis\n",
        text=True,
        check=True,
        capture_output=True,
    )
    try:
        yield tag
    finally:
        client.images.remove(tag, force=True)


def test_a_stack_that_never_gets_healthy(tmp_path: Path, sick_redis: str) -> None:
    done, record = refused(tmp_path, DRILL_REDIS_IMAGE=sick_redis, DRILL_START_PERIOD="5s")
    assert_refused(done, record, "redis is running, unhealthy")
    assert (tmp_path / "latest" / "logs" / "redis.log").read_text()
    assert (tmp_path / "latest" / "report.html").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_told_to_end_while_the_stack_starts(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*DRILL, f"--reports-dir={tmp_path}"], cwd=COMPOSE_FILE.parent, stdout=subprocess.DEVNULL
    )
    client = connect()
    try:
        wait_until(
            lambda: (
                (tmp_path / "latest").exists() and _containers(client, (tmp_path / "latest").resolve().name)
            ),
            timeout_s=120,
            what="the first container is there",
        )
        process.send_signal(number)
        assert process.wait(120) == 2
    finally:
        process.kill()
    record = Record.load(tmp_path / "latest")
    assert record.status == "interrupted"
    assert left(record.drill_id) == []


def _containers(client: docker.DockerClient, drill_id: str) -> bool:
    return bool(client.containers.list(all=True, filters={"label": f"{DRILL_LABEL}={drill_id}"}))
