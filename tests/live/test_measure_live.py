"""Observer, workload, baseline and survivors on a real dashboard and PostgreSQL that are mistreated."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from chaos.pause_container import PauseContainer
from measure import baseline, ledger, load, observation, survivors
from measure.compare import database_load, rows_per_second
from measure.notifications import Notifications
from measure.observer import ObserverConfig
from measure.process import MeasuringProcess
from measure.timeline import in_a_row, resolution_at
from measure.workload import WorkloadConfig
from stack.stack import Stack
from stack.wait import wait_until

pytestmark = pytest.mark.live

WRITERS = ("api", "sql", "probe")
REACHED_S, STOPPED_S = 60, 20


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The part of the stack that sells: edge, dashboard, their stores; and the receiver of notifications."""
    part = Stack(f"measure-{secrets.token_hex(3)}", tmp_path_factory.mktemp("run"))
    try:
        part.compose("up", "-d", "--wait", "edge", "receiver", timeout_s=150)
        yield part
    finally:
        part.down()


class Measured:
    """Observer and workload with their files; at less than the plan's rates, since other tests run beside these."""

    def __init__(self, shop: Stack, folder: Path) -> None:
        self.folder = folder
        self.probes = folder / "probes.jsonl"
        self.dsn = shop.dsn()
        self.before = baseline.take(self.dsn)
        url = shop.url("edge", 80)
        self._observer = ObserverConfig(url, str(self.probes), self.history("probe"), 50, 2.0, 5000)
        self._workload = WorkloadConfig(
            url, self.history("api"), self.history("sql"), str(folder / "workload.jsonl"), 20, 10, 2.0, 5000
        )

    def history(self, writer: str) -> str:
        return str(self.folder / f"history-{writer}.jsonl")

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            load = MeasuringProcess("measure.workload", self._workload, self.folder, {"DRILL_DSN": self.dsn})
            stack.enter_context(load)
            observer = stack.enter_context(MeasuringProcess("measure.observer", self._observer, self.folder))
            observer.wait_for(self.probes, '"outcome": "ok"', REACHED_S)
            for writer in ("api", "sql"):
                load.wait_for(Path(self.history(writer)), '"kind": "ok"', REACHED_S)
            yield
            assert load.stop(STOPPED_S) == 0
            assert observer.stop(STOPPED_S) == 0

    def fates(self, writer: str) -> Counter[str]:
        lines = Path(self.history(writer)).read_text().splitlines()
        return Counter(json.loads(line)["kind"] for line in lines)

    def ids(self, writer: str) -> list[str]:
        """Of the operations, in the order in which they were sent."""
        lines = map(json.loads, Path(self.history(writer)).read_text().splitlines())
        return [line["id"] for line in lines if line["kind"] == "invoke"]

    def wait_fates(self, writer: str, fate: str, more: int) -> None:
        """Wait until ``more`` further operations have come to ``fate``."""
        wanted = self.fates(writer)[fate] + more
        wait_until(
            lambda: self.fates(writer)[fate] >= wanted,
            timeout_s=REACHED_S,
            what=f"{more} more {fate} of {writer}",
            why_not=lambda: str(self.fates(writer)),
        )

    def wait_good(self, n: int) -> None:
        """Wait until ``n`` probes of each kind in a row have been good, and none has been bad since."""

        def good() -> bool:
            found = observation.load(self.probes)
            bad = [probe.seen for probe in found.all() if not probe.good]
            return in_a_row(found, max(bad, default=0.0), n) is not None

        wait_until(good, timeout_s=REACHED_S, every_s=0.2, what=f"{n} good probes of each kind in a row")

    def check(self) -> ledger.LedgerResult:
        """What the ledger says of all that was written, with the end of the load as the fault."""
        history = self.folder / "history.jsonl"
        history.write_bytes(b"".join(Path(self.history(writer)).read_bytes() for writer in WRITERS))
        survivors.read(self.dsn, self.before, self.folder / "survivors.jsonl")
        end = load.load([history]).acks[-1]
        return ledger.check(history, self.folder / "survivors.jsonl", end, 0.0)


@pytest.fixture
def measured(shop: Stack, tmp_path: Path) -> Measured:
    return Measured(shop, tmp_path)


def test_a_healthy_stack(measured: Measured) -> None:
    first = database_load(measured.dsn)
    with measured.running():
        measured.wait_fates("api", "ok", 60)
    rate = rows_per_second(first, database_load(measured.dsn))
    assert rate is not None
    assert rate > 20
    found = observation.load(measured.probes)
    assert found.ended
    assert {probe.outcome for probe in found.all()} == {"ok"}
    # "bypass" where Redis took longer than the dashboard waits for it, as on a machine that others use.
    assert "hit" in {probe.cache for probe in found.probes["read"]} <= {"hit", "miss", "bypass"}
    result = measured.check()
    assert (result.verdict, result.reasons) == ("PASS", ())
    assert result.attempted == result.acked == result.survived >= 90
    assert baseline.compare(measured.before, measured.dsn) == []
    wanted = {each for writer in ("api", "sql") for each in measured.ids(writer)[:2]}
    survivors.read(measured.dsn, baseline.take(measured.dsn), measured.folder / "earlier.jsonl", list(wanted))
    rows = (measured.folder / "earlier.jsonl").read_text().splitlines()
    assert {json.loads(row)["id"] for row in rows} == wanted


def test_a_dashboard_that_is_killed(shop: Stack, measured: Measured) -> None:
    with measured.running():
        measured.wait_fates("api", "ok", 20)
        shop.container("dashboard").kill()
        measured.wait_fates("probe", "info", 10)
        shop.container("dashboard").start()
        measured.wait_fates("api", "ok", 50)
        measured.wait_good(10)
    found = observation.load(measured.probes)
    for kind in ("health", "read", "write"):
        failed = [probe for probe in found.probes[kind] if not probe.good]
        assert len(failed) >= 10
        assert (resolution_at(found, failed[-1].t) or 9) < 3.0
    # SQL goes past the dashboard, and must not have noticed.
    assert set(measured.fates("sql")) == {"invoke", "ok"}
    assert measured.check().reasons == ()


