"""What a command answers in JSON, among the progress that it prints beside it."""

from __future__ import annotations

import json
import re
from typing import Any


def answer_of(output: str) -> dict[str, Any] | None:
    """The first JSON object of several lines among what a command printed; None: there is none."""
    for brace in re.finditer(r"\{\n", output):
        try:
            found, _ = json.JSONDecoder().raw_decode(output, brace.start())
        except ValueError:
            continue
        return found if isinstance(found, dict) else None
    return None
