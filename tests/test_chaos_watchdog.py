"""The watchdog's own life; that it heals is tested on real containers, in tests/live."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from chaos.watchdog import Watchdog, WatchdogGone


def test_it_goes_when_told_and_not_before(tmp_path: Path) -> None:
    with Watchdog(tmp_path) as watchdog:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(watchdog.pid, number)
        watchdog.check()
        assert os.getsid(watchdog.pid) == watchdog.pid, "it has a session of its own: no Ctrl-C reaches it"
    with pytest.raises(WatchdogGone, match="exit status 0"):
        watchdog.check()
    watchdog.stop()
    assert (tmp_path / "watchdog.log").read_text() == ""


def test_that_it_was_killed_is_seen(tmp_path: Path) -> None:
    watchdog = Watchdog(tmp_path)
    os.kill(watchdog.pid, signal.SIGKILL)
    os.waitid(os.P_PID, watchdog.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(WatchdogGone, match="exit status -9"):
        watchdog.check()
    watchdog.stop()
