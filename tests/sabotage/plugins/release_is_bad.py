"""The image that the rebuild deploys is the broken one."""

from __future__ import annotations

import os

from chaos.bad_image import BadImage
from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "effective" and isinstance(drill.found.fault, BadImage):
        os.environ["DRILL_DASHBOARD_IMAGE"] = drill.found.fault.tag
