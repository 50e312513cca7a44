"""``drbackup verify``: the DRP's Test 3, from cheap to certain.

Each depth includes those before it: ``present`` (there, fresh, as big as usual), ``checksum`` (SHA-256 against the
manifest, gzip, complete dump), ``contents`` (every table of the manifest, rows counted; pg_verifybackup, redis-check-
rdb, tar), ``wal`` (no gap from each base to the newest segment, and none from there to where the server writes),
``restore`` (the newest dump and base in a scratch server). Each backup is OK, or has the first fault that was found.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from drbackup.errors import Bad, Cannot
from drbackup.fence import refuse_unless_active
from drbackup.findings import DEPTHS, Depth, Fault, Finding, reaches, summary
from drbackup.layout import listing
from drbackup.manifest import KINDS, Manifest
from drbackup.report import as_json, say
from drbackup.settings import Settings
from drbackup.status import remembered
from drbackup.verify_contents import check_contents
from drbackup.verify_present import Expected, check_present, kinds_made, missing
from drbackup.verify_wal import (
    archiver_of,
    check_base_wal,
    check_newest,
    read_log,
    standstill,
    wal_folders,
)

FORMAT = "dr-verify/1"
WORK = "verify"
KEPT_FROM: Depth = "restore"
NO_KEY = "it is encrypted, and DRBACKUP_AGE_IDENTITY_FILE names no key"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--depth", choices=DEPTHS, default="wal", help="how deep to look (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--dir", type=Path, help="the folder of the backups, in place of DRBACKUP_ROOT")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Verify; 0 when all is OK. How a run as deep as cron's weekly one ended is kept.

    :raises Bad: naming what is not.
    :raises Cannot: when the folder is not there, or this site does not serve, and its state would be judged.
    """
    with _kept(settings, options):
        bad = [finding for finding in _told_findings(settings, options) if not finding.ok]
        if bad:
            named = ", ".join(f"{finding.name} ({finding.fault})" for finding in bad[:3])
            more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
            raise Bad(f"verify: found bad: {named}{more}")
    return 0


@contextmanager
def _kept(settings: Settings, options: argparse.Namespace) -> Iterator[None]:
    """Keep how it ends, whoever calls it: only of a run that restores, and of what this site is to be judged by.

    A quick one that is good must not end the alert that a deep one has begun, nor count as the week's.

    :raises Cannot: in the site that does not serve: what is there is old, and nobody is to be woken by it each week.
    """
    if options.dir or not reaches(options.depth, KEPT_FROM):
        yield
        return
    try:
        refuse_unless_active(settings)
    except Cannot as error:
        raise Cannot(f"{error}; to verify what is here all the same: --dir {settings.root}") from error
    with remembered(settings.state, WORK):
        yield


def _told_findings(settings: Settings, options: argparse.Namespace) -> list[Finding]:
    """What verification finds, after it has been printed.

    :raises Cannot: when the folder is not there.
    """
    root = options.dir or settings.root
    if not root.is_dir():
        raise Cannot(f"{root} is no folder that is there")
    began = time.monotonic()
    expected = replace(
        Expected.from_environment(settings.database, datetime.now(UTC)),
        kinds=kinds_made(root, settings.state if root == settings.root else None),
    )
    findings = verify(root, settings, options.depth, expected)
    took = time.monotonic() - began
    result = f"{summary(findings)} in {took:.1f} s (depth: {options.depth})"
    if options.json:
        as_json(
            {
                "format": FORMAT,
                "root": str(root),
                "depth": options.depth,
                "ok": sum(finding.ok for finding in findings),
                "total": len(findings),
                "seconds": round(took, 3),
                "findings": [{**asdict(finding), "ok": finding.ok} for finding in findings],
            }
        )
        say(result)
    else:
        for finding in findings:
            print(line(finding))
        print(result)
    return findings


def line(finding: Finding) -> str:
    """One finding for people."""
    if finding.fault is None:
        return f"✔ {finding.name}  {finding.sentence}".rstrip()
    return f"✘ {finding.name}  {finding.fault}: {finding.sentence}"


@dataclass(frozen=True)
class _Task:
    """One backup, as a process of the pool is given it."""

    path: Path
    manifest: Manifest
    depth: Depth
    identity: Path | None
    scratch: Path


