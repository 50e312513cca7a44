"""The published JSON schema of ``record.json``; after a change, ``python -m reports.schema`` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reports.record import Record

PATH = Path(__file__).with_name("dr-drill-record-1.json")


def schema() -> dict[str, Any]:
    """The schema of what :meth:`reports.record.Record.save` writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:dr-drill:record:1",
        **Record.model_json_schema(by_alias=True, mode="serialization"),
    }


def text() -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
