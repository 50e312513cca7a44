"""One pass over a compressed dump: what it is, whether it is whole, and what is in it.

``gunzip -t``, the DRP's verification, answers one question of these: whether the gzip stream agrees with its own
checksum. An empty file that was gzipped does, and so does a dump that was cut off before it was. All is bounded in
memory, whatever the dump's size, the length of its rows or the ratio of its compression. isal inflates three times as
fast as zlib.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from isal import igzip_lib

READ = 1 << 16  # bytes; what is inflated from it stays in the processor's cache
INFLATED = 1 << 17
LONGEST_LINE = (
    1 << 16
)  # of what is looked at outside the rows: a statement may be longer, its beginning tells

# pg_dump writes it last; since 17.6 a \unrestrict may follow, for psql.
_END = re.compile(rb"--\n-- PostgreSQL database dump complete\n--\n\n(?:\\unrestrict \w+\n\n?)?\Z")
_END_LENGTH = 512
_ENTRY = re.compile(rb"-- (?:Data for )?Name: (.*); Type: ([A-Z ]+); Schema: (.*?); Owner: ")
_COPY = re.compile(
    rb'COPY ("(?:[^"]|"")+"|[^".(\s]+)\.("(?:[^"]|"")+"|[^".(\s]+) (?:\(.*\) )?FROM stdin;\Z', re.DOTALL
)
_VERSION = re.compile(rb"-- Dumped from database version (\S+)")
_ROWS_END = b"\n\\.\n"  # a value that reads \. is written \\. : it cannot be mistaken
# isal's stub takes the class for one of its errors.
_IsalError: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]


class BadGzip(Exception):
    """The file is not one whole gzip stream; the message completes "the dump …"."""


@dataclass
class Contents:
    """What a dump says that it holds. Tables are named ``schema.table``, unquoted.

    :ivar tables: those that the table of contents names, each with its rows; None where no data follow.
    """

    server_version: str | None = None
    tables: dict[str, int | None] = field(default_factory=dict)


@dataclass
class DumpScan:
    """What one pass found.

    :ivar size: bytes, compressed.
    :ivar raw_size: bytes, inflated, as far as they could be.
    :ivar gzip_fault: why it is no whole gzip stream; None when it is one.
    :ivar complete: it ends as pg_dump ends a dump.
    :ivar contents: None when they were not asked for.
    """

    sha256: str
    size: int
    raw_size: int
    members: int
    gzip_fault: str | None
    complete: bool
    contents: Contents | None


def scan(path: Path, *, contents: bool = True) -> DumpScan:
    """Read the dump at ``path`` once.

    :param contents: look at the table of contents and count the rows, too.
    :raises OSError: when it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        return scan_stream(file, contents=contents)


def scan_stream(
    file: IO[bytes], *, contents: bool = True, sink: Callable[[bytes], object] | None = None
) -> DumpScan:
    """As :func:`scan`, of what an open file or a pipe gives; it is read to its end whatever is found.

    :param sink: is given all that the dump inflates to, as it comes.
    """
    source = _Hashed(file)
    reader = ContentsReader() if contents else None
    raw_size, end, fault = 0, b"", None
    inflater = _Inflater(source)
    try:
        for data in inflater.chunks():
            raw_size += len(data)
            end = data[-_END_LENGTH:] if len(data) >= _END_LENGTH else (end + data)[-_END_LENGTH:]
            if reader is not None:
                reader.feed(data)
            if sink is not None:
                sink(data)
    except BadGzip as error:
        fault = str(error)
    source.exhaust()
    return DumpScan(
        sha256=source.hash.hexdigest(),
        size=source.size,
        raw_size=raw_size,
        members=inflater.members,
        gzip_fault=fault,
        complete=fault is None and _END.search(end) is not None,
        contents=None if reader is None else reader.finish(),
    )


