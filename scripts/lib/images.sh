# shellcheck shell=bash
# The images of docker-compose.test.yml: which are missing or out of date, and how they come about.

COMPOSE=(docker compose --progress plain --profile "*" --file "$ROOT/docker-compose.test.yml")
OWN_BASE=dr-drill/base:trixie
BASE_IMAGE=${DRILL_BASE_IMAGE:-$OWN_BASE}
BASE_SOURCE=debian:trixie-slim
REGISTRY_WAIT_S=8

images_were_built() { [[ -d $BUILD/images ]]; }

base_is_there() { docker image inspect "$BASE_IMAGE" >/dev/null 2>&1; }

image_state() { "$PYTHON" "$LIB/image_state.py" --state "$BUILD/images" "$@" <<<"$compose_config"; }

read_compose_config() {
    compose_config=$("${COMPOSE[@]}" config --format json) ||
        fail "docker-compose.test.yml is not valid" "correct what Compose says above"
}

list_stale_images() {
    local state
    read_compose_config
    state=$(image_state) || fail "the state of the images cannot be told" "correct what is said above, then try again"
    mapfile -t stale_images <<<"$state"
}

# is_stale SERVICE: its own image has to be built.
is_stale() { [[ " ${stale_images[*]} " == *" build:$1 "* ]]; }

# images_to build|pull: their names; toxiproxy's is a step of its own.
images_to() {
    local entry
    for entry in "${stale_images[@]}"; do
        [[ $entry != "$1":* || $entry == build:toxiproxy ]] || echo "${entry#*:}"
    done
}

images_are_stale() { [[ -n $(images_to build)$(images_to pull) ]]; }

images_plan() { echo "build or pull: $(echo $(images_to build) $(images_to pull))"; }

step_images() {
    local image services
    list_stale_images
    for image in $(images_to pull); do
        pull "$image" || fail "the image $image is neither here nor can it be pulled" \
            "correct the DRILL_*_IMAGE variable that names it, or pull it yourself"
    done
    mapfile -t services < <(images_to build)
    if ((${#services[@]})); then build_images "${services[@]}"; fi
}

# build_images SERVICE...: what has not changed comes from the layer cache.
build_images() {
    "${COMPOSE[@]}" build "$@"
    read_compose_config
    image_state --record "$@"
}

step_base() {
    if [[ $BASE_IMAGE != "$OWN_BASE" ]]; then
        pull "$BASE_IMAGE" || fail "the base image $BASE_IMAGE is neither here nor can it be pulled" \
            "correct DRILL_BASE_IMAGE, or unset it"
    elif pull "$BASE_SOURCE"; then
        docker tag "$BASE_SOURCE" "$OWN_BASE"
    else
        bootstrap_base
    fi
}

# As Debian's own slim images are: no translations, no documentation, no fsync after each file. They stay in the image,
# where they halve the time of every apt-get install on it.
AS_SLIM=(
    --aptopt='Acquire::Languages "none"'
    --dpkgopt=force-unsafe-io
    --dpkgopt='path-exclude=/usr/share/doc/*'
    --dpkgopt='path-exclude=/usr/share/man/*'
    --dpkgopt='path-exclude=/usr/share/locale/*'
)

# A file between the two: an import from a pipe that breaks would leave half an image.
bootstrap_base() {
    if ! command -v mmdebstrap >/dev/null; then
        is_root && has_apt || fail "$BASE_SOURCE cannot be pulled, and mmdebstrap, which makes one from Debian's mirror, is missing" \
            "give Docker access to a registry, install mmdebstrap, or set DRILL_BASE_IMAGE to a Debian 13 image that is here"
        apt_install mmdebstrap
    fi
    TMPDIR=$RUN_DIR mmdebstrap --variant=minbase --include=ca-certificates "${AS_SLIM[@]}" trixie "$RUN_DIR/base.tar"
    docker import "$RUN_DIR/base.tar" "$OWN_BASE"
    rm "$RUN_DIR/base.tar"
}

# pull IMAGE: a registry that does not answer at once is not asked again in this run; one that answers may take its time.
pull() {
    local out pid end=$((SECONDS + REGISTRY_WAIT_S))
    [[ ! -e $RUN_DIR/no-registry ]] || return 1
    out=$(mktemp "$RUN_DIR/pull.XXXXXX")
    docker pull "$1" >"$out" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        if ((SECONDS >= end)) && ! grep -q 'Pulling from' "$out"; then
            kill "$pid"
            echo "no answer from the registry of $1 within $REGISTRY_WAIT_S s"
            touch "$RUN_DIR/no-registry"
            break
        fi
        sleep 0.1
    done
    cat "$out"
    wait "$pid"
}
