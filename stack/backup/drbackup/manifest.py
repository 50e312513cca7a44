"""The manifest: what a backup says of itself. Written last, so that what has none is no backup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

FORMAT = "dr-backup/1"
Kind = Literal["dump", "base", "redis", "config"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_DIGEST_LENGTH = 64


class ManifestError(ValueError):
    """A manifest that is not there, not whole, or not what it should be; names its file."""


@dataclass(frozen=True)
class Table:
    """One table in the snapshot of a dump: see :mod:`drbackup.contents`."""

    rows: int
    hash: str


@dataclass(frozen=True)
class NextValue:
    """What a sequence would give next, and by how much it goes on from there; a negative step counts down."""

    value: int
    step: int


@dataclass(frozen=True)
class File:
    """One file of a base backup, as it lies on disk."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """One backup. What a kind of backup does not know of itself is None; so is what an older version did not keep.

    :param file: its name in its kind's folder; of a base, its folder's name.
    :param bytes: of the file on disk; of a base, of all its files.
    :param sha256: of the file on disk; of a base, of its ``backup_manifest``.
    :param wal_lsn: of a dump, a position before its snapshot; of a base, where its WAL begins.
    :param wal_end_lsn: of a base, the position from which on it is consistent.
    :param tables: of a dump, each table's rows and content, by ``schema.table``.
    :param definitions: of a dump, the SHA-256 of how each thing beside the rows is defined, by what it is and its
        name, as ``index public.sales_pkey``.
    :param sequences: of a dump, where each sequence was when it began, by ``schema.sequence``.
    :param roles: of a dump, the roles that the server had: it says who owns what, and they are in no dump.
    :param files: of a base, each of its files.
    """

    kind: Kind
    file: str
    bytes: int
    sha256: str
    started_utc: datetime
    finished_utc: datetime
    server_version: str | None = None
    database: str | None = None
    system_identifier: str | None = None
    wal_lsn: str | None = None
    wal_end_lsn: str | None = None
    timeline: int | None = None
    tables: Mapping[str, Table] | None = None
    definitions: Mapping[str, str] | None = None
    sequences: Mapping[str, NextValue] | None = None
    roles: tuple[str, ...] | None = None
    files: Mapping[str, File] | None = None
    encrypted: bool = False

    def to_json(self) -> str:
        """The manifest as it is written."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, default=_utc) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str) -> Manifest:
        """Read what :meth:`to_json` has written.

        :param name: what to call it in an error.
        :raises ManifestError: for anything else.
        """
        try:
            return _read(json.loads(text))
        except (KeyError, TypeError, ValueError) as error:
            raise ManifestError(f"{name} is no manifest: {error}") from error


def read(path: Path) -> Manifest:
    """The manifest in ``path``.

    :raises ManifestError: when there is none that can be read.
    """
    try:
        found = path.stat()
        return _read_once(path, found.st_ino, found.st_mtime_ns, found.st_size)
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path.name} cannot be read: {error}") from error


@lru_cache(maxsize=1024)
def _read_once(path: Path, inode: int, mtime_ns: int, size: int) -> Manifest:
    """Read a file once, as long as it is the same: monitoring asks each second, and many tables take their time."""
    return Manifest.from_json(path.read_text(encoding="utf-8"), path.name)


def _utc(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} cannot be written to a manifest")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _read(values: object) -> Manifest:
    if not isinstance(values, dict):
        raise TypeError("it is not an object")
    if values.pop("format", None) != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    unknown = values.keys() - Manifest.__dataclass_fields__.keys()
    if unknown:
        raise ValueError(f"it has unknown fields: {', '.join(sorted(unknown))}")
    kind = values["kind"]
    if kind not in KINDS:
        raise ValueError(f"there is no kind {kind!r}")
    manifest = Manifest(
        kind=kind,
        file=_is(values, "file", str),
        bytes=_is(values, "bytes", int),
        sha256=_digest(values["sha256"]),
        started_utc=_time(values["started_utc"]),
        finished_utc=_time(values["finished_utc"]),
        server_version=_may_be(values, "server_version", str),
        database=_may_be(values, "database", str),
        system_identifier=_may_be(values, "system_identifier", str),
        wal_lsn=_may_be(values, "wal_lsn", str),
        wal_end_lsn=_may_be(values, "wal_end_lsn", str),
        timeline=_may_be(values, "timeline", int),
        tables=_each(values.get("tables"), lambda v: Table(_is(v, "rows", int), _is(v, "hash", str))),
        definitions=_each(values.get("definitions"), _digest),
        sequences=_each(
            values.get("sequences"), lambda v: NextValue(_is(v, "value", int), _is(v, "step", int))
        ),
        roles=_names(values.get("roles")),
        files=_each(values.get("files"), lambda v: File(_is(v, "bytes", int), _digest(v["sha256"]))),
        encrypted=_is(values, "encrypted", bool),
    )
    if not manifest.file or "/" in manifest.file or manifest.file.startswith("."):
        raise ValueError(f"{manifest.file!r} is not the name of a backup")
    if manifest.bytes < 0 or manifest.finished_utc < manifest.started_utc:
        raise ValueError("its size or its times are impossible")
    return manifest


def _is(values: Mapping[str, Any], name: str, kind: type) -> Any:
    value = values[name]
    if type(value) is not kind:
        raise TypeError(f"{name} is {value!r}")
    return value


def _may_be(values: Mapping[str, Any], name: str, kind: type) -> Any:
    return None if values.get(name) is None else _is(values, name, kind)


def _each(values: Any, make: Any) -> Any:
    if values is None:
        return None
    if not isinstance(values, dict):
        raise TypeError(f"{values!r} has no names")
    return {name: make(value) for name, value in values.items()}


def _names(values: Any) -> tuple[str, ...] | None:
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise TypeError(f"{values!r} are no names")
    return tuple(values)


def _digest(value: object) -> str:
    if not isinstance(value, str) or len(value) != _DIGEST_LENGTH or set(value) - set("0123456789abcdef"):
        raise ValueError(f"{value!r} is no SHA-256")
    return value


def _time(value: object) -> datetime:
    if not isinstance(value, str) or not value.endswith("Z"):
        raise ValueError(f"{value!r} is no time in UTC")
    return datetime.fromisoformat(value)
