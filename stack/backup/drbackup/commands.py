"""The sub-commands: a line each. A module is imported when its command is called, and not before.

Such a module has two functions: ``arguments(parser)`` adds to an ``argparse`` parser; ``run(settings, options)`` does
the work, returns the exit status (0, or 1 for found bad), and raises :class:`drbackup.errors.Bad` or
:class:`drbackup.errors.Cannot`.
"""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "dump": ("drbackup.dump", "a logical dump, with its tables counted and hashed in the same snapshot"),
    "base": ("drbackup.base", "a physical base backup, checked"),
    "redis": ("drbackup.redis", "the cache's RDB after a BGSAVE that has finished, checked"),
    "config": ("drbackup.config", "a tarball of the configuration"),
    "offsite": ("drbackup.offsite", "copy what is new to the vault and check it there"),
    "retention": ("drbackup.retention", "remove what is older than the retention and needed by nobody"),
    "nightly": ("drbackup.nightly", "all of the above, in this order; what cron calls"),
    "fetch": ("drbackup.fetch", "bring back from the vault the base and the log that a recovery needs"),
    "verify": ("drbackup.verify", "look at every backup, from cheap to certain (DRP, Test 3)"),
    "restore": ("drbackup.restore", "a dump into a database; any error ends it, and nothing is changed"),
    "redis-restore": (
        "drbackup.redis_restore",
        "the newest good RDB into the data directory of a Redis that is down",
    ),
    "restore-test": (
        "drbackup.restore_test",
        "the newest dump into a server of its own, compared (DRP, Test 1)",
    ),
    "pitr": ("drbackup.pitr", "lay out a data directory that recovers to a moment, or to the last one"),
    "handed-over": (
        "drbackup.handed_over",
        "whether the vault has the last record of a server that has ended",
    ),
    "list": ("drbackup.show", "what is there"),
    "metrics": ("drbackup.metrics", "serve the figures that monitoring reads"),
}