def test_a_database_that_is_mistreated(shop: Stack, measured: Measured) -> None:
    def ask(statement: str) -> None:
        with psycopg.connect(measured.dsn, autocommit=True) as connection:
            connection.execute(statement)

    with measured.running():
        measured.wait_fates("sql", "ok", 10)
        # A definite no: the server rolled it back.
        before = measured.fates("sql")
        ask("ALTER TABLE dr_ledger.entries ADD CONSTRAINT full_up CHECK (false) NOT VALID")
        measured.wait_fates("sql", "fail", 10)
        ask("ALTER TABLE dr_ledger.entries DROP CONSTRAINT full_up")
        measured.wait_fates("sql", "ok", 5)
        assert measured.fates("sql")["info"] == before["info"] == 0
        # Sessions that are killed may take a commit with them; new ones are opened.
        ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'dr-drill-workload'"
        )
        measured.wait_fates("sql", "ok", 5)
        # A frozen server acknowledges packets and answers nothing: only our own time-out ends the wait.
        PauseContainer(shop, "postgres").inject()
        try:
            measured.wait_fates("sql", "info", 1)
            measured.wait_fates("sql", "fail", 1)
        finally:
            shop.container("postgres").unpause()
        measured.wait_fates("sql", "ok", 20)
        measured.wait_fates("api", "ok", 20)
    # Whatever was said of a write's fate is true: nothing acknowledged is lost, nothing that failed is there.
    result = measured.check()
    assert (result.lost, result.phantom, result.duplicate, result.corrupt) == (0, 0, 0, 0)
    assert baseline.compare(measured.before, measured.dsn) == []


@pytest.mark.parametrize(
    ("break_it", "mend_it", "said"),
    [
        (
            "UPDATE products SET price_cents = price_cents + 1 WHERE id = 17",
            "UPDATE products SET price_cents = price_cents - 1 WHERE id = 17",
            "products has all 5000 rows from before the load, but their content changed",
        ),
        (
            "UPDATE products SET stock = stock - 1 WHERE id IN (3, 4, 5, 6, 7)",
            "UPDATE products SET stock = stock + 1 WHERE id IN (3, 4, 5, 6, 7)",
            "stock is not initial stock less sales: product 3 has",
        ),
        (
            "UPDATE sales SET quantity = quantity + 1 WHERE id = 99",
            "UPDATE sales SET quantity = quantity - 1 WHERE id = 99",
            "their content changed",
        ),
        (
            "CREATE TABLE kept AS SELECT * FROM sales WHERE id = 99; DELETE FROM sales WHERE id = 99",
            "INSERT INTO sales OVERRIDING SYSTEM VALUE SELECT * FROM kept; DROP TABLE kept",
            "rows that were there before the load",
        ),
        (
            "ALTER TABLE dr_ledger.entries RENAME TO hidden",
            "ALTER TABLE dr_ledger.hidden RENAME TO entries",
            "dr_ledger.entries has 0 of the",
        ),
    ],
    ids=["changed price", "moved stock", "changed sale", "deleted sale", "lost table"],
)
def test_a_baseline_that_changed(measured: Measured, break_it: str, mend_it: str, said: str) -> None:
    with measured.running():
        measured.wait_fates("sql", "ok", 3)
    before = baseline.take(measured.dsn)
    with psycopg.connect(measured.dsn, autocommit=True) as connection:
        connection.execute(break_it)
        found = baseline.compare(before, measured.dsn)
        connection.execute(mend_it)
    assert said in "\n".join(found)
    assert baseline.compare(before, measured.dsn) == []


def test_rows_of_unknown_origin_survive_as_they_are(measured: Measured) -> None:
    with measured.running():
        measured.wait_fates("sql", "ok", 3)
    with psycopg.connect(measured.dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO dr_ledger.entries SELECT id, value FROM dr_ledger.entries"
            " ORDER BY written_at DESC LIMIT 1"
        )
        connection.execute("INSERT INTO dr_ledger.entries VALUES ('nobody', 'nothing')")
    result = measured.check()
    assert (result.duplicate, result.phantom, result.verdict) == (1, 1, "FAIL")


def test_a_page_arrives_from_a_receiver_that_was_restarted(shop: Stack, tmp_path: Path) -> None:
    def ring(name: str) -> None:
        page = {
            "event_action": "trigger",
            "routing_key": "drill",
            "dedup_key": name,
            "payload": {
                "summary": f"{name}!",
                "source": "test",
                "severity": "critical",
                "custom_details": {"alertname": name},
            },
        }
        httpx.post(f"{shop.url('receiver', 8000)}/pagerduty", json=page).raise_for_status()

    ring("Old")
    with Notifications(lambda: shop.url("receiver", 8000), tmp_path / "notifications.jsonl") as notifications:
        ring("RedisDown")
        first = notifications.wait_first(["Old", "RedisDown"], "pagerduty", 0.0, 5.0)
        assert first is not None
        assert (first.alerts, first.status, first.summary) == (("RedisDown",), "firing", "RedisDown!")
        # Another port, and another memory.
        shop.container("receiver").restart(timeout=1)
        wait_until(
            lambda: httpx.get(f"{shop.url('receiver', 8000)}/health").is_success,
            timeout_s=20,
            what="its return",
        )
        ring("DashboardDown")
        assert notifications.wait_first(["DashboardDown"], "pagerduty", first.t, 10.0)
