"""The configuration that matters, as a tarball, and the release that it belongs to (DRP, Backup Strategy 3)."""

from __future__ import annotations

import argparse
import re
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from drbackup import layout, report
from drbackup.errors import Bad, Cannot
from drbackup.lock import only_run
from drbackup.manifest import Manifest
from drbackup.seal import sealed, sha256
from drbackup.settings import Settings
from drbackup.status import remembered

# The plan's own example is v1.0.0-prod.
_RELEASE = re.compile(r"v\d+\.\d+\.\d+-prod")


def arguments(parser: argparse.ArgumentParser) -> None:
    """This command has none."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup config``."""
    with only_run(settings.root), remembered(settings.state, "config"):
        make(settings)
    return 0


def make(settings: Settings) -> Manifest:
    """Pack the configuration, read it back, publish it; with the lock held.

    :raises Cannot: when there is no whole tarball; nothing is left then.
    """
    started = datetime.now(UTC)
    try:
        with layout.partial(settings.root, "config") as place:
            path = place / "config.tar.gz"
            count = _pack(settings.config, path)
            kept = sealed(settings, path)
            manifest = Manifest(
                kind="config",
                file=layout.name("config", started) + (layout.AGE if kept != path else ""),
                bytes=kept.stat().st_size,
                sha256=sha256(kept),
                started_utc=started,
                finished_utc=datetime.now(UTC),
                encrypted=kept != path,
            )
            layout.publish(kept, manifest, settings.root)
    except (OSError, tarfile.TarError) as error:
        raise Cannot(f"no config: {error}") from error
    report.say(f"config {manifest.file}, {report.size(manifest.bytes)}, {count} files")
    return manifest


def check_release(git: Path) -> None:
    """That a tag marks a release.

    :raises Bad: when none does.
    """
    if not releases(git):
        raise Bad(f"{git} has no tag of a release, as v1.0.0-prod: the plan's primary backup of the code")


def releases(git: Path) -> list[str]:
    """The tags of a repository that mark a production release.

    :param git: the repository, or its ``.git``; git itself is not needed.
    """
    folder = git / ".git" if (git / ".git").is_dir() else git
    names = {path.name for path in (folder / "refs" / "tags").glob("*")}
    packed = folder / "packed-refs"
    if packed.is_file():
        names |= set(re.findall(r"refs/tags/(\S+)", packed.read_text(encoding="utf-8")))
    return sorted(name for name in names if _RELEASE.fullmatch(name))


def _pack(source: Path, target: Path) -> int:
    """Pack every file under ``source``, and read the tarball back to its end.

    :returns: how many files there are in it.
    """
    there = {path.relative_to(source).as_posix(): path for path in source.rglob("*") if path.is_file()}
    if not there:
        raise Cannot(f"no config: there is nothing in {source}")
    with tarfile.open(target, "w:gz", dereference=True) as tar:
        for name, path in sorted(there.items()):
            tar.add(path, name)
    with tarfile.open(target) as tar:
        packed = {member.name: member.size for member in tar}
    if packed != {name: path.stat().st_size for name, path in there.items()}:
        raise Cannot(f"no config: {source} changed while it was packed")
    return len(packed)
