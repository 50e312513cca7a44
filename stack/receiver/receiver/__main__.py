"""``python3 -m receiver``: listen on port 8000."""

from __future__ import annotations

from receiver.server import Receiver


def main() -> None:
    """Serve until SIGTERM."""
    with Receiver(("0.0.0.0", 8000)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
