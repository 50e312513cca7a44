"""What the terminal shows while a drill runs: its phase, the time against the RTO, the last thing seen.

On a terminal one line is redrawn; elsewhere (CI, a file) plain lines, with a heartbeat when all is quiet.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from reports import figures

HEARTBEAT_S = 5.0
_REDRAWS_PER_S = 8.0


class Progress:
    """Shows one drill's progress; a context manager.

    :param rto_s: the recovery time promised, in seconds; None: none is.
    :param heartbeat_s: seconds without news after which a plain line is printed all the same.
    """

    def __init__(
        self, console: Console, drill_title: str, rto_s: float | None, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._console = console
        self._title = drill_title
        self._rto = rto_s
        self._heartbeat = heartbeat_s
        self._started = time.monotonic()
        self._t_zero: float | None = None
        self._ended: float | None = None
        self._phase = "starting"
        self._fact = ""
        self._live: Live | None = None
        self._beat: threading.Thread | None = None
        self._news = threading.Event()
        self._over = threading.Event()

    def phase(self, name: str) -> None:
        """The drill has entered the phase ``name``."""
        self._phase, self._fact = name, ""
        self._tell()

    def fact(self, text: str) -> None:
        """Something was seen, as ``alert DashboardDown after 4.2 s``."""
        self._fact = text
        self._tell()

    def fault_effective(self, t_zero: float) -> None:
        """The fault is in effect since ``t_zero`` (monotonic seconds): time runs against the RTO."""
        self._t_zero = t_zero
        self._tell()

    def recovered(self, verified: float) -> None:
        """Recovery was verified at ``verified`` (monotonic seconds): the clock stands still."""
        self._ended = verified
        self._tell()

    def line(self) -> str:
        """The state in one line."""
        parts = [self._title, self._phase, self._time()]
        return " · ".join([part for part in parts if part] + ([self._fact] if self._fact else []))

    def __rich__(self) -> RenderableType:
        return Text(self.line(), no_wrap=True, overflow="ellipsis")

    def __enter__(self) -> Progress:
        self._started = time.monotonic()
        if self._console.is_terminal:
            # Transient: the lines that stay are printed by those who have something to say for good.
            self._live = Live(
                self, console=self._console, refresh_per_second=_REDRAWS_PER_S, transient=True,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()
        else:
            self._beat = threading.Thread(target=self._keep_beating, name="progress", daemon=True)
            self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        if self._beat:
            self._over.set()
            self._news.set()
            self._beat.join()

    def _tell(self) -> None:
        if self._live is None:
            self._print()
            self._news.set()

    def _keep_beating(self) -> None:
        while not self._over.is_set():
            if self._news.wait(self._heartbeat):
                self._news.clear()
            else:
                self._print()

    def _print(self) -> None:
        self._console.print(Text(self.line()), soft_wrap=True)

    def _time(self) -> str:
        now = time.monotonic()
        if self._t_zero is None:
            return f"{now - self._started:.0f} s"
        elapsed = (self._ended or now) - self._t_zero
        if self._rto is None:
            return f"T0 + {elapsed:.1f} s"
        over = " OVER" if elapsed > self._rto else ""
        return f"T0 + {elapsed:.1f} s of {figures.duration(self._rto)} RTO{over}"
