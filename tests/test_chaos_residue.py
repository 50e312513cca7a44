"""The residue audit's comparison: what is said about each thing that a fault could leave behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from docker.models.volumes import Volume

from chaos.residue import ContainerState, ProxyState, Snapshot, differences
from chaos.snapshot import volumes_of

NETWORK = "dr-d1-a_default"
DASHBOARD = ContainerState(
    status="running",
    image="sha256:good",
    restart_policy="unless-stopped",
    health="healthy",
    networks={NETWORK: frozenset({"dashboard", "dr-d1-a-dashboard-1"})},
)
SOUND = Snapshot(
    services={"dashboard": (DASHBOARD,), "dns": (replace(DASHBOARD, networks={}, health=None),)},
    others=frozenset({"network dr-d1-a_default", "volume dr-d1-a_redis-data"}),
    proxies={"postgres": ProxyState(True), "redis": ProxyState(True)},
)


def _dashboard(**changes: Any) -> Callable[[Snapshot], Snapshot]:
    state = replace(DASHBOARD, **changes)
    return lambda sound: replace(sound, services={**sound.services, "dashboard": (state,)})


def _with(**changes: Any) -> Callable[[Snapshot], Snapshot]:
    return lambda sound: replace(sound, **changes)


def test_a_sound_stack_has_no_residue() -> None:
    assert differences(SOUND, SOUND) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_dashboard(status="paused"), "dashboard is paused, not running"),
        (_dashboard(status="exited", health="unhealthy"), "dashboard is exited, not running"),
        (_dashboard(status="restarting"), "dashboard is restarting, not running"),
        (_dashboard(health="unhealthy"), "dashboard is unhealthy, not healthy"),
        (_dashboard(image="sha256:bad"), "dashboard runs the image sha256:bad, not sha256:good"),
        (
            _dashboard(restart_policy="no"),
            "dashboard has the restart policy 'no', not 'unless-stopped'",
        ),
        (
            _dashboard(networks={NETWORK: frozenset({"dr-d1-a-dashboard-1"})}),
            "dashboard is on network dr-d1-a_default without its alias 'dashboard'",
        ),
        (
            _dashboard(networks={NETWORK: frozenset()}),
            "dashboard is on network dr-d1-a_default without its aliases 'dashboard', 'dr-d1-a-dashboard-1'",
        ),
        (_dashboard(networks={}), "dashboard is no longer on network dr-d1-a_default"),
        (
            _dashboard(networks={**DASHBOARD.networks, "bridge": frozenset()}),
            "dashboard is on network bridge, where it was not before",
        ),
        (_dashboard(commands=("stress --vm 1",)), "in dashboard a command still runs: stress --vm 1"),
        (_with(services={"dashboard": (DASHBOARD,)}), "dns has no container any more"),
        (
            _with(services={**SOUND.services, "dashboard": (DASHBOARD, DASHBOARD)}),
            "dashboard has 2 containers, not 1",
        ),
        (_with(services={**SOUND.services, "helper": (DASHBOARD,)}), "helper was not there before"),
        (_with(others=SOUND.others | {"image dr-drill/bad:d1"}), "image dr-drill/bad:d1 is left over"),
        (_with(others=frozenset({"network dr-d1-a_default"})), "volume dr-d1-a_redis-data is gone"),
        (
            _with(proxies={"postgres": ProxyState(False), "redis": ProxyState(True)}),
            "the proxy postgres is disabled",
        ),
        (
            _with(proxies={"postgres": ProxyState(True, frozenset({"slow"})), "redis": ProxyState(True)}),
            "the proxy postgres still has the toxic slow",
        ),
        (_with(proxies={"postgres": ProxyState(True)}), "the proxy redis is gone"),
        (_with(proxies=None), "toxiproxy could not be asked for its proxies"),
        (_with(junk_keys=12), "redis holds 12 junk keys"),
        (_with(junk_keys=None), "redis could not be asked for junk keys"),
        (
            _with(fill_files=frozenset({"backups:/.dr-drill-fill"})),
            "the file backups:/.dr-drill-fill is left over",
        ),
        (_with(fill_files=None), "the volumes could not be searched for fill files"),
        (_with(sessions=2), "the database has 2 open sessions of faults"),
        (_with(sessions=None), "the database could not be asked for sessions of faults"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_trace_has_its_sentence(change: Callable[[Snapshot], Snapshot], sentence: str) -> None:
    assert differences(SOUND, change(SOUND)) == [sentence]


def test_what_was_wrong_before_is_not_the_drills() -> None:
    spoilt = replace(
        SOUND,
        junk_keys=3,
        sessions=1,
        fill_files=frozenset({"backups:/.dr-drill-fill"}),
        proxies={"postgres": ProxyState(False, frozenset({"slow"})), "redis": ProxyState(True)},
    )
    assert differences(spoilt, spoilt) == []


def volume(name: str, purpose: str | None = None) -> Volume:
    labels = (
        {}
        if purpose is None
        else {"com.docker.compose.project": "dr-1-a", "com.docker.compose.volume": purpose}
    )
    return Volume(attrs={"Name": name, "Labels": labels})


def test_a_volume_that_a_restore_has_put_in_anothers_place_is_no_residue() -> None:
    before = [volume("dr-1-a_data", "data"), volume("dr-1-a_wal", "wal")]
    restored = [volume("dr-1-a_wal", "wal"), volume("dr-1-a_data-1", "data")]
    assert set(volumes_of(before)) == set(volumes_of(restored))
    kept = [*before, volume("dr-1-a_data-1", "data"), volume("bare")]
    assert set(volumes_of(kept)) - set(volumes_of(before)) == {"volume dr-1-a_data-1", "volume bare"}
