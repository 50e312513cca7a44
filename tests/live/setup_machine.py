"""A machine for scripts/setup that does not exist: real scripts, a PATH of stand-ins, a checkout of its own.

No Docker, no disk space, no network, an old Compose: none of these can be made for real where the tests run.
Each stand-in is a small shell script; what the scripts need besides is linked from the real machine.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_REAL = (
    *(
        "bash",
        "basename",
        "cat",
        "cp",
        "cut",
        "date",
        "dirname",
        "env",
        "find",
        "flock",
        "grep",
        "head",
        "kill",
    ),
    *("ln", "ls", "mkdir", "mktemp", "mv", "rm", "sed", "setsid", "sh", "sha256sum", "sleep", "sort", "stat"),
    *("tail", "timeout", "touch", "tr", "uname"),
)

_DF = (
    'echo "Filesystem 1024-blocks Used Available Capacity Mounted"; echo "/dev/vda 99999999 0 {free_kb} 1% /"'
)

# Answers as an engine does, from a folder: `engine` says that it is up, `images` has lines "name:tag id".
_DOCKER = """
echo "docker $*" >>"$MACHINE/calls"
case "$*" in
    info*) [ -e "$MACHINE/engine" ] || { echo "Cannot connect to the Docker daemon" >&2; exit 0; }
           case "$*" in *DockerRootDir*) echo "$MACHINE" ;; *) echo 26.1.5 ;; esac ;;
    "context show") echo default ;;
    "compose version --short") echo 2.26.1-4 ;;
    "buildx version") echo "github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3" ;;
    *" config --format json") cat "$MACHINE/compose.json" ;;
    *" build "*) for s in ${*##* build }; do sed -i "/^dr-drill\\/$s:/d" "$MACHINE/images"
                 echo "dr-drill/$s:latest sha256:$s-$$" >>"$MACHINE/images"; done ;;
    "image ls"*) cat "$MACHINE/images" ;;
    "image inspect"*) grep -q "^$3 " "$MACHINE/images" ;;
    pull*) echo "lookup registry: no such host" >&2; exit 1 ;;
    import*) echo "$3 sha256:base" >>"$MACHINE/images" ;;
    *) echo "unexpected: docker $*" >&2; exit 64 ;;
esac
"""

_UV = """
echo "uv $*" >>"$MACHINE/calls"
case "$1" in
    venv) mkdir -p "$4/bin" && ln -s "$(command -v python3)" "$4/bin/python" ;;
    pip) ln -sf "$(command -v sleep)" "${4%/*}/pytest" ;;
esac
"""


class Machine:
    """One such machine, in ``folder``: a root's, with a working engine and no image but the base."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.checkout = folder / "checkout"
        self.environment: dict[str, str] = {}
        self.bin.mkdir(parents=True)
        shutil.copytree(
            ROOT / "scripts", self.checkout / "scripts", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copy(ROOT / "pyproject.toml", self.checkout)
        for name in _REAL:
            real = shutil.which(name)
            if real is None:
                raise FileNotFoundError(name)
            (self.bin / name).symlink_to(real)
        (self.bin / "python3").symlink_to(os.path.realpath(sys.executable))
        self.command("id", "echo 0")
        self.command("docker", _DOCKER)
        self.command("uv", _UV)
        self.free_disk(gb=50)
        self.services("postgres", "redis")
        (folder / "images").write_text("dr-drill/base:trixie sha256:base\n")
        (folder / "engine").touch()

    def command(self, name: str, script: str) -> None:
        """Put a stand-in for ``name`` in PATH."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def without(self, *names: str) -> None:
        """Take commands away."""
        for name in names:
            (self.bin / name).unlink(missing_ok=True)

    def no_engine(self, *, installed: bool = False) -> None:
        """Stop the engine; unless it stays installed, remove it."""
        (self.folder / "engine").unlink()
        if installed:
            self.command("dockerd", "echo 'failed to start daemon: no cgroup mount'; exit 1")
        else:
            self.without("docker")

    def free_disk(self, *, gb: float) -> None:
        """Free space, wherever one looks, in GB."""
        self.command("df", _DF.format(free_kb=int(gb * 1024 * 1024)))

    def services(self, *names: str) -> None:
        """The Compose file's services, each with an image of ours built from a folder of its own."""
        services = {}
        for name in names:
            context = self.checkout / "stack" / name
            context.mkdir(parents=True, exist_ok=True)
            (context / "Dockerfile").write_text(f"FROM dr-drill/base:trixie\nLABEL name={name}\n")
            build = {
                "context": str(context),
                "dockerfile": "Dockerfile",
                "args": {"BASE_IMAGE": "dr-drill/base:trixie"},
            }
            services[name] = {"image": f"dr-drill/{name}:latest", "build": build}
        (self.folder / "compose.json").write_text(json.dumps({"services": services}))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start scripts/setup, in a session of its own so that a whole terminal's Ctrl-C can be played."""
        environment = {
            "PATH": str(self.bin),
            "HOME": str(self.folder),
            "MACHINE": str(self.folder),
            "DRILL_DOCKERD_PIDFILE": str(self.folder / "docker.pid"),
            "DRILL_ENGINE_WAIT_S": "5",
            **self.environment,
        }
        return subprocess.Popen(
            [str(self.checkout / "scripts/setup"), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def setup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run scripts/setup to its end."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def refused(self, *arguments: str) -> str:
        """Run scripts/setup, which must fail with one message and leave nothing; return the message."""
        before = self.contents()
        done = self.setup(*arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert done.stderr.count("set-up: ERROR:") == 1, done.stderr
        assert done.stderr.count("remedy: ") == 1, done.stderr
        assert self.contents() == before
        return done.stderr

    def bash(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run ``script`` where scripts/setup's parts are loaded, but nothing has been done."""
        loaded = "set -euo pipefail; ROOT=$PWD BUILD=$PWD/.build LIB=$PWD/scripts/lib; mkdir -p $BUILD/logs; "
        loaded += "for part in $LIB/*.sh; do . $part; done; RUN_DIR=$BUILD; "
        return subprocess.run(
            ["bash", "-c", loaded + script],
            cwd=self.checkout,
            env={"PATH": str(self.bin), "MACHINE": str(self.folder), "PYTHON": "python3", **self.environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def calls(self, beginning: str) -> list[str]:
        """What was asked of the stand-ins that note it."""
        noted = self.folder / "calls"
        lines = noted.read_text().splitlines() if noted.exists() else []
        return [line for line in lines if line.startswith(beginning)]

    def contents(self) -> set[str]:
        """Every file of the checkout but the logs and the locks, which are meant to stay."""
        kept = {".build", ".build/logs", ".build/setup.lock", ".build/apt.lock"}
        names = {str(path.relative_to(self.checkout)) for path in self.checkout.rglob("*")}
        return {
            name
            for name in names
            if name not in kept and not name.startswith(".build/logs/") and "__pycache__" not in name
        }
