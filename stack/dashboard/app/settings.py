"""What the environment decides, and the bounds on every wait."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from redis.asyncio.connection import parse_url


class SettingsError(ValueError):
    """An environment variable is missing or wrong; the message names it, never its value."""


@dataclass(frozen=True)
class Settings:
    """Names ending in ``_s`` are seconds.

    :param database_timeout_s: the longest that any request waits for the database, queueing included.
    :param queue_timeout_s: the part of it that may be spent waiting for a free connection.
    :param look_timeout_s: the longest that finding out, over a fresh connection, whether it is there takes.
    :param redis_timeout_s: the longest that any request waits for one command of Redis, connecting included.
    :param retry_every_s: how often a lost dependency is looked for: what an outage is prolonged by, at most.
    """

    api_key: str
    database_url: str
    redis_url: str
    port: int = 8080
    log_level: str = "INFO"
    pool_min: int = 4
    pool_max: int = 16
    pool_waiting: int = 64
    database_timeout_s: float = 0.9
    queue_timeout_s: float = 0.4
    look_timeout_s: float = 0.9
    redis_timeout_s: float = 0.3
    retry_every_s: float = 0.2
    cache_ttl_s: int = 2

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the ``DASHBOARD_*`` variables.

        :raises SettingsError: naming the variable that is missing or wrong.
        """
        log_level = environment.get("DASHBOARD_LOG_LEVEL", "INFO").upper()
        if log_level not in logging.getLevelNamesMapping():
            raise SettingsError("DASHBOARD_LOG_LEVEL is none of DEBUG, INFO, WARNING, ERROR")
        return cls(
            api_key=environment.get("DASHBOARD_API_KEY") or "dev-api-key",
            database_url=_database_url(environment),
            redis_url=_redis_url(environment),
            port=_number(environment, "DASHBOARD_PORT", 8080),
            log_level=log_level,
            cache_ttl_s=_number(environment, "DASHBOARD_CACHE_TTL_S", 2),
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isdecimal() or not 1 <= int(value) <= 65535:
        raise SettingsError(f"{name} is not a whole number from 1 to 65535")
    return int(value)


def _database_url(environment: Mapping[str, str]) -> str:
    value = _required(environment, "DASHBOARD_DATABASE_URL")
    try:
        conninfo_to_dict(value)
    except ProgrammingError:
        # Without the cause: it quotes the value, and that has a password in it.
        raise SettingsError("DASHBOARD_DATABASE_URL is no connection string of PostgreSQL") from None
    return value


def _redis_url(environment: Mapping[str, str]) -> str:
    value = _required(environment, "DASHBOARD_REDIS_URL")
    try:
        parse_url(value)
    except ValueError:
        raise SettingsError("DASHBOARD_REDIS_URL is no URL as redis://host:6379/0") from None
    return value
