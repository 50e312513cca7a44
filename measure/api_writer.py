"""Sales through the dashboard's API, each with its fate."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import TracebackType

import httpx

from measure.history import Fate, History, fate_of_status
from measure.names import Names, UnresolvedError
from measure.sale import Sale

_NEVER_SENT = (UnresolvedError, httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class ApiWriter:
    """Sells one piece at a time, on connections that are kept open, as a till would.

    :param timeout_s: bounds each sale in all, not each of its reads.
    :param connections: as many as sales can be in flight.
    :param names: who is asked for the address of the URL's host; None: this machine, as usual.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        history: History,
        products: int,
        timeout_s: float,
        connections: int,
        names: Names | None = None,
    ) -> None:
        self._url = httpx.URL(url)
        self._names = names
        self._client = httpx.AsyncClient(
            headers={
                "X-API-Key": api_key,
                "User-Agent": "dr-drill-workload",
                "Host": self._url.netloc.decode("ascii"),
            },
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=timeout_s,
            trust_env=False,
        )
        self.connections = connections
        self._history = history
        self._products = products
        self._timeout_s = timeout_s
        self._sales = itertools.count()

    async def write(self, due: float) -> None:
        """Sell once and record it. ``due`` is no matter here: history has the true times."""
        sale = Sale.number(next(self._sales), self._products)
        operation = self._history.invoke(sale.value)
        deadline = time.monotonic() + self._timeout_s
        try:
            where = await self._where(deadline)
            async with asyncio.timeout_at(deadline):
                answer = await self._client.post(where, json=sale.body(operation.id))
        except _NEVER_SENT:
            fate = Fate.FAIL
        except (httpx.TransportError, TimeoutError):
            fate = Fate.INFO
        else:
            fate = fate_of_status(answer.status_code)
        self._history.settle(operation, fate)

    async def _where(self, deadline: float) -> httpx.URL:
        """The address of the endpoint just now; connections to the one before are left to themselves."""
        url = self._url.copy_with(path="/api/sales")
        if self._names is None:
            return url
        address = await self._names.address(self._url.host, deadline)
        return url.copy_with(host=address)

    async def __aenter__(self) -> ApiWriter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()
        self._history.close()
