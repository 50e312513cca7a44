"""What a command answers in JSON, among the progress that it prints beside it."""

from __future__ import annotations

import json
from typing import Any


def answer_of(output: str) -> dict[str, Any] | None:
    """The JSON object among what a command printed, begun and ended on lines of their own; None: there is none."""
    lines = output.splitlines()
    try:
        start = lines.index("{")
        found = json.loads("\n".join(lines[start : lines.index("}", start) + 1]))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
