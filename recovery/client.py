"""The service as its clients reach it: through the edge, with the API key, a fresh connection each time."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import httpx

from stack.environment import api_key
from stack.stack import Stack


class Client:
    """A client of one stack. The edge's address is looked up for every request: a restart changes it.

    :param timeout_s: of one request, in seconds, where it has none of its own.
    """

    def __init__(self, stack: Stack, timeout_s: float) -> None:
        self._stack = stack
        self._http = httpx.Client(
            headers={"X-API-Key": api_key(), "User-Agent": "dr-runbook"},
            timeout=timeout_s,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: Any = None, timeout_s: float | None = None) -> httpx.Response:
        """One request to the service.

        :raises httpx.HTTPError: when there is no answer, also while the edge publishes no port.
        """
        try:
            url = self._stack.url("edge", 80)
        except LookupError as error:
            raise httpx.ConnectError(str(error)) from error
        timeout = self._http.timeout if timeout_s is None else httpx.Timeout(timeout_s)
        return self._http.request(method, f"{url}{path}", json=body, timeout=timeout)

    def ask_there(self, address: str, port: int, name: str, path: str) -> httpx.Response:
        """One question to whoever answers to ``name`` at an address that was resolved already.

        :raises httpx.HTTPError: when there is no answer.
        """
        return self._http.get(f"http://{address}:{port}{path}", headers={"Host": f"{name}:{port}"})

    def series(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers to an instant query.

        :raises httpx.HTTPError: when it does not answer.
        :raises LookupError: while it publishes no port.
        """
        answer = self._http.get(
            f"{self._stack.url('prometheus', 9090)}/api/v1/query", params={"query": query}
        )
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def targets(self) -> list[dict[str, Any]]:
        """What Prometheus is to scrape, and how its last attempt at each went.

        :raises httpx.HTTPError: when it does not answer.
        :raises LookupError: while it publishes no port.
        """
        answer = self._http.get(
            f"{self._stack.url('prometheus', 9090)}/api/v1/targets", params={"state": "active"}
        )
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["activeTargets"]
        return found
