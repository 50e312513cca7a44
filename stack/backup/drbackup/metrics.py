"""What monitoring reads: ``GET /metrics`` in Prometheus' text format, made for each request from what is on disk.

But for how full the vault is: that is asked of the other site now and then, and no scrape waits for it.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from drbackup import layout, report
from drbackup.manifest import KINDS
from drbackup.settings import Settings
from drbackup.status import in_words, recorded
from drbackup.vault import Room, Vault

PORT = 9101
VAULT_EVERY_S = 60.0
_Sample = tuple[str, str, float]
_HELP = {
    "drbackup_backups": "How many backups of a kind there are that were finished.",
    "drbackup_last_success_timestamp_seconds": "When the newest of them was finished, or the work last ended well.",
    "drbackup_last_size_bytes": "Size of the newest backup of a kind.",
    "drbackup_last_run_failed": "1 when the last run of this kind of work failed.",
    "drbackup_vault_expected": "1 when backups and WAL are to be in a second site as well.",
    "drbackup_vault_size_bytes": "Size of the disk that the vault lies on; nothing while it does not answer.",
    "drbackup_vault_used_bytes": "How much of it is used.",
    "drbackup_watched_since_timestamp_seconds": "Since when backups are expected.",
    "drbackup_disk_used_ratio": "How full the volume is that holds this path.",
    "drbackup_disk_free_bytes": "What can still be written to it.",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--port", type=int, default=PORT)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup metrics``: serve until the process is ended."""
    disk = VaultDisk(settings)
    if settings.vault:
        threading.Thread(target=disk.keep_asking, name="vault-disk", daemon=True).start()
    with listening(settings, disk, options.port) as server:
        server.serve_forever()
    return 0


def listening(settings: Settings, disk: VaultDisk, port: int) -> ThreadingHTTPServer:
    """A server that has not begun to answer; port 0 is one that is free."""
    return ThreadingHTTPServer(("", port), partial(_Handler, settings, _since(settings.state), disk))


class VaultDisk:
    """How full the vault's disk is, as it last said.

    A scrape has a second; over a line that is cut, the answer that does not come takes twenty.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._silent = False
        self.room: Room | None = None
        """None when the last question was not answered, and before the first was."""

    def keep_asking(self) -> None:
        """Ask every ``VAULT_EVERY_S`` seconds, until the process ends."""
        while True:
            self.ask()
            time.sleep(VAULT_EVERY_S)

    def ask(self) -> None:
        """Ask once. Why there is no answer is said when it falls silent, and not again every minute."""
        try:
            self.room = Vault.of(self._settings).room()
        except Exception as caught:  # noqa: BLE001 - whatever it meets, it must go on asking
            self.room = None
            if not self._silent:
                report.say(f"metrics: the vault does not say how full it is: {in_words(caught)}")
        self._silent = self.room is None


def text(settings: Settings, since: float, vault: Room | None = None) -> str:
    """The answer to ``GET /metrics``.

    :param since: Unix time from which on backups are expected.
    :param vault: its disk; None where it is not known.
    """
    lines, told = [], set()
    for name, labels, value in sorted((*_samples(settings, since), *_vault_samples(vault))):
        if name not in told:
            told.add(name)
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge"]
        lines.append(f"{name}{{{labels}}} {value}" if labels else f"{name} {value}")
    return "\n".join(lines) + "\n"


def _samples(settings: Settings, since: float) -> Iterator[_Sample]:
    yield "drbackup_vault_expected", "", float(bool(settings.vault))
    yield "drbackup_watched_since_timestamp_seconds", "", since
    for kind in KINDS:
        manifests = [each.manifest for each in layout.listing(settings.root, kind) if each.manifest]
        yield "drbackup_backups", f'kind="{kind}"', float(len(manifests))
        if manifests:
            newest = max(manifests, key=lambda manifest: manifest.finished_utc)
            finished = newest.finished_utc.timestamp()
            yield "drbackup_last_success_timestamp_seconds", f'kind="{kind}"', finished
            yield "drbackup_last_size_bytes", f'kind="{kind}"', float(newest.bytes)
    for status in recorded(settings.state):
        yield "drbackup_last_run_failed", f'kind="{status.work}"', float(bool(status.error))
        if status.succeeded is not None and status.work not in KINDS:
            yield "drbackup_last_success_timestamp_seconds", f'kind="{status.work}"', status.succeeded
    for path in (settings.root, settings.wal_archive):
        if path.is_dir():
            disk = os.statvfs(path)
            used = disk.f_blocks - disk.f_bfree
            yield "drbackup_disk_used_ratio", f'path="{path}"', used / max(1, used + disk.f_bavail)
            yield "drbackup_disk_free_bytes", f'path="{path}"', float(disk.f_bavail * disk.f_frsize)


def _vault_samples(vault: Room | None) -> Iterator[_Sample]:
    """Nothing of what is not known: 0 would be an empty disk."""
    if vault is not None:
        yield "drbackup_vault_size_bytes", "", float(vault.size)
        yield "drbackup_vault_used_bytes", "", float(vault.used)


def _since(state: Path) -> float:
    """When backups were first expected: kept, so that a restart does not forgive those that were missed."""
    kept = state / "since"
    try:
        state.mkdir(parents=True, exist_ok=True)
        kept.touch(exist_ok=True)
        if not kept.read_text(encoding="ascii"):
            kept.write_text(str(time.time()), encoding="ascii")
        return float(kept.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        report.say(f"metrics: since when backups are expected could not be kept: {error}")
        return time.time()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def __init__(self, settings: Settings, since: float, disk: VaultDisk, *args: object) -> None:
        self._settings = settings
        self._since = since
        self._disk = disk
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer a scrape."""
        if self.path != "/metrics":
            self.send_error(404)
            return
        try:
            body = text(self._settings, self._since, self._disk.room).encode()
        except (OSError, ValueError) as error:
            report.say(f"metrics: {error}")
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Every second a line would say nothing."""
