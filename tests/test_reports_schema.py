"""The published schema of the record is current, and records are valid by it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from reports.schema import PATH, text
from tests.sample_record import sample


def test_published_schema_is_current() -> None:
    assert PATH.read_text(encoding="utf-8") == text(), "write it anew: python -m reports.schema"


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(PATH.read_text(encoding="utf-8")))


def test_records_are_valid(tmp_path: Path) -> None:
    sample(tmp_path)
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    schema = json.loads(PATH.read_text(encoding="utf-8"))
    jsonschema.validate(record, schema, cls=jsonschema.Draft202012Validator)
    record["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate(record, schema, cls=jsonschema.Draft202012Validator)
