"""Containers: a bad deployment, whose process exits at once: a crash loop that no restart can mend.

::

    prepare: note the release image
    inject: build the bad image, deploy it ──▶ effective: the new container crashes and is restarted
        ──▶ heal: deploy the release image, remove the bad one ──▶ healed: up and healthy on the release image

The bad image is built from the present one, without network, and carries the drill's labels.
"""

from __future__ import annotations

import io
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import docker.errors
from docker.models.images import Image

from chaos.base import saved, transient
from chaos.containers import ContainerFault, DeathWatch, own_container
from stack.stack import DRILL_LABEL
from stack.wait import wait_until

FAULT_LABEL = "dr.fault"

# An entrypoint, since the Compose file's command would take the place of a command.
_DOCKERFILE = """\
FROM {image}
ENTRYPOINT ["/bin/sh", "-c", "echo 'fatal: broken release: cannot start' >&2; exit 1"]
"""


@dataclass
class BadImage(ContainerFault):
    """Deploys a broken image for ``service``.

    ``release`` and ``release_id`` are the reference and the id of the image that ran before.
    """

    name: ClassVar[str] = "bad-image"
    release: str = saved("")
    release_id: str = saved("")
    _seen: float | None = transient()

    @property
    def tag(self) -> str:
        """The bad image's name."""
        return f"dr-drill/bad-{self.service}:{self.stack.drill_id}"

    @property
    def _mark(self) -> str:
        return f"{self.name}/{self.service}"

    def describe(self) -> str:
        """One sentence for the report."""
        return (
            f"A broken image of {self.service} is deployed: its process exits with status 1 at every start."
        )

    def prepare(self) -> None:
        """Note which image is the release."""
        container = own_container(self.stack, self.service)
        self.release = container.attrs["Config"]["Image"]
        self.release_id = container.attrs["Image"]

    def inject(self) -> None:
        """Build the bad image and deploy it."""
        self.stack.docker.images.build(
            fileobj=io.BytesIO(_DOCKERFILE.format(image=self.release_id).encode()),
            tag=self.tag,
            labels={**self.stack.labels, FAULT_LABEL: self._mark},
            network_mode="none",
            rm=True,
            forcerm=True,
        )
        container = own_container(self.stack, self.service)
        with DeathWatch(self.stack, str(container.id)) as watch:
            self._deploy(self.tag)
        self._seen = watch.seen

    def _deploy(self, image: str) -> None:
        variable = f"DRILL_{self.service.upper().replace('-', '_')}_IMAGE"
        self.stack.compose("up", "-d", "--no-deps", "--no-build", self.service, env={variable: image})

    def wait_effective(self, timeout_s: float) -> float:
        """When the service went down for the bad image, once that one is seen to crash and be restarted."""
        first: list[float] = []

        def loops() -> bool:
            container = own_container(self.stack, self.service)
            state = container.attrs["State"]
            crashed = container.attrs["Config"]["Image"] == self.tag and state["ExitCode"] != 0
            if crashed and not first:
                first.append(time.monotonic())
            return crashed and (bool(state["Restarting"]) or container.attrs["RestartCount"] > 0)

        wait_until(loops, timeout_s=timeout_s, what=f"{self.service} crashes and is restarted")
        return self._seen if self._seen is not None else first[0]

    def heal(self) -> None:
        """Deploy the release image, unless it runs already, and remove the bad one."""
        if self.stack.containers() and not self._on_release():
            self._deploy(self.release)
        super().heal()
        for image in self._images():
            with suppress(docker.errors.ImageNotFound):
                self.stack.docker.images.remove(str(image.id), force=True)

    def _on_release(self) -> bool:
        try:
            image = own_container(self.stack, self.service).attrs["Config"]["Image"]
        except LookupError:
            return False
        return bool(image != self.tag)

    def wait_healed(self, timeout_s: float) -> None:
        """Until the service is up and healthy on another image, and the bad one is gone."""
        super().wait_healed(timeout_s)
        wait_until(
            lambda: (self._on_release() or not self.stack.containers()) and not self._images(),
            timeout_s=timeout_s,
            what=f"{self.service} runs the release image and {self.tag} is gone",
        )

    def _images(self) -> list[Image]:
        # By label: a build that was cut short leaves an image without a name.
        marks: list[str] | str = [f"{DRILL_LABEL}={self.stack.drill_id}", f"{FAULT_LABEL}={self._mark}"]
        found: list[Image] = self.stack.docker.images.list(filters={"label": marks})
        return found
