"""Which images of the Compose file are missing or out of date.

Reads ``docker compose config --format json`` on standard input and prints a line for each image to act
on: ``build:SERVICE`` for one of ours, ``pull:IMAGE`` for somebody else's. With ``--record SERVICE...``
it notes instead that these services' images have just been made. An image of ours is up to date when it
is the one that was made from the same build settings, base image and files. Standard library only: it
runs before anything is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OWN = "dr-drill/"


def local_images() -> dict[str, str]:
    """Id of every tagged image on the engine, by ``name:tag``."""
    listing = subprocess.run(
        ["docker", "image", "ls", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return dict(line.split(" ", 1) for line in listing.splitlines())


def is_here(image: str, local: Mapping[str, str]) -> bool:
    """Whether the engine has ``image``, however it is written: with a tag, a digest, a registry."""
    if image in local or f"{image}:latest" in local:
        return True
    inspected = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    return inspected.returncode == 0


def fingerprint(build: Mapping[str, Any], local: Mapping[str, str]) -> str:
    """SHA-256 over everything that the image depends on."""
    digest = hashlib.sha256()
    context = Path(build["context"])
    settings = {key: value for key, value in build.items() if key != "context"}
    base = build.get("args", {}).get("BASE_IMAGE", "")
    digest.update(json.dumps([settings, local.get(base)], sort_keys=True).encode())
    files = [path for path in context.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    dockerfile = context / build.get("dockerfile", "Dockerfile")
    for path in sorted({*files, dockerfile}):
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"
        mode = path.stat().st_mode if path.is_file() else 0
        digest.update(f"{path.relative_to(context.anchor)} {mode:o} {content}\n".encode())
    return digest.hexdigest()


def main() -> int:
    """The command line; see the module's docstring. Exit 0, or 1 when the engine cannot be asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of what was recorded")
    parser.add_argument("--record", nargs="+", metavar="SERVICE", default=[])
    options = parser.parse_args()
    services: dict[str, Any] = json.load(sys.stdin)["services"]
    try:
        local = local_images()
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    if options.record:
        options.state.mkdir(parents=True, exist_ok=True)
        for name in options.record:
            service = services[name]
            made = f"{fingerprint(service['build'], local)} {local[service['image']]}\n"
            (options.state / name).write_text(made)
        return 0
    wanted = set()
    for name, service in services.items():
        image = service["image"]
        if "build" in service and image.startswith(OWN):
            recorded = options.state / name
            current = f"{fingerprint(service['build'], local)} {local.get(image)}\n"
            if not recorded.is_file() or recorded.read_text() != current:
                wanted.add(f"build:{name}")
        elif not is_here(image, local):
            wanted.add(f"pull:{image}")
    print("\n".join(sorted(wanted)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
