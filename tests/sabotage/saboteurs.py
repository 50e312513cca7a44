"""The saboteurs: what each spoils, the drill that must notice, and by what verdict and reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Saboteur:
    """``drill`` selects the drill (pytest's ``-k``); ``reason`` is a regular expression one of its reasons matches.

    :param rotten: it is a rotten dashboard (``rotten/NAME.py``), not a plugin (``plugins/NAME.py``).
    :param damaged: a service whose container it leaves damaged, though its settings are as they were.
    :param also: another one, with its own reason, that spoils the same drill in a way of its own: both must be noticed.
    :param did: what a step that succeeded has in its command: without it, its failure alone might give the reason.
    """

    name: str
    drill: str
    verdict: str
    reason: str
    rotten: bool = False
    damaged: str = ""
    also: tuple[str, str] | None = None
    did: str = ""


SABOTEURS = (
    Saboteur("health_always_200", "test_redis_killed", "FAIL", "health check answered 200 'ok'", rotten=True),
    Saboteur("never_reconnects", "test_redis_killed", "FAIL", "Cache rebuilding: 0 of", rotten=True),
    Saboteur(
        "acknowledges_before_commit",
        "test_process_crash",
        "INVALID|FAIL",  # INVALID: the load ran for less than the RPO before the fault
        r"ledger: \d+ writes? (lost|acknowledged .* lost)",
        rotten=True,
    ),
    Saboteur("stale_for_ever", "test_redis_killed", "FAIL", "the summary is stale", rotten=True),
    Saboteur(
        "never_rebuilds", "test_redis_killed", "FAIL", "0 of .* reads served from the cache", rotten=True
    ),
    Saboteur(
        "writes_need_redis", "test_redis_killed", "FAIL", "write probes were answered within", rotten=True
    ),
    Saboteur(
        "slow_without_redis", "test_redis_killed", "FAIL", "read probes were answered within", rotten=True
    ),
    Saboteur(
        "memory_never_critical",
        "test_redis_out_of_memory",
        "FAIL",
        r"Cache rebuilding: 0 of \d+ reads served from the cache",
    ),
    Saboteur("restart_policy_off", "test_service_failover", "FAIL", "did not come back by itself"),
    # Only the way in still answers, after the last rung too.
    Saboteur(
        "release_is_bad", "test_crash_loop", "FAIL", r"Health check returns 200: (HTTP 50[24]:|no answer)"
    ),
    Saboteur("observer_killed", "test_container_killed", "INVALID", "the observer died"),
    Saboteur("alert_muted", "test_container_killed", "FAIL", "no notification of DashboardDown arrived"),
    Saboteur("alert_already_firing", "test_container_killed", "INVALID", "already firing: .*DashboardDown"),
    Saboteur("no_op_fault", "test_container_killed", "INVALID", "the fault had no visible effect"),
    Saboteur("frozen_observer", "test_container_killed", "INVALID", "the observer stood still"),
    Saboteur(
        "workload_never_ran",
        "test_container_killed",
        "INVALID",
        '"kind": "ok" of the workload in history-api.jsonl: not within',
    ),
    Saboteur(
        "row_deleted",
        "test_redis_killed",
        "FAIL",
        ": 1 of .* acknowledged writes lost",
        also=("value_changed", ", 1 corrupt"),
    ),
    Saboteur(
        "alias_lost",
        "test_process_crash",
        "FAIL",
        "left behind: .*alias",
        damaged="dashboard",
        also=("residue_left", "left behind: .*forgotten"),
    ),
    Saboteur(
        "stale_dump",
        "test_backup_verification",
        "FAIL",
        r"minimarket_\S+: stale",
        also=("no_base", "base: no-base"),
    ),
    Saboteur(
        "truncated_dump",
        "test_backup_verification",
        "FAIL",
        r"minimarket_\S+: incomplete",
        also=("segment_skipped", "wal-gap: .*is not there, although"),
    ),
    Saboteur(
        "empty_dump",
        "test_backup_verification",
        "FAIL",
        r"minimarket_\S+: incomplete",
        also=("archiving_says_yes", "wal: wal-gap: the archive command said"),
    ),
    Saboteur("wrong_database", "test_backup_verification", "FAIL", "wrong-database: it holds none"),
    Saboteur(
        "missing_table",
        "test_backup_verification",
        "FAIL",
        r"missing-table: .*public\.products",
        also=("no_redis_backup", "redis: no-redis: there is no redis backup"),
    ),
    Saboteur(
        "dump_lacks_a_row",
        "test_database_restore",
        "FAIL",
        r"public\.sales has \d+ rows, and \d+ in the manifest",
    ),
    Saboteur(
        "dump_has_another_value",
        "test_database_restore",
        "FAIL",
        r"the \d+ rows of public\.sales are not those that were dumped",
    ),
    # One for itself: of a dump that is wrong in two ways, the restore test tells the first.
    Saboteur(
        "dump_without_keys",
        "test_database_restore",
        "FAIL",
        r"the constraint public\.products\.products_pkey is missing",
    ),
    Saboteur("retention_eats_all", "test_backup_verification", "FAIL", r"minimarket_\S+: missing-file"),
    Saboteur("restore_ignores_errors", "test_database_restore", "FAIL", r"public\.sales has 0 rows"),
    Saboteur(
        "rdb_of_before",
        "test_redis_restore",
        "FAIL",
        "All that was backed up is back: 0 of 1000 keys",
        also=("residue_left", "left behind: .*forgotten"),
    ),
    Saboteur(
        "cron_never_runs", "test_backup_automation", "FAIL", "cron has begun to make the backups: not within"
    ),
    Saboteur(
        "refuses_late",
        "test_connections_cut",
        "FAIL",
        "write probes were refused with 503 within",
        rotten=True,
    ),
    Saboteur(
        "health_at_times_200",
        "test_connections_cut",
        "FAIL",
        "health probes were answered as if it were there",
        rotten=True,
    ),
    Saboteur(
        "loses_its_database", "test_connections_exhausted", "FAIL", "Application reconnected: ", rotten=True
    ),
    Saboteur("alert_muted", "test_lock_pile_up", "FAIL", "no notification of DatabaseBlocked arrived"),
    Saboteur("fsync_off", "test_postmaster_killed", "FAIL", "acknowledges what is not on disk: fsync"),
    Saboteur("partial_left_out", "test_corruption", "FAIL", "the RPO is 6 s", did="dr stack restore"),
    Saboteur("receiver_frozen", "test_corruption", "FAIL", "the RPO is 6 s", did="dr stack restore"),
    Saboteur(
        "clean_up_pretended",
        "test_backup_disk_full",
        "FAIL",
        "did not remove .*, which the retention no longer",
    ),
    Saboteur(
        "clean_up_of_log",
        "test_data_disk_full",
        "FAIL",
        "took backups that the retention needs: .*/wal_archive/",
    ),
    Saboteur("clean_up_by_age", "test_backup_disk_full", "FAIL", "took backups that the retention needs"),
    Saboteur(
        "disk_alert_muted",
        "test_disk_that_fills",
        "FAIL",
        "no notification of DiskAlmostFull arrived",
        also=("fill_file_left", "left behind: .*dr-drill-fill-forgotten"),
    ),
    Saboteur("switch_deaf", "test_monitoring_killed", "FAIL", "no notification of MonitoringLost arrived"),
    Saboteur("series_gone", "test_monitoring_removed", "FAIL", "nothing is left from before the outage"),
    # It leaves a shop without its sales: the sites that follow are made anew.
    Saboteur(
        "pitr_too_late",
        "test_rows_deleted",
        "FAIL",
        "rows that were there before the load",
        did="dr stack restore",
    ),
    # These cost two new sites where the drill ends before the failback: no other could begin then.
    Saboteur(
        "name_never_moves",
        "test_site_lost",
        "FAIL",
        "DNS updated: .* is 127.0.0.1 ",
        also=("standby_of_yesterday", "the RPO is 6 s"),
        did="dr stack restore",
    ),
    Saboteur(
        "fence_is_down",
        "test_site_lost",
        "FAIL",
        "site a came back and was not fenced: the database of site a takes writes",
        also=("slot_dropped", "the RPO is 6 s"),
        did="dr stack restore",
    ),
    Saboteur(
        "vault_cut_off",
        "test_site_lost",
        "FAIL",
        "the RPO is 6 s",
        also=("last_log_forgotten", "acknowledged after the fault and lost"),
        did="dr stack restore",
    ),
)
