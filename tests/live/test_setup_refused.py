"""scripts/setup where it cannot work: one message with the remedy, exit 1, nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live.setup_machine import Machine

pytestmark = pytest.mark.live

NO_DNS = (
    "echo \"Failed to fetch http://deb.debian.org/  Temporary failure resolving 'deb.debian.org'\"; exit 100"
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_no_engine_and_not_root(machine: Machine) -> None:
    machine.no_engine()
    machine.command("id", "echo 1000")
    machine.command("apt-get", "exit 64")
    message = machine.refused()
    assert "there is no Docker engine, and only root can install it" in message
    assert "run make setup as root" in message


def test_no_engine_and_no_apt(machine: Machine) -> None:
    machine.no_engine()
    message = machine.refused()
    assert "this is not Debian or Ubuntu" in message
    assert "https://docs.docker.com/engine/install/" in message


def test_an_engine_that_only_root_can_start(machine: Machine) -> None:
    machine.no_engine(installed=True)
    machine.command("id", "echo 1000")
    assert "systemctl start docker" in machine.refused()


def test_an_engine_this_user_may_not_use(machine: Machine) -> None:
    machine.command(
        "docker", 'echo "permission denied while trying to connect to the Docker daemon" >&2; exit 1'
    )
    assert "usermod -aG docker" in machine.refused()


def test_a_remote_engine_that_is_down_is_not_replaced(machine: Machine) -> None:
    machine.no_engine(installed=True)
    machine.environment["DOCKER_HOST"] = "ssh://drill@elsewhere.test"
    message = machine.refused()
    assert "the Docker engine of ssh://drill@elsewhere.test does not answer" in message
    assert "unset DOCKER_HOST" in message


@pytest.mark.parametrize("version", ["1.29.2-3", "2.17.2"])
def test_an_old_compose(machine: Machine, version: str) -> None:
    script = (machine.bin / "docker").read_text().replace("2.26.1-4", version)
    machine.command("docker", script)
    message = machine.refused()
    assert f"Compose {version} is too old, 2.24 or newer is needed" in message
    assert "docker-compose-plugin" in message
    assert not machine.calls("uv")


@pytest.mark.parametrize(
    ("plugin", "said"),
    [("compose version", "no Compose plugin"), ("buildx version", "buildx plugin is missing")],
)
def test_a_missing_plugin(machine: Machine, plugin: str, said: str) -> None:
    script = (machine.bin / "docker").read_text()
    machine.command("docker", f'case "$*" in "{plugin}"*) exit 1 ;; esac\n{script}')
    assert said in machine.refused()


def test_no_disk_space(machine: Machine) -> None:
    machine.free_disk(gb=1.5)
    message = machine.refused()
    assert f"no disk space: 1536 MB are free at {machine.checkout}" in message
    assert "docker system prune" in message


def test_a_disk_that_fills_up_meanwhile(machine: Machine) -> None:
    script = (machine.bin / "docker").read_text()
    full = "echo 'write /var/lib/docker/tmp: no space left on device'; exit 1"
    machine.command("docker", f'case "$*" in *" build "*) {full} ;; esac\n{script}')
    done = machine.setup("--no-venv")
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert not list(machine.checkout.glob(".build/run.*"))


def test_python_too_old(machine: Machine) -> None:
    machine.command("python3", 'case "$1" in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac')
    message = machine.refused()
    assert "Python 3.11 or newer is needed, found Python 3.9.2" in message
    assert "apt-get install python3 python3-venv" in message


def test_no_venv_module_and_not_root(machine: Machine) -> None:
    python = os.path.realpath(machine.bin / "python3")
    machine.without("uv")
    machine.command("id", "echo 1000")
    machine.command("python3", f'case "$*" in *ensurepip*) exit 1 ;; esac; exec {python} "$@"')
    assert "apt-get install python3-venv" in machine.refused()


def test_no_network_for_apt(machine: Machine) -> None:
    machine.no_engine()
    machine.command("apt-get", NO_DNS)
    message = machine.refused("--no-venv")
    assert "no network: deb.debian.org cannot be reached" in message
    assert "http_proxy" in message


def test_no_network_for_the_virtual_environment(machine: Machine) -> None:
    dns = "echo 'error: Failed to fetch: `https://pypi.org/simple/`'; echo '  Caused by: dns error'; exit 2"
    script = (machine.bin / "uv").read_text()
    machine.command("uv", f'case "$1" in pip) {dns} ;; esac\n{script}')
    assert "no network: pypi.org cannot be reached" in machine.refused()


def test_no_network_for_the_base_image(machine: Machine) -> None:
    (machine.folder / "images").write_text("")
    machine.command("mmdebstrap", 'echo > "$5"; ' + NO_DNS)
    message = machine.refused("--no-venv")
    assert "no network: deb.debian.org cannot be reached" in message
    assert not machine.calls("docker import")


def test_no_registry_and_no_way_to_bootstrap(machine: Machine) -> None:
    (machine.folder / "images").write_text("")
    message = machine.refused("--no-venv")
    assert "debian:trixie-slim cannot be pulled, and mmdebstrap" in message
    assert "DRILL_BASE_IMAGE" in message


def test_a_named_base_image_that_cannot_be_pulled(machine: Machine) -> None:
    machine.environment["DRILL_BASE_IMAGE"] = "registry.test/base:1"
    message = machine.refused("--no-venv")
    assert "the base image registry.test/base:1 is neither here nor can it be pulled" in message
    assert "correct DRILL_BASE_IMAGE" in message


def test_toxiproxy_can_neither_be_pulled_nor_built(machine: Machine) -> None:
    machine.services("toxiproxy")
    done = machine.bash("find_go() { return 1; }; STEP_ERROR_FILE=$BUILD/said; step_toxiproxy")
    assert done.returncode == 1
    assert "Go 1.23 or newer is missing" in (machine.checkout / ".build/said").read_text()


def test_an_engine_that_dies_at_once(machine: Machine) -> None:
    machine.no_engine(installed=True)
    message = machine.refused("--no-venv")
    assert "the Docker engine does not come up" in message
    assert "failed to start daemon: no cgroup mount" in message


def test_an_engine_that_never_answers(machine: Machine) -> None:
    machine.no_engine(installed=True)
    machine.environment["DRILL_ENGINE_WAIT_S"] = "1"
    machine.command("dockerd", 'echo $$ >"$MACHINE/started"; echo "waiting for containerd"; exec sleep 60')
    message = machine.refused("--no-venv")
    assert "the Docker engine does not come up" in message
    assert "waiting for containerd" in message
    assert not is_alive((machine.folder / "started").read_text().strip())


def test_an_unknown_option(machine: Machine) -> None:
    assert "unknown option: --fast" in machine.refused("--fast")


def is_alive(pid: str) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
