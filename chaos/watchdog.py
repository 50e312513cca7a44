"""A process that heals when the one that injects has died, ``kill -9`` included.

It holds the reading end of a pipe whose writing end only its parent has. A goodbye, then the end: the parent
is done. The end alone: the parent is dead, and whatever its journal has left is healed::

    parent ──▶ python -m chaos.watchdog RUN_DIR ──▶ "ready"
       ├── stop(): goodbye, end of file ──▶ exit 0
       └── dies: end of file ──▶ heal the journal ──▶ exit 0, or 1 if something is left
"""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from chaos.healing import heal_run

LOG = "watchdog.log"
READY = b"ready\n"
GOODBYE = b"goodbye\n"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
_ROOT = Path(__file__).resolve().parent.parent


class WatchdogGone(RuntimeError):
    """There is no watchdog: nobody would heal if this process died now."""


class Watchdog:
    """The parent's end: one for each run, around all that is injected in it."""

    def __init__(self, run_dir: Path) -> None:
        self._log = run_dir / LOG
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.watchdog", str(run_dir.resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=_ROOT,
                start_new_session=True,  # Ctrl-C at the terminal is not for it
            )
        try:
            self._await_ready()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def _await_ready(self) -> None:
        said = self._process.stdout
        if said is None or not select.select([said], [], [], START_TIMEOUT_S)[0] or said.readline() != READY:
            raise WatchdogGone(f"the watchdog did not start; see {self._log}")

    def check(self) -> None:
        """Do nothing while it is there.

        :raises WatchdogGone: when it has ended.
        """
        if self._process.poll() is not None:
            raise WatchdogGone(
                f"the watchdog has ended (exit status {self._process.returncode}); see {self._log}"
            )

    def stop(self) -> None:
        """Tell it that this process is done, and see it go; idempotent."""
        try:
            self._process.communicate(GOODBYE, timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        except ValueError:
            return  # it was stopped before

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def main() -> int:
    """Wait for the parent's end on standard input; exit status 1 when a fault could not be healed."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        # Whoever ends the parent so gets it to heal; whoever ends this one leaves nobody to.
        signal.signal(number, signal.SIG_IGN)
    run_dir = Path(sys.argv[1])
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    if sys.stdin.buffer.read().endswith(GOODBYE):
        return 0
    print("the parent has died: healing what it left", file=sys.stderr, flush=True)
    outcome = heal_run(run_dir)
    for line in (*(f"healed: {healed}" for healed in outcome.healed), *outcome.problems):
        print(line, file=sys.stderr, flush=True)
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
