"""What the smaller parts of the stack promise: the way in, the name, the volumes, the nightly backup."""

from __future__ import annotations

import json
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from chaos.pause_container import PauseContainer
from stack.stack import Stack
from stack.wait import wait_until
from tests.live.whole_stack import whole_stack

pytestmark = pytest.mark.live

NAME = "dashboard.drill.test"
SCRIPT = "/usr/local/bin/backup_database.sh"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with whole_stack(tmp_path_factory.mktemp("runs"), "parts", "edge", "dns", "backup") as up:
        yield up


@pytest.fixture
def edge(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the edge, with a fresh connection for each request."""
    with httpx.Client(
        base_url=stack.url("edge", 80),
        headers={"X-API-Key": "dev-api-key"},
        timeout=10,
        trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=0),
    ) as client:
        yield client


def look_up(stack: Stack, name: str, protocol: str = "udp") -> tuple[int, list[tuple[str, int]]]:
    """Ask the stack's DNS server for ``name``'s addresses: the answer's code, and each address with its TTL."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + b"\0" + struct.pack("!HH", 1, 1)
    query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question
    address = stack.address("dns", 53, protocol)
    if protocol == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(3)
            udp.sendto(query, address)
            answer = udp.recv(512)
    else:
        with socket.create_connection(address, timeout=3) as tcp:
            tcp.sendall(struct.pack("!H", len(query)) + query)
            answer = tcp.recv(514)[2:]
    flags, _, answers = struct.unpack("!HHH", answer[2:8])
    found, at = [], 12 + len(question)
    for _ in range(answers):  # the name in two bytes, a pointer; type, class, TTL, length, address
        ttl = struct.unpack("!I", answer[at + 6 : at + 10])[0]
        found.append((socket.inet_ntoa(answer[at + 12 : at + 16]), ttl))
        at += 16
    return flags & 15, found


def logged_sale(stack: Stack) -> dict[str, Any] | None:
    """The newest sale in the edge's access log."""
    lines = stack.container("edge").logs(stdout=True, stderr=False, tail=20).decode().splitlines()
    return next((line for line in map(json.loads, reversed(lines)) if line["method"] == "POST"), None)


def test_the_edge_says_at_once_that_the_dashboard_is_gone_and_finds_it_again(
    stack: Stack, edge: httpx.Client
) -> None:
    assert edge.get("/api/health").status_code == 200
    stack.compose("stop", "dashboard")
    began = time.monotonic()
    assert edge.get("/api/health").status_code in (502, 504)
    assert time.monotonic() - began < 4.5, "before it would give up on one that hangs"
    assert edge.get("/edge-health").status_code == 204
    stack.compose("up", "--detach", "--no-deps", "--force-recreate", "dashboard")
    wait_until(
        lambda: edge.get("/api/health").status_code == 200, timeout_s=20, what="the new dashboard serves"
    )


def test_the_edge_gives_up_on_a_dashboard_that_hangs_and_repeats_nothing(
    stack: Stack, edge: httpx.Client
) -> None:
    client_id = f"api-{secrets.token_hex(8)}"
    PauseContainer(stack, "dashboard").inject()
    try:
        began = time.monotonic()
        answer = edge.post("/api/sales", json={"client_id": client_id, "product_id": 1, "quantity": 1})
        took = time.monotonic() - began
    finally:
        stack.container("dashboard").unpause()
    assert answer.status_code == 504
    assert 4 < took < 15
    sale = wait_until(lambda: logged_sale(stack), timeout_s=5, what="the edge has logged the sale") or {}
    assert (sale["status"], sale["upstream_status"]) == (504, "504"), (
        "one attempt: a second would be listed too"
    )


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_the_name_is_known_for_five_seconds_and_no_other_is(stack: Stack, protocol: str) -> None:
    code, found = look_up(stack, NAME, protocol)
    assert (code, found) == (0, [("127.0.0.1", 5)])
    code, found = look_up(stack, "example.org", protocol)
    assert code != 0
    assert not found


@pytest.mark.parametrize("anew", [False, True])
def test_the_name_can_be_moved_and_stays_there(stack: Stack, anew: bool) -> None:
    """Through a restart of its server, and when that is made anew."""
    try:
        assert stack.exec("dns", ["point-to", "192.0.2.7"]).exit_code == 0
        wait_until(lambda: look_up(stack, NAME)[1] == [("192.0.2.7", 5)], timeout_s=5, what="the new address")
        if anew:
            stack.compose("up", "--detach", "--wait", "--no-deps", "--force-recreate", "dns")
        else:
            stack.container("dns").restart()
        wait_until(
            lambda: look_up(stack, NAME)[1] == [("192.0.2.7", 5)], timeout_s=5, what="still the new address"
        )
    finally:
        stack.exec("dns", ["point-to", "127.0.0.1"])


def test_a_full_volume_is_no_space_left_and_kills_nobody(stack: Stack) -> None:
    before = stack.container("backup").attrs["State"]["StartedAt"]
    try:
        full = stack.exec("backup", ["dd", "if=/dev/zero", "of=/backups/fill", "bs=1M"], timeout_s=60)
    finally:
        stack.exec("backup", ["rm", "-f", "/backups/fill"])
    assert "No space left on device" in full.output
    state = stack.container("backup").attrs["State"]
    assert (state["Running"], state["OOMKilled"], state["StartedAt"]) == (True, False, before)


def test_a_site_alone_makes_its_backups_and_says_that_they_are_nowhere_else(stack: Stack) -> None:
    done = stack.exec("backup", [SCRIPT], timeout_s=90)
    assert done.exit_code == 0, done.output
    assert "these backups are on this site alone" in done.output
    assert "nightly: all is well" in done.output


def test_a_site_that_was_given_up_takes_no_writes_until_it_serves_again(stack: Stack) -> None:
    assert stack.exec("dns", ["activate-site", "b"]).exit_code == 0
    try:
        postgres = stack.container("postgres")
        postgres.restart()
        refusal = b"the site that serves is b, and this is site a"
        wait_until(
            lambda: postgres.logs().count(refusal) >= 3, timeout_s=20, what="it is refused again and again"
        )
        with pytest.raises((LookupError, psycopg.OperationalError)):
            psycopg.connect(stack.dsn())
        # Neither does the whole site, brought up anew.
        stack.compose("up", "--detach", "--no-deps", "--force-recreate", "postgres")
        wait_until(lambda: refusal in stack.container("postgres").logs(), timeout_s=20, what="it is refused")
    finally:
        assert stack.exec("dns", ["activate-site", "a"]).exit_code == 0
        stack.compose("up", "--detach", "--wait", "--no-deps", "postgres")
    with psycopg.connect(stack.dsn()) as connection:
        assert connection.execute("SELECT count(*) FROM products").fetchone() == (5000,)
