"""What the environment says of the stack; as in the Compose file, a variable that is empty counts as unset."""

from __future__ import annotations

import os


def api_key() -> str:
    """The key that the dashboard asks its clients for."""
    return os.environ.get("DASHBOARD_API_KEY") or "dev-api-key"


def postgres_password() -> str:
    """The password of the database's superuser."""
    return os.environ.get("DRILL_POSTGRES_PASSWORD") or "postgres"


def dns_name() -> str:
    """The name by which clients know the dashboard, wherever it is served."""
    return os.environ.get("DRILL_DNS_NAME") or "dashboard.drill.test"
