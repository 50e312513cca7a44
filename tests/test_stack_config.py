"""The Compose file and what is mounted into it: what every service must have, and what must agree with the plan."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from drbackup import layout
from drbackup.findings import DEPTHS
from drbackup.settings import Settings
from drbackup.verify import KEPT_FROM

from plan.load import load_plan
from plan.model import Plan
from recovery.monitoring_boxes import RETENTION_S

ROOT = Path(__file__).parent.parent
STACK = ROOT / "stack"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.test.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LABELS = {
    "dr.drill": "${DRILL_ID:-none}",
    "dr.run_dir": "${DRILL_RUN_DIR:-none}",
    "dr.site": "${DRILL_SITE:-a}",
}
# What lies between the sites, and is not lost with one of them.
BETWEEN = {"dns", "receiver", "vault-keys", "witness", "wan"}
PUBLISHED = {
    "edge": {"80"},
    "dns": {"53/udp", "53/tcp"},
    "postgres": {"5432"},
    "redis": {"6379"},
    "prometheus": {"9090"},
    "alertmanager": {"9093"},
    "receiver": {"8000"},
    "toxiproxy": {"8474"},
}
UNITS = {"m": 1 << 20, "g": 1 << 30}
# Room for the processes themselves, beside the volumes that they may fill.
OWN_MEMORY = 128 * UNITS["m"]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(ROOT / "drp.toml")


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def default_of(reference: str) -> str:
    """What ``${VARIABLE:-default}`` is when the variable is not set; nested ones too."""
    found = re.fullmatch(r"\$\{\w+:-(.*)\}", reference)
    return default_of(found[1]) if found else reference


def labels(name: str) -> dict[str, str]:
    return {**LABELS, "dr.site": "world"} if name in BETWEEN else LABELS


def size(text: str) -> int:
    value = default_of(text)
    return int(value[:-1]) * UNITS[value[-1]]


def volume_size(name: str) -> int:
    options: str = COMPOSE["volumes"][name]["driver_opts"]["o"]
    found = re.search(r"size=(\$\{\w+:-\w+\})", options)
    assert found, options
    return size(found[1])


def test_the_services_are_those_of_the_design() -> None:
    exporters = {"blackbox-exporter", "postgres-exporter", "redis-exporter"}
    others = {"dashboard", "backup", "holder", "vault"}
    assert set(SERVICES) == {*PUBLISHED, *exporters, *others}


def test_every_service_is_labelled_checked_limited_and_restarted(service: str) -> None:
    spec = SERVICES[service]
    assert spec["labels"] == labels(service)
    assert spec["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "start_period", "start_interval"} <= set(spec["healthcheck"])
    assert size(spec["mem_limit"]) > 0
    assert set(spec["logging"]["options"]) == {"max-size", "max-file"}
    assert not {"container_name", "network_mode", "privileged"} & set(spec)


def test_volumes_and_networks_are_labelled_and_volumes_have_a_size() -> None:
    for kind in ("volumes", "networks"):
        for name, spec in COMPOSE[kind].items():
            assert spec["labels"] == labels(name), f"{kind} {name}"
    for name in COMPOSE["volumes"]:
        assert volume_size(name) > 0


def test_a_volume_is_full_before_its_user_is_out_of_memory(service: str) -> None:
    mounted = [
        str(volume).split(":")[0] for volume in SERVICES[service].get("volumes", []) if volume[-3:] != ":ro"
    ]
    volumes = [name for name in mounted if name in COMPOSE["volumes"]]
    if service == "holder":  # mounts them all, and writes nothing
        assert set(volumes) == set(COMPOSE["volumes"])
    else:
        needed = sum(volume_size(name) for name in volumes) + (OWN_MEMORY if volumes else 0)
        assert size(SERVICES[service]["mem_limit"]) >= needed


def test_ports_are_published_on_this_machine_only_and_may_be_chosen(service: str) -> None:
    ports = set()
    for port in SERVICES[service].get("ports", []):
        variable = f"DRILL_{service.upper()}_PORT"
        # Each site has an address of its own; what is between them, one that does not move.
        address = "127.0.0.1" if service in BETWEEN else "${DRILL_ADDRESS:-127.0.0.1}"
        prefix = f"{address}:${{{variable}:-}}:"
        assert port.startswith(prefix)
        ports.add(port.removeprefix(prefix))
    assert ports == PUBLISHED.get(service, set())


def test_every_image_is_a_variable_and_ours_can_be_built(service: str) -> None:
    spec = SERVICES[service]
    assert spec["image"].startswith(f"${{DRILL_{service.upper().replace('-', '_')}_IMAGE:-")
    assert spec["pull_policy"] == "missing"
    assert default_of(spec["image"]) == f"dr-drill/{service}:latest"
    if service != "toxiproxy":  # from nothing: a static binary
        assert default_of(spec["build"]["args"]["BASE_IMAGE"]) == "dr-drill/base:trixie"
        assert (ROOT / spec["build"]["context"] / "Dockerfile").is_file()


def test_what_there_is_one_of_is_no_part_of_every_site() -> None:
    profiles = {name: spec["profiles"] for name, spec in SERVICES.items() if "profiles" in spec}
    assert profiles == {"vault": ["standby"], "dns": ["world"], "receiver": ["world"]}
    needs = {
        name: {other for other, how in spec.get("depends_on", {}).items() if how.get("required", True)}
        for name, spec in SERVICES.items()
    }
    assert not {other for others in needs.values() for other in others} & set(profiles)


def test_who_may_serve_is_read_by_those_whom_it_concerns_and_written_where_names_are_moved() -> None:
    mounts = {
        name: volume
        for name, spec in SERVICES.items()
        for volume in spec.get("volumes", [])
        if volume.startswith("witness:")
    }
    assert mounts == {
        "dns": "witness:/witness",
        "postgres": "witness:/witness:ro",
        "backup": "witness:/witness:ro",
        "vault": "witness:/witness:ro",
        "holder": "witness:/hold/witness",
    }


def test_what_is_remembered_of_the_backups_outlives_their_container() -> None:
    """Made anew, it would forget what has failed, and since when a restore test is waited for."""
    mounts = {
        name: volume.partition(":")[2]
        for name, spec in SERVICES.items()
        for volume in spec.get("volumes", [])
        if volume.startswith("backup-state:")
    }
    assert mounts == {"backup": str(Settings().state), "holder": "/hold/backup-state"}
    assert "DRBACKUP_STATE" not in SERVICES["backup"]["environment"]
    assert "name" not in COMPOSE["volumes"]["backup-state"], "each site has its own"


def test_the_sites_meet_where_the_proxy_stands_and_nowhere_else() -> None:
    """A database on that network would be "postgres" to the other site's proxy too."""
    on_wan = {name for name, spec in SERVICES.items() if "wan" in spec.get("networks", [])}
    assert on_wan == {"toxiproxy", "vault", "dns", "receiver", "alertmanager"}
    for name in on_wan:
        assert ("default" in SERVICES[name]["networks"]) == (name not in BETWEEN)


