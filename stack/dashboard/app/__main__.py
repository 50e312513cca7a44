"""``python3 -m app``: serve."""

from __future__ import annotations

import sys

import uvicorn

from app.api import create_app
from app.logs import configure
from app.settings import Settings, SettingsError


def main() -> int:
    """Serve until SIGTERM; what is in flight then has a second to finish.

    :returns: 2 when the environment is wrong, after saying so on standard error; 0 otherwise.
    """
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 2
    configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host="0.0.0.0",
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=1024,
        limit_concurrency=512,
        timeout_graceful_shutdown=1,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
