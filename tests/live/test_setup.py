"""scripts/setup where it works: what it does, what it leaves alone, how it ends early."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from stack.wait import wait_until
from tests.live.setup_machine import Machine

pytestmark = pytest.mark.live


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def ready(machine: Machine) -> Machine:
    """A machine on which the set-up has been done once."""
    done = machine.setup()
    assert done.returncode == 0, done.stdout + done.stderr
    (machine.folder / "calls").unlink()
    return machine


def built(machine: Machine) -> list[str]:
    """Which services' images were built, in the order of the calls."""
    return [
        name
        for call in machine.calls("docker compose")
        if " build " in call
        for name in call.split(" build ")[1].split()
    ]


def test_builds_what_is_missing(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 0, done.stdout + done.stderr
    assert built(machine) == ["postgres", "redis"]
    assert (machine.checkout / ".venv/bin/pytest").exists()
    assert done.stdout.splitlines()[-1].startswith("set-up: ready in ")
    assert not list(machine.checkout.glob(".build/run.*"))


def test_second_run_does_nothing(ready: Machine) -> None:
    done = ready.setup()
    assert done.returncode == 0
    assert built(ready) == []
    assert ready.calls("uv") == []
    assert len(done.stdout.splitlines()) == 1


def test_less_disk_is_enough_once_the_images_are_there(ready: Machine) -> None:
    ready.free_disk(gb=1.5)
    assert ready.setup().returncode == 0


def test_a_changed_dockerfile_rebuilds_its_image_only(ready: Machine) -> None:
    with (ready.checkout / "stack/redis/Dockerfile").open("a") as file:
        file.write("USER redis\n")
    assert ready.setup().returncode == 0
    assert built(ready) == ["redis"]


@pytest.mark.parametrize("change", ["removed", "made elsewhere"])
def test_an_image_that_is_not_the_one_that_was_built(ready: Machine, change: str) -> None:
    images = ready.folder / "images"
    lines = [line for line in images.read_text().splitlines() if not line.startswith("dr-drill/redis")]
    if change == "made elsewhere":
        lines.append("dr-drill/redis:latest sha256:other")
    images.write_text("\n".join(lines) + "\n")
    assert ready.setup().returncode == 0
    assert built(ready) == ["redis"]


def test_another_base_rebuilds_every_image(ready: Machine) -> None:
    images = ready.folder / "images"
    images.write_text(images.read_text().replace("sha256:base", "sha256:newer"))
    assert ready.setup().returncode == 0
    assert built(ready) == ["postgres", "redis"]


def test_an_image_of_the_users_own_is_pulled_never_built(machine: Machine) -> None:
    compose = machine.folder / "compose.json"
    compose.write_text(compose.read_text().replace("dr-drill/postgres:latest", "postgres:17"))
    done = machine.setup("--no-venv")
    assert done.returncode == 1
    assert "the image postgres:17 is neither here nor can it be pulled" in done.stderr
    with (machine.folder / "images").open("a") as images:
        images.write("postgres:17 sha256:theirs\n")
    assert machine.setup("--no-venv").returncode == 0
    assert built(machine) == ["redis"]


def test_a_changed_project_updates_the_environment(ready: Machine) -> None:
    with (ready.checkout / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert ready.setup().returncode == 0
    assert [call.split()[1] for call in ready.calls("uv")] == ["pip"]


def test_half_an_environment_is_made_anew(machine: Machine) -> None:
    half = machine.checkout / ".venv/lib"
    half.mkdir(parents=True)
    assert machine.setup().returncode == 0
    assert [call.split()[1] for call in machine.calls("uv")] == ["venv", "pip"]
    assert not half.exists()


def test_a_moved_checkout_gets_a_new_environment(ready: Machine) -> None:
    ready.checkout = ready.checkout.rename(ready.folder / "moved")
    compose = ready.folder / "compose.json"
    compose.write_text(compose.read_text().replace("/checkout/", "/moved/"))
    assert ready.setup().returncode == 0
    assert [call.split()[1] for call in ready.calls("uv")] == ["venv", "pip"]


def test_without_a_registry_the_base_is_bootstrapped(machine: Machine) -> None:
    (machine.folder / "images").write_text("")
    machine.command("mmdebstrap", 'for last in "$@"; do :; done; echo tar >"$last"')
    done = machine.setup("--no-venv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(machine.calls("docker import")) == 1


def test_a_registry_that_hangs_is_given_up_for_the_run(machine: Machine) -> None:
    script = (machine.bin / "docker").read_text()
    machine.command(
        "docker", f'case "$1" in pull) echo pull >>"$MACHINE/calls"; exec sleep 60 ;; esac\n{script}'
    )
    done = machine.bash("REGISTRY_WAIT_S=1; pull one || pull two || echo given up")
    assert done.stdout.splitlines() == ["no answer from the registry of one within 1 s", "given up"]
    assert machine.calls("pull") == ["pull"]


def test_the_installed_engine_is_started_once_and_stays(machine: Machine) -> None:
    machine.no_engine(installed=True)
    start = (
        'echo $$ >>"$MACHINE/started"; echo $$ >"$MACHINE/docker.pid"; touch "$MACHINE/engine"; exec sleep 60'
    )
    machine.command("dockerd", start)
    done = machine.setup("--no-venv")
    started = (machine.folder / "started").read_text().split()
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        os.kill(int(started[0]), 0)
        assert machine.setup("--no-venv").returncode == 0
        assert (machine.folder / "started").read_text().split() == started
    finally:
        os.kill(int(started[0]), signal.SIGKILL)


def test_an_engine_that_is_starting_is_waited_for(machine: Machine) -> None:
    """Its process lives and does not answer yet: a second one would fight with it for the same data."""
    machine.no_engine(installed=True)
    machine.command(
        "dockerd", 'echo $$ >"$MACHINE/docker.pid"; sleep 1; touch "$MACHINE/engine"; sleep 60; :'
    )
    environment = {"PATH": str(machine.bin), "MACHINE": str(machine.folder)}
    with subprocess.Popen([str(machine.bin / "dockerd")], env=environment, start_new_session=True) as first:
        try:
            wait_until((machine.folder / "docker.pid").exists, timeout_s=5, what="the first one has started")
            done = machine.setup("--no-venv")
            assert done.returncode == 0, done.stdout + done.stderr
            assert (machine.folder / "docker.pid").read_text().split() == [str(first.pid)]
        finally:
            os.killpg(first.pid, signal.SIGKILL)


@pytest.mark.parametrize("pid", ["999999999", str(os.getpid())], ids=["of nobody", "of another process"])
def test_a_dead_engines_pid_file_is_cleared(machine: Machine, pid: str) -> None:
    """Also when its number is some other process's by now."""
    left = machine.folder / "docker.pid"
    left.write_text(pid)
    assert machine.bash(f"clear_stale_pid {left} dockerd").returncode == 0
    assert not left.exists()


@pytest.fixture
def debian_12(machine: Machine) -> Machine:
    """Its apt offers an engine and a Compose that are too old; its own folders are left alone."""
    versions = "docker.io) echo '  Candidate: 20.10.24' ;; docker-compose) echo '  Candidate: 1.29.2-3' ;;"
    machine.command("apt-cache", f'case "$2" in {versions} esac')
    machine.command("apt-get", 'echo "apt-get $*" >>"$MACHINE/calls"')
    machine.command("grep", "exit 0")  # yes, /etc/os-release says that it is Debian
    return machine


def install(machine: Machine) -> int:
    sources = f"TRIXIE_SOURCE={machine.folder}/source TRIXIE_PIN={machine.folder}/pin; "
    return machine.bash(sources + "( install_engine )").returncode


def test_debian_12_gets_the_engine_of_debian_13(debian_12: Machine) -> None:
    assert install(debian_12) == 0
    assert "Suites: trixie" in (debian_12.folder / "source").read_text()
    assert "Pin-Priority: 50\n" in (debian_12.folder / "pin").read_text()
    assert debian_12.calls("apt-get")[-1].endswith(" docker.io docker-cli docker-compose docker-buildx")


def test_a_source_that_brings_nothing_is_taken_back(debian_12: Machine) -> None:
    debian_12.command("apt-get", 'case "$*" in *" install "*) exit 100 ;; esac')
    assert install(debian_12) != 0
    assert not (debian_12.folder / "source").exists()
    assert not (debian_12.folder / "pin").exists()


def test_somebody_elses_broken_package_source_does_not_matter(debian_12: Machine) -> None:
    debian_12.command("apt-get", 'case "$*" in *" update"*) exit 100 ;; esac')
    assert install(debian_12) == 0


def test_interrupted(machine: Machine) -> None:
    machine.command("uv", 'mkdir -p "$4/bin"; echo $$ >"$MACHINE/started"; exec sleep 60')
    before = machine.contents()
    with machine.start() as process:
        started = machine.folder / "started"
        wait_until(
            lambda: started.exists() and started.read_text() != "",
            timeout_s=10,
            what="the environment is being made",
        )
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted" in err
    assert machine.contents() - before <= {".build/images", ".build/images/postgres", ".build/images/redis"}
    assert not Path(f"/proc/{started.read_text().strip()}").exists()


def test_a_long_step_shows_signs_of_life(machine: Machine) -> None:
    steps = machine.checkout / "scripts/lib/steps.sh"
    steps.write_text(steps.read_text().replace("HEARTBEAT_MS=4000", "HEARTBEAT_MS=300"))
    script = (machine.bin / "uv").read_text()
    machine.command("uv", f"echo resolving; sleep 2; {script}")
    assert re.search(r"venv          … \d+ s  resolving", machine.setup().stdout)


def test_one_at_a_time(machine: Machine) -> None:
    (machine.checkout / ".build").mkdir()
    with (machine.checkout / ".build/setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with machine.start("--no-venv") as process:
            assert process.stdout is not None
            assert "another set-up runs in this checkout" in process.stdout.readline()
            fcntl.flock(lock, fcntl.LOCK_UN)
            process.communicate(timeout=20)
    assert process.returncode == 0


def test_help(machine: Machine) -> None:
    done = machine.setup("--help")
    assert done.returncode == 0
    assert "DRILL_BASE_IMAGE" in done.stdout
