#!/bin/sh
# The vault: sshd for the backups, and pg_receivewal for the WAL.
set -eu
umask 022
keys=/vault-keys
# Made once, for both sites, and complete before the last of them has its name: the first site mounts this folder read-only.
if [ ! -e "$keys/known_hosts" ]; then
    install -d -m 0700 "$keys/host"
    rm -f "$keys"/host/* "$keys/backup" "$keys/backup.pub"
    ssh-keygen -q -t ed25519 -N '' -C vault -f "$keys/host/ssh_host_ed25519_key"
    ssh-keygen -q -t ed25519 -N '' -C backup -f "$keys/backup"
    # By whatever name or proxy it is reached, it is this key that it must show.
    echo "* $(cut -d ' ' -f 1,2 "$keys/host/ssh_host_ed25519_key.pub")" >"$keys/known_hosts.new"
    sync "$keys/backup" "$keys/backup.pub" "$keys/known_hosts.new"
    mv "$keys/known_hosts.new" "$keys/known_hosts"
fi
for folder in postgresql base redis config wal; do
    install -d -o drill -g drill "/vault/$folder"
done
setpriv --reuid=drill --regid=drill --init-groups receive-wal /vault/wal &
exec "$@"