def test_what_the_sites_share_has_the_same_name_in_both() -> None:
    for kind, name in (("networks", "wan"), ("volumes", "vault-keys"), ("volumes", "witness")):
        assert COMPOSE[kind][name]["name"].startswith("dr-${DRILL_ID:-none}-")


def test_only_configuration_of_this_repository_is_mounted_and_never_to_be_written(service: str) -> None:
    for volume in SERVICES[service].get("volumes", []):
        # A file of the user's own, where one is named.
        source, _, target = re.sub(r"^\$\{DRILL_\w+:-/dev/null\}", "./stack/", str(volume)).partition(":")
        if source in COMPOSE["volumes"]:
            continue
        assert source.startswith(("./stack/", "./.ci", "./docker-compose.test.yml", "./drp.toml"))
        assert target.endswith(":ro")
        assert (ROOT / source).exists(), source


def test_images_start_from_the_base_and_leave_no_package_lists() -> None:
    dockerfiles = sorted(STACK.glob("*/Dockerfile"))
    assert len(dockerfiles) >= 9
    for path in dockerfiles:
        text = path.read_text(encoding="utf-8")
        assert "# syntax" not in text, f"{path}: it would have to be pulled"
        if "FROM scratch" not in text:
            assert "FROM ${BASE_IMAGE}" in text
            assert text.count("apt-get install") == text.count("rm -rf /var/lib/apt/lists/*")


