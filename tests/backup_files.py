"""Backups on disk as the tool would have made them, for tests that need no server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from drbackup import layout
from drbackup.manifest import File, Kind, Manifest
from drbackup.seal import sha256

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def made(root: Path, kind: Kind, days: float, wal_lsn: str | None = None) -> Path:
    """A backup that is so many days old at :data:`NOW`; whole, under its name, with its manifest."""
    when = NOW - timedelta(days=days)
    with layout.partial(root, kind) as place:
        content = place / "content"
        files = None
        if kind == "base":
            content.mkdir()
            (content / "base.tar").write_bytes(b"cluster")
            (content / "backup_manifest").write_bytes(b"{}")
            files = {path.name: File(path.stat().st_size, sha256(path)) for path in content.iterdir()}
        else:
            content.write_bytes(b"rows")
        digest = files["backup_manifest"].sha256 if files else sha256(content)
        size = sum(file.bytes for file in files.values()) if files else 4
        manifest = Manifest(
            kind, layout.name(kind, when), size, digest, when, when, wal_lsn=wal_lsn, timeline=1, files=files
        )
        return layout.publish(content, manifest, root)


def spoil(path: Path) -> None:
    """Change a byte of a backup, and not its size."""
    file = path / "base.tar" if path.is_dir() else path
    file.write_bytes(b"X" + file.read_bytes()[1:])
