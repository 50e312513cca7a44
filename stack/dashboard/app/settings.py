"""What the environment decides."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Addresses, the API key, and the bounds on every wait (seconds)."""

    api_key: str
    database_url: str
    redis_url: str
    port: int = 8080
    pool_size: int = 8
    pool_waiting: int = 64
    database_timeout_s: float = 1.0
    redis_timeout_s: float = 0.25
    retry_after_s: float = 0.25
    cache_ttl_s: int = 2

    @classmethod
    def from_environment(cls) -> Settings:
        """:raises KeyError: naming the variable that is missing."""
        return cls(
            api_key=os.environ["DASHBOARD_API_KEY"],
            database_url=os.environ["DASHBOARD_DATABASE_URL"],
            redis_url=os.environ["DASHBOARD_REDIS_URL"],
        )
