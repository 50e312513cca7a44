"""What Prometheus may know; the alert rules use some of these names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("dashboard_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "dashboard_request_seconds",
    "Time to answer, in seconds",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
CACHE_HITS = Counter("dashboard_cache_hits_total", "Summaries served from Redis")
CACHE_MISSES = Counter(
    "dashboard_cache_misses_total", "Summaries made because Redis did not have one, and kept there"
)
CACHE_BYPASS = Counter(
    "dashboard_cache_bypass_total", "Summaries made because Redis could not be read or written"
)
CACHE_UP = Gauge("dashboard_cache_up", "Whether the dashboard takes Redis for reachable")
DB_QUERIES = Counter(
    "dashboard_db_queries_total", "Statements sent to the database; health checks are not counted"
)
DB_ERRORS = Counter("dashboard_db_errors_total", "Statements that failed because of the database")
DB_UP = Gauge("dashboard_db_up", "Whether the dashboard takes the database for reachable")
