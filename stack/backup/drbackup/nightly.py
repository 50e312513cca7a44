"""What cron calls every night: make one backup of each kind, copy them off the site, thin out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime

from drbackup import base, config, dump, offsite, redis, report, retention
from drbackup.errors import Bad
from drbackup.fence import refuse_unless_active
from drbackup.lock import only_run
from drbackup.settings import Settings
from drbackup.status import in_words, remembered

_RELEASE = "release"


def arguments(parser: argparse.ArgumentParser) -> None:
    """This command has none."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup nightly``: one that fails does not stop the others; but nothing is removed on a night when one did.

    Except for the release's tag: without one, there are backups all the same.

    :raises Bad: naming each that failed.
    :raises Cannot: when another run is at it, or the other site serves.
    """
    refuse_unless_active(settings)
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
    if git := settings.git:
        steps.append((_RELEASE, lambda: config.check_release(git)))
    with only_run(settings.root):
        failed = [name for name, step in steps if not _went_well(settings, name, step)]
        if set(failed) - {_RELEASE}:
            report.say("retention: nothing is removed after a failure")
        elif not _went_well(settings, "retention", lambda: retention.thin_out(settings, datetime.now(UTC))):
            failed.append("retention")
    if failed:
        raise Bad(f"nightly: failed: {', '.join(failed)}")
    report.say("nightly: all is well")
    return 0


def _went_well(settings: Settings, name: str, step: Callable[[], object]) -> bool:
    try:
        with remembered(settings.state, name):
            step()
    except Exception as caught:  # noqa: BLE001 - whatever one step meets, the others are to be made
        report.say(f"{name}: {in_words(caught)}")
        return False
    return True
