"""Toxiproxy's API: the one adapter around ``toxiproxy-python``.

That library (0.1.1) sends without time-outs, takes a 500 for an answer, keeps host and port as class
attributes that every user shares, and creates proxies on 127.0.0.1. Here each instance has its own consumer
class, with its own address; every call is bounded; every refusal is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists
from toxiproxy.toxic import Toxic

from stack.stack import Stack

SERVICE = "toxiproxy"
PORT = 8474
TIMEOUT_S = 5.0


class ToxiproxyError(Exception):
    """Toxiproxy did not answer, or refused."""


@dataclass(frozen=True)
class Proxy:
    """A proxy as it is just now; ``toxics`` are its toxics' names."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[str, ...]


class Toxiproxy:
    """One Toxiproxy, at ``host``:``port``."""

    def __init__(self, host: str, port: int) -> None:
        self.address = f"{host}:{port}"
        # A class of its own: the library's keeps the address of whoever set it last.
        self._api: Any = type("Consumer", (APIConsumer,), {"host": host, "port": port})

    @classmethod
    def of(cls, stack: Stack, service: str = SERVICE) -> Toxiproxy:
        """The one of ``stack``, where it is published just now.

        :raises LookupError: when it is not published, as while it is down.
        """
        return cls(*stack.address(service, PORT))

    def proxies(self) -> dict[str, Proxy]:
        """Every proxy by its name.

        :raises ToxiproxyError: as every method does, when there is no good answer within 5 s.
        """
        found = self._call("get", "/proxies").json()
        return {name: _proxy(values) for name, values in found.items()}

    def proxy(self, name: str) -> Proxy:
        """The proxy ``name``."""
        return _proxy(self._call("get", f"/proxies/{name}").json())

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Let the proxy ``name`` through, or cut it: its connections are closed and new ones refused."""
        self._call("post", f"/proxies/{name}", json={"enabled": enabled})

    def add_toxic(self, proxy: str, toxic: Toxic) -> None:
        """Add ``toxic`` to ``proxy``. Its toxicity is drawn for each link: anything but 1.0 is a lottery."""
        self._call(
            "post",
            f"/proxies/{proxy}/toxics",
            json={
                "name": toxic.name,
                "type": toxic.type,
                "stream": toxic.stream,
                "toxicity": toxic.toxicity,
                "attributes": toxic.attributes,
            },
        )

    def remove_toxic(self, proxy: str, toxic: str) -> None:
        """Remove the toxic of that name, if it is there."""
        if toxic in self.proxy(proxy).toxics:
            self._call("delete", f"/proxies/{proxy}/toxics/{toxic}")

    def reset(self) -> None:
        """Enable every proxy and remove every toxic: what populating again does not do."""
        self._call("post", "/reset")

    def _call(self, method: str, path: str, **content: Mapping[str, Any]) -> requests.Response:
        try:
            response: requests.Response = getattr(self._api, method)(path, timeout=TIMEOUT_S, **content)
            response.raise_for_status()
        except (requests.exceptions.RequestException, NotFound, InvalidToxic, ProxyExists) as error:
            raise ToxiproxyError(f"toxiproxy at {self.address}: {method.upper()} {path}: {error}") from error
        return response


def _proxy(values: Mapping[str, Any]) -> Proxy:
    toxics = tuple(sorted(Toxic(**toxic).name for toxic in values["toxics"]))
    return Proxy(values["name"], values["listen"], values["upstream"], values["enabled"], toxics)
