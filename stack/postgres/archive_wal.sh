#!/bin/sh
# archive_command: archive_wal.sh %p %f. Exit 0 means that the segment is in the archive, whole and on disk, and that
# nothing else was overwritten (PostgreSQL manual, "Continuous Archiving": the archive command must refuse to overwrite
# a file of other content, and must say yes to the same content, which it is given again after a crash).
set -eu
archive=${WAL_ARCHIVE:-/wal_archive}
target=$archive/$2
if [ -e "$target" ]; then
    if cmp -s "$1" "$target"; then
        # The crash may have come between the rename and the directory's sync.
        sync "$target" "$archive"
        exit 0
    fi
    echo "archive_wal: $target is there with other content: not overwritten" >&2
    exit 1
fi
# A name that no restore reads, until all of it is on disk. Left over from a crash, it is written anew.
part=$archive/.$2.part
cp "$1" "$part"
sync "$part"
mv -T "$part" "$target"
sync "$archive"
