"""Observer and workload as real processes, against a small real dashboard that can be made to misbehave."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from measure.history import Ids
from measure.observer import ObserverConfig
from measure.process import MeasuringProcess, ProcessDiedError
from measure.workload import WorkloadConfig
from stack.wait import wait_until

Lines = list[dict[str, Any]]


class Dashboard(ThreadingHTTPServer):
    """The three endpoints that are probed. ``mode`` says how it misbehaves."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, _Handler)
        self.mode = "ok"
        self.sales: dict[str, Any] = {}
        self.requests = 0
        self.connections = 0
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Dashboard
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log is the test's own output."""

    def do_GET(self) -> None:
        self._handle(None)

    def do_POST(self) -> None:
        self._handle(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _handle(self, sale: dict[str, Any] | None) -> None:
        server = self.server
        server.requests += 1
        mode = server.mode
        if mode == "hang":
            server.release.wait(10)
        if mode in ("hang", "cut"):
            self.close_connection = True
        elif mode == "503":
            self._answer(503, {"detail": "database unavailable"})
        elif mode == "404":
            self._answer(404, {"detail": "no such thing"})
        elif self.headers["X-API-Key"] != "secret":
            self._answer(401, {"detail": "no key"})
        elif sale is not None:
            server.sales[sale["client_id"]] = sale
            self._answer(201, sale)
        elif self.path.startswith("/api/sales/"):
            found = dict(server.sales[self.path.rpartition("/")[2]])
            if mode == "lie":
                found["quantity"] += 1
            self._answer(404 if mode == "forget" else 200, found)
        else:
            self._answer(200, {"status": "ok", "sales_count": 1})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/api/summary":
            self.send_header("X-Cache", "hit")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    with Dashboard() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


def observer(folder: Path, url: str, *, timeout_s: float = 1.0) -> MeasuringProcess:
    config = ObserverConfig(
        url, str(folder / "probes.jsonl"), str(folder / "history-probe.jsonl"), 20, timeout_s, 100
    )
    return MeasuringProcess("measure.observer", config, folder, {"DASHBOARD_API_KEY": "secret"})


def workload(folder: Path, url: str, *, sql: float = 0, timeout_s: float = 1.0) -> MeasuringProcess:
    config = WorkloadConfig(
        url,
        str(folder / "history-api.jsonl"),
        str(folder / "history-sql.jsonl"),
        str(folder / "workload.jsonl"),
        50,
        sql,
        timeout_s,
        100,
    )
    secrets = {"DASHBOARD_API_KEY": "secret", "DRILL_DSN": "host=127.0.0.1 port=1 user=nobody"}
    return MeasuringProcess("measure.workload", config, folder, secrets)


def lines(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_lines(path: Path, text: str, count: int) -> None:
    wait_until(
        lambda: path.exists() and path.read_text().count(text) >= count,
        timeout_s=10,
        what=f"{count} lines with {text}",
    )


def fates(path: Path) -> Counter[str]:
    return Counter(line["kind"] for line in lines(path) if line["kind"] != "invoke")


def test_observer_sees_a_healthy_service(tmp_path: Path, dashboard: Dashboard) -> None:
    probes, history = tmp_path / "probes.jsonl", tmp_path / "history-probe.jsonl"
    with observer(tmp_path, dashboard.url) as process:
        process.wait_for(probes, '"kind": "write"', 10)
        wait_lines(probes, '"kind": "write"', 20)
        assert process.stop(5) == 0
    seen = lines(probes)
    by_kind = {kind: [line for line in seen if line["kind"] == kind] for kind in ("health", "read", "write")}
    for found in by_kind.values():
        assert len(found) >= 20
        assert {line["outcome"] for line in found} == {"ok"}
        assert all(0 < line["latency"] < 1 and line["late"] >= 0 for line in found)
    assert {line["cache"] for line in by_kind["read"]} == {"hit"}
    assert any(line["kind"] == "tick" for line in seen)
    assert (seen[0]["kind"], seen[-1]["kind"]) == ("start", "end")
    assert seen[-1]["cpu_s"] > 0
    # Every probe is a fresh connection, and every write is in the history before and after.
    assert dashboard.connections == dashboard.requests
    assert fates(history) == {"ok": len(by_kind["write"])}
    invoked = {line["id"]: line["value"] for line in lines(history) if line["kind"] == "invoke"}
    assert invoked == {key: f"{sale['product_id']}x1" for key, sale in dashboard.sales.items()}


@pytest.mark.parametrize(
    ("mode", "read", "write", "status", "fate"),
    [
        ("503", "fail", "unknown", 503, "info"),
        ("404", "fail", "fail", 404, "fail"),
        ("cut", "fail", "unknown", None, "info"),
        ("hang", "fail", "unknown", None, "info"),
        ("lie", "ok", "fail", 200, "ok"),
        ("forget", "ok", "fail", 404, "ok"),
    ],
)
def test_an_answer_is_judged(
    tmp_path: Path, dashboard: Dashboard, mode: str, read: str, write: str, status: int | None, fate: str
) -> None:
    dashboard.mode = mode
    probes, history = tmp_path / "probes.jsonl", tmp_path / "history-api.jsonl"
    timeout_s = 0.3 if mode == "hang" else 5.0
    with (
        observer(tmp_path, dashboard.url, timeout_s=timeout_s) as watching,
        workload(tmp_path, dashboard.url, timeout_s=timeout_s) as writing,
    ):
        wait_lines(probes, '"kind": "write"', 3)
        wait_lines(history, f'"kind": "{fate}"', 10)
        assert (watching.stop(5), writing.stop(5)) == (0, 0)
    seen = lines(probes)
    assert {line["outcome"] for line in seen if line["kind"] == "read"} == {read}
    assert {(line["outcome"], line["status"]) for line in seen if line["kind"] == "write"} == {
        (write, status)
    }
    assert all(line["error"] for line in seen if line.get("outcome", "ok") != "ok")
    assert set(fates(tmp_path / "history-probe.jsonl")) == {fate}
    assert set(fates(history)) == {fate}
    found = lines(history)
    assert Counter(line["id"] for line in found if line["kind"] == "invoke") == Counter(
        line["id"] for line in found if line["kind"] != "invoke"
    )
    assert lines(tmp_path / "workload.jsonl")[-1]["skipped"]["sql"] == 0


def test_a_refused_write_is_certainly_not_done(tmp_path: Path, dashboard: Dashboard) -> None:
    dashboard.server_close()
    probes, history = tmp_path / "probes.jsonl", tmp_path / "history-api.jsonl"
    with observer(tmp_path, dashboard.url) as watching, workload(tmp_path, dashboard.url) as writing:
        wait_lines(probes, '"kind": "write"', 3)
        wait_lines(history, '"kind": "fail"', 5)
        assert (watching.stop(5), writing.stop(5)) == (0, 0)
    assert {line["outcome"] for line in lines(probes) if line["kind"] == "write"} == {"fail"}
    assert set(fates(tmp_path / "history-probe.jsonl")) == {"fail"}
    assert set(fates(history)) == {"fail"}


def test_a_slow_service_does_not_slow_the_probes(tmp_path: Path, dashboard: Dashboard) -> None:
    dashboard.mode = "hang"
    probes = tmp_path / "probes.jsonl"
    with observer(tmp_path, dashboard.url, timeout_s=0.5) as process:
        wait_lines(probes, '"kind": "health"', 20)
        process.stop(5)
    health = sorted(
        (line for line in lines(probes) if line["kind"] == "health"), key=lambda line: float(line["t"])
    )
    gaps = [after["t"] - before["t"] for before, after in pairwise(health)]
    assert statistics.median(gaps) == pytest.approx(0.02, abs=0.005)
    assert all(line["latency"] == pytest.approx(0.5, abs=0.2) for line in health)


def test_a_frozen_observer_shows_as_a_stall(tmp_path: Path, dashboard: Dashboard) -> None:
    probes = tmp_path / "probes.jsonl"
    with observer(tmp_path, dashboard.url) as process:
        wait_lines(probes, '"kind": "tick"', 3)
        before = time.monotonic()
        os.kill(process.pid, signal.SIGSTOP)
        frozen = time.monotonic()
        wait_until(lambda: time.monotonic() > frozen + 0.5, timeout_s=10, what="half a second")
        os.kill(process.pid, signal.SIGCONT)
        wait_lines(probes, '"why": "stalled"', 3)
        process.stop(5)
    worst = max(
        (line for line in lines(probes) if line["kind"] == "tick"), key=lambda line: float(line["late"])
    )
    assert worst["late"] >= 0.4
    assert before - 0.1 <= worst["t"] - worst["late"] <= frozen + 0.1
    assert sum(line["slots"] for line in lines(probes) if line["kind"] == "skip") >= 3 * 20


def test_a_frozen_observer_is_killed_at_the_end(tmp_path: Path, dashboard: Dashboard) -> None:
    probes = tmp_path / "probes.jsonl"
    with observer(tmp_path, dashboard.url) as process:
        wait_lines(probes, '"kind": "tick"', 1)
        os.kill(process.pid, signal.SIGSTOP)
        assert process.alive
        assert process.stop(0.2) == -signal.SIGKILL
    assert "end" not in {line["kind"] for line in lines(probes)}


def test_a_process_that_died_says_why(tmp_path: Path) -> None:
    with observer(tmp_path, "https://nowhere") as process:
        with pytest.raises(ProcessDiedError, match="no http:// address"):
            process.wait_for(tmp_path / "probes.jsonl", "tick", 10)
        with pytest.raises(ProcessDiedError, match="exit status 1"):
            process.check()


_PARENT = """
import os, sys
from itertools import pairwise
from pathlib import Path
sys.path[:0] = {path!r}
from measure.process import MeasuringProcess
from measure.observer import ObserverConfig
folder = Path({folder!r})
config = ObserverConfig({url!r}, str(folder / "probes.jsonl"), str(folder / "h.jsonl"), 20, 1, 100)
process = MeasuringProcess("measure.observer", config, folder)
process.wait_for(folder / "probes.jsonl", "tick", 10)
print(process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_process_does_not_outlive_its_parent(tmp_path: Path, dashboard: Dashboard) -> None:
    script = _PARENT.format(path=sys.path, folder=str(tmp_path), url=dashboard.url)
    subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=False, timeout=30)
    wait_lines(tmp_path / "probes.jsonl", '"kind": "end"', 1)


def test_workload_without_its_database_says_so(tmp_path: Path, dashboard: Dashboard) -> None:
    with (
        workload(tmp_path, dashboard.url, sql=25) as process,
        pytest.raises(ProcessDiedError, match="Connection refused"),
    ):
        process.wait_for(tmp_path / "history-sql.jsonl", "invoke", 10)


def test_ids_grow_and_are_unique() -> None:
    ids = [source.new() for source in (Ids("api"), Ids("api")) for _ in range(5000)]
    assert len(set(ids)) == len(ids)
    assert ids[:5000] == sorted(ids[:5000])
    assert all(len(each) == 30 for each in ids)


def test_ids_grow_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Ids("sql")
    first = source.new()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    assert first < source.new() < source.new()
