"""Names, asked of a real name server over UDP: believed for their time to live, and not a moment longer."""

from __future__ import annotations

import asyncio
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from measure.names import Names, UnresolvedError
from measure.observer import ObserverConfig
from measure.process import MeasuringProcess
from measure.workload import WorkloadConfig
from stack.wait import wait_until
from tests.test_measure_processes import Dashboard, fates, lines, wait_lines

NAME = "dashboard.drill.test"


class NameServer(socketserver.ThreadingUDPServer):
    """Knows one name. ``silent``: it answers nothing; ``queries`` counts what it was asked."""

    daemon_threads = True

    def __init__(self, address: str, ttl: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address, self.ttl, self.silent, self.queries = address, ttl, False, 0

    @property
    def where(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    server: NameServer

    def handle(self) -> None:
        data, socket = self.request
        self.server.queries += 1
        if self.server.silent:
            return
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        if str(query.question[0].name) == f"{NAME}.":
            answer.answer.append(
                dns.rrset.from_text(f"{NAME}.", self.server.ttl, "IN", "A", self.server.address)
            )
        else:
            answer.set_rcode(dns.rcode.REFUSED)
        socket.sendto(answer.to_wire(), self.client_address)


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer("127.0.0.1", 1) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def soon() -> float:
    return time.monotonic() + 2


def test_an_address_is_believed_for_its_time_to_live(server: NameServer) -> None:
    async def look() -> None:
        names = Names(server.where)
        began = time.monotonic()
        found = await asyncio.gather(*(names.address(NAME, soon()) for _ in range(50)))
        assert set(found) == {"127.0.0.1"}
        assert server.queries == 1, "one asks for all"
        server.address = "127.0.0.2"
        while await names.address(NAME, soon()) == "127.0.0.1":
            assert time.monotonic() - began < 2
            await asyncio.sleep(0.01)
        assert time.monotonic() - began == pytest.approx(1.0, abs=0.3)
        assert server.queries == 2

    asyncio.run(look())


def test_an_address_past_its_time_is_not_used_again(server: NameServer) -> None:
    server.ttl = 0

    async def look() -> None:
        names = Names(server.where)
        assert await names.address(NAME, soon()) == "127.0.0.1"
        server.silent = True
        began = time.monotonic()
        with pytest.raises(UnresolvedError, match="no answer"):
            await names.address(NAME, began + 0.3)
        assert time.monotonic() - began == pytest.approx(0.3, abs=0.2)

    asyncio.run(look())


def test_a_question_that_is_lost_is_asked_again(server: NameServer) -> None:
    server.silent = True

    async def look() -> str:
        asking = asyncio.create_task(Names(server.where).address(NAME, time.monotonic() + 5))
        while not server.queries:
            await asyncio.sleep(0.01)
        server.silent = False
        return await asking

    assert asyncio.run(look()) == "127.0.0.1"
    assert server.queries == 2


def test_a_name_that_is_not_known_says_so(server: NameServer) -> None:
    with pytest.raises(UnresolvedError, match="knows no address: REFUSED"):
        asyncio.run(Names(server.where).address("example.org", soon()))


@pytest.fixture
def two_sites() -> Iterator[tuple[Dashboard, Dashboard]]:
    """The same service at the same port of two addresses."""
    with Dashboard() as here, Dashboard(("127.0.0.2", here.server_address[1])) as there:
        there.sales = here.sales  # one that is made before the name moves is read back after it
        threads = [
            threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True) for site in (here, there)
        ]
        for thread in threads:
            thread.start()
        yield here, there
        for site in (here, there):
            site.release.set()
            site.shutdown()
        for thread in threads:
            thread.join()


def test_clients_follow_the_name_to_the_other_site(
    tmp_path: Path, server: NameServer, two_sites: tuple[Dashboard, Dashboard]
) -> None:
    here, there = two_sites
    url = f"http://{NAME}:{here.server_address[1]}"
    observing = ObserverConfig(
        url, str(tmp_path / "probes.jsonl"), str(tmp_path / "probe.jsonl"), 20, 1, 100, server.where
    )
    writing = WorkloadConfig(
        url, str(tmp_path / "api.jsonl"), str(tmp_path / "sql.jsonl"), str(tmp_path / "workload.jsonl"),
        50, 0, 1, 100, server.where,
    )  # fmt: skip
    secrets = {"DASHBOARD_API_KEY": "secret"}
    histories = [tmp_path / "api.jsonl", tmp_path / "probe.jsonl"]
    with (
        MeasuringProcess("measure.observer", observing, tmp_path, secrets) as observer,
        MeasuringProcess("measure.workload", writing, tmp_path, secrets) as workload,
    ):
        for history in histories:
            wait_lines(history, '"kind": "ok"', 20)
        assert not there.requests
        server.address, moved = "127.0.0.2", time.monotonic()
        # A second for the time to live, and one for what was asked at its end.
        wait_until(
            lambda: there.requests > 100 and time.monotonic() > moved + 2.5,
            timeout_s=10,
            what="requests there, and no more under way here",
        )
        served_here, more = here.requests, there.requests + 100
        wait_until(lambda: there.requests > more, timeout_s=10, what="more requests there")
        assert here.requests == served_here, "nobody goes on where the name no longer points"
        assert (observer.stop(5), workload.stop(5)) == (0, 0)
    assert [set(fates(history)) for history in histories] == [{"ok"}, {"ok"}]
    assert {line["outcome"] for line in lines(tmp_path / "probes.jsonl") if "outcome" in line} == {"ok"}


def test_without_a_name_server_nothing_was_sent(tmp_path: Path, server: NameServer) -> None:
    server.silent = True
    url = f"http://{NAME}:9"
    writing = WorkloadConfig(
        url, str(tmp_path / "api.jsonl"), str(tmp_path / "sql.jsonl"), str(tmp_path / "workload.jsonl"),
        50, 0, 0.3, 100, server.where,
    )  # fmt: skip
    observing = ObserverConfig(
        url, str(tmp_path / "probes.jsonl"), str(tmp_path / "probe.jsonl"), 20, 0.3, 100, server.where
    )
    with (
        MeasuringProcess("measure.workload", writing, tmp_path) as workload,
        MeasuringProcess("measure.observer", observing, tmp_path) as observer,
    ):
        for history in ("api.jsonl", "probe.jsonl"):
            wait_lines(tmp_path / history, '"kind": "fail"', 5)
        assert (observer.stop(5), workload.stop(5)) == (0, 0)
        assert set(fates(tmp_path / "api.jsonl")) == {"fail"}
