#!/bin/sh
# archive_command: archive_wal.sh %p %f. Atomic (a temporary name, then rename), on disk before it says so (fsync),
# and never over a segment of other content (PostgreSQL manual, "Setting Up WAL Archiving").
set -eu
target=/wal_archive/$2
if [ -e "$target" ]; then
    cmp -s "$1" "$target"
    exit
fi
cp "$1" "$target.part"
sync "$target.part"
mv "$target.part" "$target"
sync /wal_archive
