#!/bin/sh
# The vault: sshd for the backups, and pg_receivewal for the WAL.
set -eu
umask 022
keys=/vault-keys
# Made once, for both sites, and complete before the last of them has its name: the first site mounts this folder read-only.
if [ ! -e "$keys/host.pub" ]; then
    install -d -m 0700 "$keys/host"
    rm -f "$keys"/host/* "$keys/backup" "$keys/backup.pub"
    ssh-keygen -q -t ed25519 -N '' -C vault -f "$keys/host/ssh_host_ed25519_key"
    ssh-keygen -q -t ed25519 -N '' -C backup -f "$keys/backup"
    # By whatever name or proxy the vault is reached, it is this key that it must show.
    cut -d ' ' -f 1,2 "$keys/host/ssh_host_ed25519_key.pub" >"$keys/host.pub.new"
    sync "$keys/backup" "$keys/backup.pub" "$keys/host.pub.new"
    mv "$keys/host.pub.new" "$keys/host.pub"
fi
for folder in . postgresql base redis config wal; do
    install -d -o drill -g drill "/vault/$folder"
done
setpriv --reuid=drill --regid=drill --init-groups receive-wal /vault/wal &
exec "$@"
