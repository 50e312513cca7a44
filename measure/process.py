"""Starting and stopping a measuring process, so that it can neither be lost nor go on alone.

Its standard input is its life line: when the parent dies, in whichever way, the pipe ends and the child stops
by itself. What it prints goes to a file in the evidence folder and stands in the error when it died.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from stack.wait import wait_until

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_ROOT = Path(__file__).resolve().parent.parent


class ProcessDiedError(RuntimeError):
    """A measuring process ended by itself; the message has its exit status and the last that it printed."""


class MeasuringProcess:
    """A running ``python -m MODULE CONFIG.json``; stopped when the ``with`` block that it opens ends.

    :param config: written to the evidence folder as it is: it holds no secrets.
    :param folder: the drill's folder of evidence.
    :param environment: what is added to this process's environment: where secrets go.
    """

    def __init__(
        self,
        module: str,
        config: DataclassInstance,
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = module.rpartition(".")[2]
        self._output = folder / f"{self.name}.log"
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(path.resolve())],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=_ROOT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs (a stopped one does: only its ticks tell)."""
        return self._process.poll() is None

    def check(self) -> None:
        """Do nothing while it runs.

        :raises ProcessDiedError: when it has ended.
        """
        if not self.alive:
            raise ProcessDiedError(
                f"the {self.name} ended by itself "
                f"(exit status {self._process.returncode}): {self._last_words()}"
            )

    def wait_for(self, path: Path, text: str, timeout_s: float) -> None:
        """Wait until ``text`` stands in its file ``path``: the sign that it really works.

        :raises ProcessDiedError: when it ended before that.
        :raises stack.wait.NotReached: when it did not get there within ``timeout_s`` seconds.
        """
        wait_until(
            lambda: not self.alive or (path.exists() and text in path.read_text(encoding="utf-8")),
            timeout_s=timeout_s,
            what=f"{text} of the {self.name} in {path.name}",
            why_not=lambda: f"it runs; it printed: {self._last_words()}",
        )
        self.check()

    def stop(self, timeout_s: float) -> int:
        """Ask it to end, wait until it has, and kill it after ``timeout_s`` seconds. Idempotent.

        :returns: its exit status: 0 when it ended in order.
        """
        if self._process.stdin:
            self._process.stdin.close()
        if self.alive:
            self._process.terminate()
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _last_words(self) -> str:
        lines = self._output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return "\n".join(lines[-5:]) or "nothing"

    def __enter__(self) -> MeasuringProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(timeout_s=5)
