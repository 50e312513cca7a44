#!/bin/sh
# DRP, Backup Script: what cron calls every night, by the plan's name. Unlike the plan's letter it fails when anything fails.
set -eu
exec /usr/local/bin/drbackup nightly "$@"
