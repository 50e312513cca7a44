"""``python3 -m app``: serve."""

from __future__ import annotations

import uvicorn

from app.api import create_app
from app.logs import configure
from app.settings import Settings


def main() -> None:
    """Serve until SIGTERM; what is in flight then has two seconds."""
    configure()
    settings = Settings.from_environment()
    uvicorn.run(
        create_app(settings),
        host="0.0.0.0",
        port=settings.port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=2,
        backlog=1024,
    )


if __name__ == "__main__":
    main()