class _Hashed:
    """A file whose every byte that is read is hashed and counted."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def read(self) -> bytes:
        """The next bytes; none at the end."""
        data = self._file.read(READ)
        self.hash.update(data)
        self.size += len(data)
        return data

    def exhaust(self) -> None:
        """Read to the end."""
        while self.read():
            pass


class _Inflater:
    """Inflates the members of a gzip file, one after the other."""

    def __init__(self, source: _Hashed) -> None:
        self._source = source
        self.members = 0

    def chunks(self) -> Iterator[bytes]:
        """What the file inflates to, at most ``INFLATED`` bytes at a time.

        :raises BadGzip: where the stream breaks, ends too early, or is followed by something else.
        """
        data = self._source.read()
        if not data:
            raise BadGzip("is empty: not even a gzip header")
        while data:
            # Fewer than two bytes cannot be told from the start of a member yet.
            if len(data) < 2:
                data += self._source.read()
            if not data.startswith(b"\x1f\x8b"):
                where = f"is followed by something else after {self.members} whole gzip member(s)"
                raise BadGzip(where if self.members else "is no gzip file: it does not begin as one")
            data = yield from self._member(data)
            self.members += 1
            data = data or self._source.read()

    def _member(self, data: bytes) -> Generator[bytes, None, bytes]:
        inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        while True:
            try:
                inflated = inflater.decompress(data, INFLATED)
            except (_IsalError, EOFError) as error:
                raise BadGzip(f"is damaged: {error} in the {self._source.size} bytes read so far") from error
            if inflated:
                yield inflated
            if inflater.eof:
                return inflater.unused_data
            data = b""
            if inflater.needs_input:
                data = self._source.read()
                if not data:
                    raise BadGzip(f"ends in the middle of its gzip stream, after {self._source.size} bytes")


class ContentsReader:
    """Follows a plain dump as it is inflated, and keeps of it the table of contents and the number of rows."""

    def __init__(self) -> None:
        self._found = Contents()
        self._rows_announced = False  # only then is a COPY one of pg_dump's, and no line of a function's body
        self._line = b""  # outside the rows: the beginning of a line whose end has not been seen
        self._table: str | None = None  # whose rows are being read
        self._rows = 0
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """Read on."""
        while data:
            data = self._statements(data) if self._table is None else self._count(data)

    def finish(self) -> Contents:
        """What was found; the rows of a table whose end was not reached are not counted."""
        return self._found

    def _statements(self, data: bytes) -> bytes:
        """Read lines up to the rows of a table; what is left."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = (
                self._line + data[start : min(end, start + LONGEST_LINE)] if self._line else data[start:end]
            )
            self._line = b""
            start = end + 1
            if line.startswith((b"-- ", b"COPY ")) and self._look_at(line):
                return data[start:]
        self._line = (self._line + data[start : start + LONGEST_LINE])[:LONGEST_LINE]
        return b""

    def _look_at(self, line: bytes) -> bool:
        """Take what a line says; true when rows follow."""
        if line.startswith(b"COPY "):
            copy = _COPY.match(line)
            if copy is None or not self._rows_announced:
                return False
            self._rows_announced = False
            self._table = f"{_plain(copy[1])}.{_plain(copy[2])}"
            self._rows, self._tail = 0, b"\n"
            return True
        if entry := _ENTRY.match(line):
            name, kind, schema = (part.decode("utf-8", "replace") for part in entry.groups())
            self._rows_announced = kind == "TABLE DATA"
            if kind == "TABLE":
                self._found.tables.setdefault(f"{schema}.{name}", None)
        elif version := _VERSION.match(line):
            self._found.server_version = version[1].decode("utf-8", "replace")
        return False

    def _count(self, data: bytes) -> bytes:
        """Count the rows of the table up to its end; what is left."""
        known = len(self._tail)
        data = self._tail + data
        end = data.find(_ROWS_END)
        if end < 0:
            self._rows += data.count(b"\n", known)
            self._tail = data[1 - len(_ROWS_END) :]
            return b""
        self._rows += data.count(b"\n", known, end + 1)
        if self._table is not None:
            self._found.tables[self._table] = (self._found.tables.get(self._table) or 0) + self._rows
        self._table = None
        return data[end + len(_ROWS_END) :]


def _plain(identifier: bytes) -> str:
    """An SQL identifier without its quotes."""
    text = identifier.decode("utf-8", "replace")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
