#!/bin/bash
# DRP, Backup Script: a compressed dump under /backups/postgresql. Unlike the plan's letter, it fails when pg_dump
# fails (pipefail), and a dump has its final name only when it is whole and on disk.
set -euo pipefail
directory=/backups/postgresql
name=minimarket_$(date -u +%Y%m%d_%H%M%S).sql.gz
mkdir -p "$directory"
exec 9>"$directory/.lock"
flock -n 9 || { echo "backup: another one is running" >&2; exit 1; }
# What a killed run left: under the lock, nobody is writing it any more.
rm -f "$directory"/.partial.*
partial=$(mktemp "$directory/.partial.XXXXXX")
trap 'rm -f "$partial"' EXIT
pg_dump -h postgres -U postgres -d minimarket | gzip >"$partial"
[ "$(gunzip -c "$partial" | tail -n 5 | grep -c 'PostgreSQL database dump complete')" = 1 ] \
    || { echo "backup: the dump is not complete" >&2; exit 1; }
sync "$partial"
mv "$partial" "$directory/$name"
sync "$directory"
echo "backup: $name, $(stat -c %s "$directory/$name") bytes"