def verify(root: Path, settings: Settings, depth: Depth, expected: Expected) -> list[Finding]:
    """Look at every backup below ``root``, as deep as ``depth``.

    :returns: a finding for each backup, for each kind that must be there and is not, and from ``wal`` on for the log.
    """
    found: dict[Path, Finding] = {}
    suspicions: dict[Path, Fault] = {}
    tasks: list[_Task] = []
    for kind in KINDS:
        siblings = listing(root, kind)
        if not siblings and kind in expected.kinds:
            found[root / kind] = Finding(kind, kind, None, "", None).failed(missing(kind))
        for backup in siblings:
            finding = Finding(kind, backup.path.name, None, "", "present")
            try:
                present = check_present(backup, siblings, expected)
            except Fault as fault:
                finding = finding.failed(fault)
            else:
                tasks.append(
                    _Task(backup.path, present.manifest, depth, settings.age_identity, settings.scratch)
                )
                if present.suspicion:
                    suspicions[backup.path] = present.suspicion
            found[backup.path] = finding
    if reaches(depth, "checksum"):
        for path, finding in _look_into(tasks):
            found[path] = finding
    if reaches(depth, "wal"):
        _follow_the_log(root, settings, tasks, found)
    if reaches(depth, "restore"):
        from drbackup.verify_restore import restore_newest

        good = [task.path for task in tasks if found[task.path].ok]
        for path, finding in restore_newest(root, settings, good):
            found[path] = finding
    for path, suspicion in suspicions.items():
        if found[path].ok:
            found[path] = found[path].failed(suspicion)
    return list(found.values())


def _look_into(tasks: Sequence[_Task]) -> Iterator[tuple[Path, Finding]]:
    """Look at the backups' contents on all cores, the biggest first; each as it is done."""
    ordered = sorted(tasks, key=lambda task: task.manifest.bytes, reverse=True)
    workers = min(len(ordered), len(os.sched_getaffinity(0)))
    if workers < 2:
        pairs = ((task.path, _look(task)) for task in ordered)
        yield from _told(pairs, len(ordered))
        return
    with ProcessPoolExecutor(workers) as pool:
        running = {pool.submit(_look, task): task.path for task in ordered}
        try:
            yield from _told(((running[done], done.result()) for done in as_completed(running)), len(ordered))
        finally:
            pool.shutdown(cancel_futures=True)


def _told(pairs: Iterator[tuple[Path, Finding]], total: int) -> Iterator[tuple[Path, Finding]]:
    for number, (path, finding) in enumerate(pairs, start=1):
        say(f"{number}/{total} {line(finding)}")
        yield path, finding


def _look(task: _Task) -> Finding:
    finding = Finding(task.manifest.kind, task.path.name, None, "", None)
    try:
        reached = check_contents(task.path, task.manifest, task.depth, task.identity, task.scratch)
    except Fault as fault:
        return finding.failed(fault)
    except Bad as error:
        return finding.failed(Fault("unreadable", str(error)))
    except (OSError, subprocess.SubprocessError) as error:
        return finding.failed(Fault("unreadable", f"it cannot be read: {error}"))
    shallow = reached == "checksum" and task.depth != "checksum"
    sentence = f"only its checksum: {NO_KEY}" if shallow else ""
    return Finding(task.manifest.kind, task.path.name, None, sentence, reached)


def _follow_the_log(
    root: Path, settings: Settings, tasks: Sequence[_Task], found: dict[Path, Finding]
) -> None:
    bases = [task for task in tasks if task.manifest.kind == "base"]
    folders = wal_folders(root, settings)
    say(f"following the WAL in {', '.join(map(str, folders)) or 'no folder'} from {len(bases)} base(s)")
    archiver = archiver_of(settings)
    # Where the command fails that is known, and is what is to be told.
    behind = standstill(settings) if archiver and not archiver.failing else None
    log = read_log(folders, bases[-1].manifest.system_identifier if bases else None)
    for task in bases:
        finding = found[task.path]
        if not finding.ok:
            continue
        try:
            route = check_base_wal(task.manifest, log)
        except Fault as fault:
            found[task.path] = finding.failed(fault)
        else:
            end = f"rolls forward to {route.newest}"
            # Of one that is encrypted, and there is no key, it stays said that its contents were not looked at.
            reached: Depth | None = "wal" if finding.reached == "contents" else finding.reached
            sentence = "; ".join(filter(None, (finding.sentence, end)))
            found[task.path] = replace(finding, sentence=sentence, reached=reached)
    finding = Finding("wal", "wal", None, "", "wal")
    try:
        finding = Finding("wal", "wal", None, check_newest(log, archiver, behind), "wal")
    except Fault as fault:
        finding = finding.failed(fault)
    found[root / "wal"] = finding
