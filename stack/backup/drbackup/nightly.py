"""What cron calls every night: make one backup of each kind, copy them off the site, thin out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime

from drbackup import base, config, dump, offsite, redis, report, retention
from drbackup.errors import Bad, Cannot
from drbackup.lock import only_run
from drbackup.settings import Settings
from drbackup.status import record


def arguments(parser: argparse.ArgumentParser) -> None:
    """This command has none."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup nightly``: one that fails does not stop the others; but nothing is removed on a night when one did.

    :raises Bad: naming each that failed.
    :raises Cannot: when another run is at it.
    """
    steps: list[tuple[str, Callable[[], object]]] = [
        ("dump", lambda: dump.make(settings)),
        ("base", lambda: base.make(settings)),
        ("redis", lambda: redis.make(settings)),
        ("config", lambda: config.make(settings)),
    ]
    if settings.vault:
        steps.append(("offsite", lambda: offsite.copy(settings)))
    else:
        report.say("no vault is set (DRBACKUP_VAULT): these backups are on this site alone")
    with only_run(settings.root):
        failed = [name for name, step in steps if not _went_well(settings, name, step)]
        if failed:
            report.say("retention: nothing is removed after a failure")
        elif not _went_well(settings, "retention", lambda: retention.thin_out(settings, datetime.now(UTC))):
            failed.append("retention")
    if failed:
        raise Bad(f"nightly: failed: {', '.join(failed)}")
    report.say("nightly: all is well")
    return 0


def _went_well(settings: Settings, name: str, step: Callable[[], object]) -> bool:
    error = ""
    try:
        step()
    except (Bad, Cannot, OSError) as caught:
        error = str(caught)
        report.say(f"{name}: {error}")
    try:
        record(settings.state, name, error)
    except OSError as caught:
        report.say(f"{name}: how it ended could not be kept: {caught}")
    return not error
