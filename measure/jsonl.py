"""Evidence files: one JSON object a line, flushed line by line, read while they still grow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any


class LineWriter:
    """Appends records to a file; each is with the kernel when :meth:`write` returns.

    A process that is killed loses nothing it has written; only a machine that loses power does.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one line.

        :raises OSError: when the disk is full or gone.
        """
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()

    def __enter__(self) -> LineWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LineReader:
    """Reads a growing file from where it last stopped.

    A last line without its end is left for the next call: its writer is in the middle of it, or was killed
    there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def read(self) -> Iterator[dict[str, Any]]:
        """Every complete line that came since the last call; none while there is no file yet.

        :raises ValueError: for a complete line that is not JSON.
        """
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield json.loads(line)
