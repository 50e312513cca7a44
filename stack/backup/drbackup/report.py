"""What is told while the work is done: lines on standard error, and one JSON object where it is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping


def say(text: str) -> None:
    """A line of progress."""
    # With its end in one piece: who reads both outputs as one must find each line whole.
    sys.stderr.write(f"drbackup: {text}\n")
    sys.stderr.flush()


def as_json(values: Mapping[str, object]) -> None:
    """The one object on standard output."""
    sys.stdout.write(json.dumps(values, indent=1, default=str) + "\n")
    sys.stdout.flush()


def size(number: int) -> str:
    """Bytes as people read them."""
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} GiB"
