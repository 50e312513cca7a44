"""The write-ahead journal of faults: ``faults.jsonl`` in the run's folder.

A fault is on disk before it is injected, so that whatever dies in between, another process can undo it::

    inject ──▶ injected ──▶ healed
       └──────────────────────┘  also when the injection itself failed half-way

Each line is whole or void: a line torn by a crash was never acted upon, since the writer acts only after
``fsync``.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from chaos.fault import Fault
from stack.stack import Stack

FILE = "faults.jsonl"


class State(StrEnum):
    """How far a fault has come."""

    INJECT = "inject"
    INJECTED = "injected"
    HEALED = "healed"


@dataclass(frozen=True)
class Entry:
    """A fault in the journal, with the last state that was written.

    :param fault: what :meth:`chaos.fault.Fault.to_journal` gave.
    """

    id: str
    description: str
    fault: Mapping[str, Any]
    state: State


class Journal:
    """The journal of the run in ``run_dir``; any process may append to it."""

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / FILE

    def begin(self, stack: Stack, fault: Fault) -> str:
        """Write ``fault`` down, before it is injected, and return its id. It is on disk afterwards."""
        key = secrets.token_hex(4)
        self._append(
            {
                "id": key,
                "state": State.INJECT,
                "drill_id": stack.drill_id,
                "project": stack.project,
                "run_dir": str(stack.run_dir.resolve()),
                "services": list(fault.targets),
                "description": fault.describe(),
                "fault": fault.to_journal(),
            }
        )
        return key

    def injected(self, key: str) -> None:
        """The fault was seen to be in effect."""
        self._append({"id": key, "state": State.INJECTED})

    def healed(self, key: str) -> None:
        """No trace of the fault is left."""
        self._append({"id": key, "state": State.HEALED})

    def entries(self) -> list[Entry]:
        """Every fault, in the order of injection."""
        found: dict[str, Entry] = {}
        for line in self._lines():
            key, state = line["id"], State(line["state"])
            if state is State.INJECT:
                found[key] = Entry(id=key, description=line["description"], fault=line["fault"], state=state)
            elif key in found:
                found[key] = replace(found[key], state=state)
        return list(found.values())

    def unhealed(self) -> list[Entry]:
        """Every fault that is not known to be healed, the last one first: the order to heal them in."""
        return [entry for entry in reversed(self.entries()) if entry.state is not State.HEALED]

    def _lines(self) -> list[dict[str, Any]]:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return []
        lines = []
        for text in raw.split(b"\n"):
            try:
                line = json.loads(text)
            except ValueError:
                continue  # torn, or the nothing after the last line
            if _is_whole(line):
                lines.append(line)
        return lines

    def _append(self, line: Mapping[str, Any]) -> None:
        stamped = {**line, "t": time.monotonic(), "utc": datetime.now(UTC).isoformat()}
        # A line that an earlier writer left torn must not swallow this one.
        data = b"\n" * self._is_torn() + json.dumps(stamped).encode() + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.write(file, data) != len(data):
                raise OSError(f"{self.path}: the disk took only a part of a line")
            os.fsync(file)
        finally:
            os.close(file)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _is_torn(self) -> bool:
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                if not size:
                    return False
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        except FileNotFoundError:
            return False


def _is_whole(line: object) -> bool:
    if not isinstance(line, dict) or line.get("state") not in list(State):
        return False
    needed = {field.name for field in fields(Entry)} if line["state"] == State.INJECT else {"id"}
    return needed <= line.keys()
