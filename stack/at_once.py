"""The same done to many things of the engine at once: one after the other, each would wait for the engine alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import docker.errors
import requests

T = TypeVar("T")
_AT_ONCE = 16


def at_once(things: Iterable[T], act: Callable[[T], object]) -> None:
    """Do it to all of them; what the engine refuses, or is too slow to do, is passed over.

    Listing them again tells what is left.
    """

    def one(thing: T) -> None:
        with suppress(docker.errors.APIError, requests.exceptions.RequestException):
            act(thing)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, things))
