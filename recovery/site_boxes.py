"""The boxes of DRP Scenario 5, examined in the site that serves, and as a client sees it who knows a name alone."""

from __future__ import annotations

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from measure import baseline
from measure.baseline import Baseline
from plan.duration import format_duration
from plan.model import DrillSettings
from recovery.boxes import Examine, Finding
from recovery.client import Client
from recovery.database_boxes import DatabaseBoxes
from stack.stack import WORLD_SERVICES, Stack

_UNOWNED = "SELECT count(*) FROM sales s LEFT JOIN products p ON p.id = s.product_id WHERE p.id IS NULL"


class SiteBoxes:
    """Examines a site that has taken over.

    :param stack: the site that is to serve.
    :param before: the data that was there before the disaster; None where nobody has recorded it.
    """

    def __init__(
        self, stack: Stack, client: Client, before: Baseline | None, settings: DrillSettings
    ) -> None:
        self._stack = stack
        self._client = client
        self._before = before
        self._paths = [
            path
            for method, path in (endpoint.split() for endpoint in settings.endpoints)
            if method == "GET" and "{" not in path
        ]
        self._ttl = settings.dns_ttl
        self._timeout_s = settings.request_timeout.total_seconds()
        self._database = DatabaseBoxes(stack, client, before)

    @property
    def examiners(self) -> dict[str, Examine]:
        """By the ids of the boxes."""
        return {
            "all-running": self.running,
            "database-restored": self.restored,
            "dns-updated": self.named,
            "clients-reach-api": self.reached,
            "data-consistent": self.consistent,
        }

    def running(self) -> Finding:
        """Every service of the Compose file runs in this site, and is healthy; so is what is in neither site."""
        wanted = sorted({*self._stack.compose("config", "--services").split(), *WORLD_SERVICES})
        bad = []
        for service in wanted:
            try:
                state = self._stack.container(service).attrs["State"]
            except LookupError:
                bad.append(f"{service} is not there")
                continue
            health = (state.get("Health") or {}).get("Status", "without a health check")
            if (state["Status"], health) != ("running", "healthy"):
                bad.append(f"{service} is {state['Status']}, {health}")
        evidence = f"{len(wanted) - len(bad)} of {len(wanted)} services healthy in site {self._stack.site}"
        return Finding(not bad, "; ".join([evidence, *bad]))

    def restored(self) -> Finding:
        """The database takes writes, and every row of every table can be read; those of before are there."""
        accepting = self._database.accepting()
        if not accepting.holds:
            return accepting
        tables = self._database.tables()
        return Finding(tables.holds, f"{accepting.evidence}; {tables.evidence}")

    def named(self) -> Finding:
        """The name server itself is asked: the name gives this site's address, and not for too long."""
        try:
            address, ttl = self._look_up()
        except (dns.exception.DNSException, OSError, LookupError) as error:
            return Finding(False, f"the name server gives none: {error or type(error).__name__}")
        here = self._edge()
        if here is None:
            return Finding(False, f"{self._stack.name} is {address}; site {self._stack.site} has no way in")
        longest = self._ttl.total_seconds()
        return Finding(
            address == here[0] and ttl <= longest,
            f"{self._stack.name} is {address} for {ttl} s; site {self._stack.site} is {here[0]}, "
            f"{format_duration(self._ttl)} are allowed",
        )

    def reached(self) -> Finding:
        """A client that knows the name gets answers: as they come from where the name points."""
        try:
            address, _ = self._look_up()
        except (dns.exception.DNSException, OSError, LookupError) as error:
            return Finding(False, f"the name cannot be resolved: {error or type(error).__name__}")
        here = self._edge()
        if here is None:
            return Finding(False, f"site {self._stack.site} has no way in")
        port = here[1]
        answers = {
            path: self._client.ask_there(address, port, self._stack.name, path).status_code
            for path in self._paths
        }
        told = ", ".join(f"{path} HTTP {status}" for path, status in answers.items())
        return Finding(
            all(status == 200 for status in answers.values()), f"by name, at {address}:{port}: {told}"
        )

    def consistent(self) -> Finding:
        """Stock is initial stock less sales, every sale is of a product, and nothing of before has changed."""
        try:
            dsn = self._stack.dsn()
        except LookupError as error:
            return Finding(False, str(error))
        with baseline.connect(dsn) as connection:
            row = connection.execute(_UNOWNED).fetchone()
        unowned = int(row[0]) if row else 0
        wrong = [f"{unowned} sales are of no product"] if unowned else []
        if self._before is None:
            broken = baseline.take(dsn).broken_stock
            wrong += [f"stock is not initial stock less sales: {each}" for each in broken[:3]]
        else:
            wrong += baseline.compare(self._before, dsn)
        evidence = "stock is initial stock less sales, every sale is of a product"
        if self._before is not None:
            evidence += ", the content of before is unchanged"
        return Finding(not wrong, "; ".join(wrong) or evidence)

    def _edge(self) -> tuple[str, int] | None:
        """Where the site's way in is published; None: it has none."""
        try:
            return self._stack.address("edge", 80)
        except LookupError:
            return None

    def _look_up(self) -> tuple[str, int]:
        """The address that the name server gives for the name just now, and its time to live in seconds."""
        host, port = self._stack.address("dns", 53, "udp")
        query = dns.message.make_query(self._stack.name, dns.rdatatype.A)
        answer = dns.query.udp(query, host, port=port, timeout=self._timeout_s)
        for found in answer.answer:
            for record in found:
                if record.rdtype == dns.rdatatype.A:
                    return str(record), int(found.ttl)
        raise OSError(f"{self._stack.name} has no address there")