def test_the_dashboard_reaches_its_stores_through_the_proxy_alone() -> None:
    environment = SERVICES["dashboard"]["environment"]
    proxies = {
        proxy["name"]: proxy for proxy in json.loads((STACK / "toxiproxy/toxiproxy.json").read_text("utf-8"))
    }
    assert {name: proxy["upstream"] for name, proxy in proxies.items()} == {
        "postgres": "postgres:5432",
        "redis": "redis:6379",
        # Between the sites: the WAL out, the backups out.
        "wan-postgres": "postgres:5432",
        "wan-vault": "vault:22",
    }
    assert SERVICES["vault"]["environment"]["VAULT_WAL_SOURCE"].startswith(
        f"${{DRILL_WAL_SOURCE:-host=proxy-%s port={proxies['wan-postgres']['listen'].removeprefix('0.0.0.0:')} "
    )
    port = {name: proxy["listen"].removeprefix("0.0.0.0:") for name, proxy in proxies.items()}
    assert f"host=toxiproxy port={port['postgres']} " in environment["DASHBOARD_DATABASE_URL"]
    assert environment["DASHBOARD_REDIS_URL"] == f"redis://toxiproxy:{port['redis']}/0"
    assert all(proxy["enabled"] for proxy in proxies.values())


def test_prometheus_keeps_its_series_for_as_long_as_is_asked_back() -> None:
    option = "--storage.tsdb.retention.time="
    [kept] = [each for each in SERVICES["prometheus"]["command"] if each.startswith(option)]
    assert kept == f"{option}{RETENTION_S / timedelta(days=1).total_seconds():g}d"


def test_redis_saves_as_the_plan_says(plan: Plan) -> None:
    lines = (STACK / "redis/drill.conf").read_text("utf-8").splitlines()
    assert [line.removeprefix("save ") for line in lines if line.startswith("save ")] == list(
        plan.backup.redis.save
    )
    assert "maxmemory-policy noeviction" in lines


def test_the_backup_runs_as_the_plan_says(plan: Plan) -> None:
    jobs = [
        line
        for line in (STACK / "backup/crontab").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    nightly, weekly, deep = jobs
    backup = plan.backup.database
    assert nightly.startswith(f"{backup.schedule} root {backup.command} ")
    assert (STACK / "backup" / Path(backup.command).name).is_file()
    assert (Settings().retention_days, backup.retention) == (30, timedelta(days=30))
    assert layout.folder(Settings().root, "dump") == Path(backup.location)
    restored, verified = once_a_week(weekly, "restore-test"), once_a_week(deep, "verify --depth restore")
    assert restored < verified, "they are not in each other's way"
    assert DEPTHS[-1] == KEPT_FROM == "restore", "of a run that is less deep nothing is kept"


def once_a_week(job: str, command: str) -> tuple[int, int, int]:
    """The day of the week, hour and minute of a job that is due once a week, and runs that command of ``drbackup``."""
    minute, hour, day, month, weekday, user, program, *words = job.split()
    assert (day, month) == ("*", "*"), "a day of the month beside a day of the week would mean either"
    assert all(field.isdecimal() for field in (weekday, hour, minute))
    # With its output where the container's log is read, as the others: what cron is left with, it would mail.
    assert (user, program, " ".join(words)) == (
        "root",
        "/usr/local/bin/drbackup",
        f"{command} >>/proc/1/fd/1 2>&1",
    )
    return int(weekday), int(hour), int(minute)


def test_the_configuration_that_the_plan_names_is_backed_up(plan: Plan) -> None:
    """Where the plan's own paths are here."""
    here = {
        "inventario-retail/monitoring/": "./stack/monitoring",
        ".github/workflows/": "./.ci",
        "inventario-retail/nginx/": "./stack/edge",
    }
    assert set(plan.backup.code.config_paths) == set(here)
    mounted = {
        str(volume).split(":")[0]: str(volume).split(":")[1] for volume in SERVICES["backup"]["volumes"]
    }
    for path in here.values():
        assert mounted[path].startswith(f"{Settings().config}/")


def test_the_edge_asks_again_where_the_dashboard_is_and_repeats_nothing() -> None:
    conf = (STACK / "edge/nginx.conf").read_text("utf-8")
    for directive in (
        "resolver 127.0.0.11 valid=1s",
        "resolver_timeout 1s;",
        "proxy_pass http://$dashboard:8080;",
        "proxy_next_upstream off;",
        "proxy_connect_timeout 1s;",
        "proxy_read_timeout 5s;",
    ):
        assert directive in conf
