"""The observer stands still while the service is down."""

from __future__ import annotations

import os
import signal
import threading

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "effective" and drill.watch.observer:
        pid = drill.watch.observer.pid
        os.kill(pid, signal.SIGSTOP)
        allowed = drill.settings.max_stall.total_seconds()
        threading.Timer(allowed + 1.5, os.kill, (pid, signal.SIGCONT)).start()
