"""Writes the schema of the record into its file."""

from reports.schema import PATH, text

PATH.write_text(text(), encoding="utf-8")
