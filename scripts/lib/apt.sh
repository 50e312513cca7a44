# shellcheck shell=bash
# Debian's packages, and the one source that Debian 12 lacks.

TRIXIE_SOURCE=/etc/apt/sources.list.d/dr-drill-trixie.sources
TRIXIE_PIN=/etc/apt/preferences.d/dr-drill-trixie

# Steps run side by side, and apt locks its lists without waiting. --close: a daemon that a package starts must not keep the lock.
apt() {
    flock --close "$BUILD/apt.lock" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Acquire::Retries=1 -o Acquire::http::Timeout=20 "$@"
}

# apt_update: once a run. A source that fails, as somebody's third-party one may, is no reason to stop: what is missing for it
# shows when something is installed.
apt_update() {
    [[ ! -e $RUN_DIR/apt-updated ]] || return 0
    apt update || echo "some package sources failed; going on with the others"
    touch "$RUN_DIR/apt-updated"
}

apt_install() {
    apt_update
    apt install -y --no-install-recommends "$@"
}

# apt_candidate PACKAGE: the version that would be installed; nothing when there is none.
apt_candidate() {
    apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([^(].*\)/\1/p'
}

# add_trixie WHAT URL: Debian 13 beside an older release. Only what is listed comes from there, and its updates too. runc does not:
# trixie's would drag a new libc in, and the older release's is new enough.
add_trixie() {
    [[ ! -e $TRIXIE_SOURCE ]] || return 0
    grep -qx 'ID=debian' /etc/os-release || fail "this system's package sources have no $1" "install it by hand ($2), then try again"
    # Until something has been installed from it, it is ours to take back.
    trap 'remove_trixie' EXIT
    cat >"$TRIXIE_SOURCE" <<'EOF'
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
    cat >"$TRIXIE_PIN" <<'EOF'
Package: *
Pin: release n=trixie
Pin-Priority: 50

Package: docker.io docker-cli docker-compose docker-buildx containerd
Pin: release n=trixie
Pin-Priority: 500
EOF
    rm -f "$RUN_DIR/apt-updated"
    apt_update
}

keep_trixie() { trap - EXIT; }

remove_trixie() { rm -f "$TRIXIE_SOURCE" "$TRIXIE_PIN"; }
