# shellcheck shell=bash
# The Docker engine: the one that works, else the installed one started, else Debian's.

COMPOSE_NEEDED=2.24
BUILDX_NEEDED=0.10
ENGINE_WAIT_S=${DRILL_ENGINE_WAIT_S:-60}
DOCKERD_PIDFILE=${DRILL_DOCKERD_PIDFILE:-/var/run/docker.pid}
DOCKERD_LOG=$BUILD/logs/dockerd.log
INSTALL_GUIDE=https://docs.docker.com/engine/install/

# By what it says: with a format, some clients exit 0 without an engine.
engine_answers() { [[ -n $(timeout 20 docker info --format '{{.ServerVersion}}' 2>/dev/null) ]]; }

dockerd_is_installed() { command -v dockerd >/dev/null; }

# Say at once what stands in the way, before anything is started.
check_engine_can_be_made() {
    local said context
    if command -v docker >/dev/null; then
        said=$(timeout 20 docker info 2>&1 || true)
        if [[ ${said,,} == *"permission denied"* ]]; then
            fail "a Docker engine runs, but this user may not use it" \
                "add the user to its group (as root: usermod -aG docker ${USER:-USER}), log in again, then try again"
        fi
        context=$(docker context show 2>/dev/null || echo default)
        if [[ -n ${DOCKER_HOST:-} || $context != default ]]; then
            fail "the Docker engine of ${DOCKER_HOST:-context $context} does not answer" \
                "start it, or choose this machine's own (unset DOCKER_HOST; docker context use default)"
        fi
    fi
    if dockerd_is_installed; then
        is_root || fail "the Docker engine does not run, and only root can start it" \
            "as root: systemctl start docker (or make setup), then try again"
        return
    fi
    has_apt || fail "there is no Docker engine, and this is not Debian or Ubuntu, where set-up could install it" \
        "install Docker Engine with Compose $COMPOSE_NEEDED or newer and buildx ($INSTALL_GUIDE), then try again"
    is_root || fail "there is no Docker engine, and only root can install it" \
        "run make setup as root once, or install Docker Engine with Compose and buildx ($INSTALL_GUIDE), then try again"
    check_disk /var/lib/docker "Docker's data"
}

engine_plan() {
    if dockerd_is_installed; then
        echo "start the installed Docker engine"
    else
        echo "install Docker from Debian's packages, and start it"
    fi
}

step_engine() {
    dockerd_is_installed || install_engine
    hash -r
    start_engine
}

install_engine() {
    local packages=(docker.io docker-cli docker-compose docker-buildx)
    apt_update
    if [[ -z $(apt_candidate docker.io) ]]; then
        echo "no package source knows docker.io"
        exit 1
    fi
    if [[ -n $(apt_candidate docker-compose-v2) ]]; then
        packages=(docker.io docker-compose-v2 docker-buildx) # as Ubuntu calls them
    elif ! version_at_least "$(apt_candidate docker-compose)" "$COMPOSE_NEEDED"; then
        add_trixie "Docker with Compose $COMPOSE_NEEDED or newer" "$INSTALL_GUIDE"
    fi
    apt_install "${packages[@]}"
    keep_trixie
}

start_engine() {
    local pid=
    # Its package may have started it.
    ! engine_answers || return 0
    if command -v systemctl >/dev/null && [[ -d /run/systemd/system ]]; then
        if ! systemctl start docker || ! wait_for_engine; then
            journalctl --no-pager -u docker -n 15 || true
            fail "the Docker engine does not start" "read its log (journalctl -u docker), mend the cause, then try again"
        fi
        return
    fi
    clear_stale_pid "$DOCKERD_PIDFILE" dockerd
    clear_stale_pid "$(dirname "$DOCKERD_PIDFILE")/docker/containerd/containerd.pid" containerd
    if [[ ! -e $DOCKERD_PIDFILE ]]; then
        setsid dockerd --pidfile "$DOCKERD_PIDFILE" >"$DOCKERD_LOG" 2>&1 </dev/null &
        pid=$!
        trap 'kill "$pid" 2>/dev/null || true' EXIT
    fi
    wait_for_engine "$pid" || {
        tail -n 12 "$DOCKERD_LOG" 2>/dev/null || true
        fail "the Docker engine does not come up" \
            "read ${DOCKERD_LOG#"$ROOT"/}; a container or sandbox must be privileged to run an engine; mend the cause, then try again"
    }
    trap - EXIT
}

# wait_for_engine [PID]: until it answers, until PID is gone, or until the time is over.
wait_for_engine() {
    local end=$((SECONDS + ENGINE_WAIT_S))
    until engine_answers; do
        ((SECONDS < end)) || return 1
        [[ -z ${1:-} ]] || kill -0 "$1" 2>/dev/null || return 1
        sleep 0.2
    done
}

# clear_stale_pid FILE NAME: a file left by a dead process, whose number may be another's by now, keeps an engine from starting.
clear_stale_pid() {
    local pid
    [[ -e $1 ]] || return 0
    pid=$(<"$1")
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$2" ]] || rm -f "$1"
}

check_plugins() {
    local compose buildx
    compose=$(docker compose version --short 2>/dev/null || true)
    [[ -n $compose ]] || fail "Docker has no Compose plugin" \
        "install it (Debian 13: apt-get install docker-compose; elsewhere: docker-compose-plugin, $INSTALL_GUIDE), then try again"
    version_at_least "$compose" "$COMPOSE_NEEDED" || fail "Compose $compose is too old, $COMPOSE_NEEDED or newer is needed" \
        "update it (Debian 13: apt-get install docker-compose; elsewhere: docker-compose-plugin, $INSTALL_GUIDE), then try again"
    buildx=$(docker buildx version 2>/dev/null | sed -n '1s/^[^ ]* v\{0,1\}\([0-9.]*\).*/\1/p' || true)
    [[ -n $buildx ]] && version_at_least "$buildx" "$BUILDX_NEEDED" || fail \
        "Docker's buildx plugin is ${buildx:-missing}${buildx:+, too old}; $BUILDX_NEEDED or newer is needed" \
        "install it (Debian 13: apt-get install docker-buildx; elsewhere: docker-buildx-plugin, $INSTALL_GUIDE), then try again"
}

# Where Docker keeps its data, if that is on this machine.
check_docker_disk() {
    local dir
    dir=$(docker info --format '{{.DockerRootDir}}')
    [[ -n ${DOCKER_HOST:-} || ! -d $dir ]] || check_disk "$dir" "Docker's data"
}
