"""DRP Scenario 4, "Storage Disk Full": make room, without a backup that is needed, then restart who had none."""

from __future__ import annotations

from functools import partial

from plan.model import Plan
from recovery.disk import DF, HOLDER, NO_ROOM, parse, too_full
from recovery.runbook import Condition, Hands, Runbook, Rung, Step

NAME = "disk-full"
WRITERS = ("postgres", "redis", "backup")
"""Who writes to the volumes."""

_IN_HOLDER = f"docker exec --user root {{{HOLDER}}}"
_DF = f"{_IN_HOLDER} sh -c '{DF}'"
_LARGE = (
    f"{_IN_HOLDER} sh -c 'du -s -h /hold/*;"
    ' find /hold -type f -size +1M -printf "%k kB %p\\n" | sort -rn | head -n 20\''
)
# What nobody keeps has a hidden name; but for WAL on its way into the archive, and for what is drbackup's own. Whatever
# else lies at the top of a volume may be somebody's: the plan's own archive of the configuration does, and so may a
# dump that was made by hand.
_REMOVE = (
    f"{_IN_HOLDER} find /hold/postgres /hold/wal /hold/redis /hold/backups -maxdepth 1 -ignore_readdir_race"
    " -type f -size +1M -name '.*' ! -name '.*.part' ! -name '.drbackup*' -print -delete"
)
_COMPRESS = (
    f"{_IN_HOLDER} find /hold -ignore_readdir_race -type f -path '*/log/*.log' -mtime +0 -print"
    " -exec gzip -f {} +"
)
_METRICS = "docker exec {backup} curl -fsS -m 5 http://127.0.0.1:9101/metrics"
_FAILED = "drbackup_last_run_failed{"


def runbook(plan: Plan) -> Runbook:
    """The runbook, with the plan's titles, times and limit."""
    scenario = plan.scenarios[NAME]
    timeout_s = plan.drill.step_timeout.total_seconds()
    validation_s = plan.drill.validation_timeout.total_seconds()
    limit = plan.drill.disk_used
    room = f"every volume is less than {limit:.0%} full"
    return Runbook(
        name=NAME,
        section=scenario.heading,
        diagnose=Rung(
            "diagnose",
            (
                Step(
                    *scenario.named(1),
                    _DF,
                    room,
                    timeout_s,
                    wrong=partial(_is_too_full, limit),
                    note="asked of the holder, which mounts every volume: the database may be down just then",
                ),
                Step(*scenario.named(2), _LARGE, "what takes the room", timeout_s),
            ),
        ),
        ladder=(
            Rung(
                "clean",
                (
                    Step(
                        *scenario.named(3),
                        "docker exec {backup} drbackup retention",
                        "what the retention no longer needs is gone",
                        plan.drill.backup_timeout.total_seconds(),  # it reads what it keeps in place of others
                        verifies=True,
                        note="not by age alone: deleting after 7 days breaks the plan's own 30, and takes the "
                        "last good backup when there is none newer",
                    ),
                    Step(
                        scenario.section(3),
                        "Remove large files that nobody keeps",
                        _REMOVE,
                        "their names",
                        timeout_s,
                        note="added to the plan's step: where no backup is too old, it would free nothing",
                    ),
                    Step(
                        *scenario.named(4),
                        _COMPRESS,
                        "the names of logs that nobody writes to any more",
                        timeout_s,
                        note="those on the volumes; the containers' own are the engine's, which rotates them: "
                        "compressing one that is open frees nothing and loses what is written next",
                    ),
                    *(
                        Step(
                            *scenario.named(5),
                            f"docker compose restart --timeout 20 {service}",
                            "it is started anew",
                            timeout_s + 20,
                            when=Condition(
                                "only when it has met a full disk", partial(_had_room, service, timeout_s)
                            ),
                            note="not all services: who has met no full disk holds nothing, and clients would notice",
                        )
                        for service in WRITERS
                    ),
                    Step(
                        *scenario.named(6),
                        _DF,
                        room,
                        timeout_s,
                        verifies=True,
                        patience_s=validation_s,
                        wrong=partial(_is_too_full, limit),
                    ),
                    Step(
                        scenario.section(6),
                        "Make the backup that failed",
                        "docker exec {backup} backup_database.sh",
                        "all is well",
                        plan.drill.backup_timeout.total_seconds(),
                        verifies=True,
                        when=Condition("only when the last one failed", partial(_backed_up, timeout_s)),
                        note="added to the plan: room alone does not make good for the backup that is missing",
                    ),
                ),
            ),
        ),
        monitor=Rung(
            "monitor",
            (
                Step(
                    scenario.section(6),
                    "Check that there is still room",
                    _DF,
                    room,
                    timeout_s,
                    wrong=partial(_is_too_full, limit),
                ),
            ),
        ),
        validation_timeout_s=validation_s,
    )


def _is_too_full(limit: float, df: str) -> str:
    shares = parse(df)
    return too_full(shares, limit) if shares else "it does not say how full the volumes are"


def _had_room(service: str, timeout_s: float, hands: Hands) -> str:
    """Why a service need not be restarted; one whose log cannot be read is."""
    started = hands.run(f"docker inspect --format {{{{.State.StartedAt}}}} {{{service}}}", timeout_s)
    log = hands.run(f"docker logs --since {started.output.strip()} {{{service}}}", timeout_s)
    if not started.ok or not log.ok or NO_ROOM in log.output:
        return ""
    return f"since it was started, {service} has not met a full disk"


def _backed_up(timeout_s: float, hands: Hands) -> str:
    """Why no backup need be made again."""
    ran = hands.run(_METRICS, timeout_s)
    failed = [line for line in ran.output.splitlines() if line.startswith(_FAILED) and line.endswith(" 1.0")]
    return "" if failed or not ran.ok else "no backup has failed"
