# shellcheck shell=bash
# Toxiproxy, in the one version that the suite is written for: its own image where it can be pulled, else from source.

TOXIPROXY_VERSION=2.12.0
TOXIPROXY_MODULE=github.com/Shopify/toxiproxy/v2
TOXIPROXY_DIR=$BUILD/toxiproxy
GO_NEEDED=1.23
GO_PACKAGE=golang-1.24-go

step_toxiproxy() {
    mkdir -p "$TOXIPROXY_DIR"
    if pull "ghcr.io/shopify/toxiproxy:$TOXIPROXY_VERSION"; then
        docker tag "ghcr.io/shopify/toxiproxy:$TOXIPROXY_VERSION" dr-drill/toxiproxy:latest
        read_compose_config
        image_state --record toxiproxy
    else
        toxiproxy_is_built || build_toxiproxy
        build_images toxiproxy
    fi
}

toxiproxy_is_built() {
    [[ -x $TOXIPROXY_DIR/toxiproxy-cli ]] &&
        [[ $("$TOXIPROXY_DIR/toxiproxy-server" --version 2>/dev/null) == *"$TOXIPROXY_VERSION"* ]]
}

build_toxiproxy() {
    local go bin=$RUN_DIR/toxiproxy
    go=$(find_go) || {
        install_go
        go=$(find_go) || fail "Go $GO_NEEDED or newer is needed to build toxiproxy" "install it from https://go.dev/dl/, then try again"
    }
    mkdir "$bin"
    CGO_ENABLED=0 GOBIN=$bin GIT_TERMINAL_PROMPT=0 "$go" install -trimpath \
        -ldflags "-s -w -X $TOXIPROXY_MODULE.Version=$TOXIPROXY_VERSION" \
        "$TOXIPROXY_MODULE/cmd/server@v$TOXIPROXY_VERSION" "$TOXIPROXY_MODULE/cmd/cli@v$TOXIPROXY_VERSION"
    mv "$bin/server" "$TOXIPROXY_DIR/toxiproxy-server"
    mv "$bin/cli" "$TOXIPROXY_DIR/toxiproxy-cli"
}

find_go() {
    local candidate version
    for candidate in go "/usr/lib/${GO_PACKAGE%-go}/bin/go" /usr/lib/go-1.24/bin/go /usr/local/go/bin/go; do
        version=$("$candidate" version 2>/dev/null | sed -n 's/.* go\([0-9.]*\).*/\1/p') || continue
        if version_at_least "${version:-0}" "$GO_NEEDED"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

install_go() {
    is_root && has_apt || fail "toxiproxy can neither be pulled nor built: Go $GO_NEEDED or newer is missing" \
        "install Go (https://go.dev/dl/), or set DRILL_TOXIPROXY_IMAGE to a toxiproxy $TOXIPROXY_VERSION image that is here"
    apt_update
    if [[ -z $(apt_candidate "$GO_PACKAGE") ]]; then add_trixie "Go $GO_NEEDED or newer" https://go.dev/dl/; fi
    apt_install "$GO_PACKAGE"
    keep_trixie
}
