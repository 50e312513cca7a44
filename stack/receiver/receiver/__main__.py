"""``python3 -m receiver``: listen on port 8000."""

from __future__ import annotations

import os

from receiver.server import Receiver
from receiver.switch import PATIENCE_S


def main() -> None:
    """Serve until SIGTERM. ``RECEIVER_PATIENCE_S``: for how long the dead man's switch need not be heard."""
    patience_s = float(os.environ.get("RECEIVER_PATIENCE_S") or PATIENCE_S)
    with Receiver(("0.0.0.0", 8000), patience_s) as server, server.switch:
        server.serve_forever()


if __name__ == "__main__":
    main()
