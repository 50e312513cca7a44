"""The cache's RDB (DRP, Backup Strategy 2): a BGSAVE that has really finished, and a copy that is one.

The plan copies dump.rdb right after ``redis-cli BGSAVE``, which only starts the save: the copy is of the one before.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from drbackup import layout, report
from drbackup.errors import Cannot
from drbackup.lock import only_run
from drbackup.manifest import Manifest
from drbackup.programs import run as run_program
from drbackup.seal import sealed, sha256
from drbackup.settings import Settings
from drbackup.status import remembered

_ANSWER_S = 10.0
_SAVE_S = 300.0
_POLL_S = 0.1


def arguments(parser: argparse.ArgumentParser) -> None:
    """This command has none."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup redis``."""
    with only_run(settings.root), remembered(settings.state, "redis"):
        make(settings)
    return 0


def make(settings: Settings) -> Manifest:
    """Have the cache saved, fetch it, check it, publish it; with the lock held.

    :raises Cannot: when there is no good RDB; nothing is left then.
    """
    started = datetime.now(UTC)
    try:
        with layout.partial(settings.root, "redis") as place:
            version = _info(settings, "server")["redis_version"]
            _save(settings)
            path = place / "dump.rdb"
            _cli(settings, "--rdb", str(path), timeout_s=_SAVE_S)
            run_program(["redis-check-rdb", str(path)], timeout_s=_SAVE_S)
            kept = sealed(settings, path)
            manifest = Manifest(
                kind="redis",
                file=layout.name("redis", started) + (layout.AGE if kept != path else ""),
                bytes=kept.stat().st_size,
                sha256=sha256(kept),
                started_utc=started,
                finished_utc=datetime.now(UTC),
                server_version=version,
                encrypted=kept != path,
            )
            layout.publish(kept, manifest, settings.root)
    except OSError as error:
        raise Cannot(f"no RDB: {error}") from error
    except (LookupError, ValueError) as error:
        raise Cannot(f"no RDB: Redis gives an answer that nobody knows: {error!r}") from error
    report.say(f"redis {manifest.file}, {report.size(manifest.bytes)}, checked")
    return manifest


def _save(settings: Settings) -> None:
    """BGSAVE, and wait for its end. LASTSAVE counts in seconds: the save must end in a later one than the last."""
    before = int(_cli(settings, "LASTSAVE"))
    deadline = time.monotonic() + _SAVE_S
    while int(_cli(settings, "TIME").split()[0]) <= before:
        _pause(deadline)
    _cli(settings, "BGSAVE", "SCHEDULE")
    while True:
        state = _info(settings, "persistence")
        if state["rdb_bgsave_in_progress"] == "0":
            if state["rdb_last_bgsave_status"] != "ok":
                raise Cannot("no RDB: Redis says that its BGSAVE failed")
            if int(_cli(settings, "LASTSAVE")) > before:
                return
        _pause(deadline)


def _pause(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise Cannot(f"no RDB: BGSAVE did not end within {_SAVE_S:g} s")
    time.sleep(_POLL_S)


def _info(settings: Settings, section: str) -> dict[str, str]:
    lines = _cli(settings, "INFO", section).splitlines()
    return {name: value for name, found, value in (line.partition(":") for line in lines) if found}


def _cli(settings: Settings, *command: str, timeout_s: float = _ANSWER_S) -> str:
    """Ask Redis; an error that it answers is an exit status (``-e``)."""
    return run_program(["redis-cli", "-e", "-u", settings.redis_url, *command], timeout_s=timeout_s).strip()
