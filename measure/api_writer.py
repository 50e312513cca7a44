"""Sales through the dashboard's API, each with its fate."""

from __future__ import annotations

import asyncio
import itertools
from types import TracebackType

import httpx

from measure.history import Fate, History, fate_of_status
from measure.sale import Sale

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class ApiWriter:
    """Sells one piece at a time, on connections that are kept open, as a till would.

    :param timeout_s: bounds each sale in all, not each of its reads.
    :param connections: as many as sales can be in flight.
    """

    def __init__(
        self, url: str, api_key: str, history: History, products: int, timeout_s: float, connections: int
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"X-API-Key": api_key, "User-Agent": "dr-drill-workload"},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=timeout_s,
            trust_env=False,
        )
        self.connections = connections
        self._history = history
        self._products = products
        self._timeout_s = timeout_s
        self._sales = itertools.count()

    async def write(self, late: float) -> None:
        """Sell once and record it. ``late`` is no matter here: history has the true times."""
        sale = Sale.number(next(self._sales), self._products)
        operation = self._history.invoke(sale.value)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.post("/api/sales", json=sale.body(operation.id))
        except _NEVER_SENT:
            fate = Fate.FAIL
        except (httpx.TransportError, TimeoutError):
            fate = Fate.INFO
        else:
            fate = fate_of_status(answer.status_code)
        self._history.settle(operation, fate)

    async def __aenter__(self) -> ApiWriter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()
        self._history.close()
