"""Dask schedulers and workers as processes of their own on the loopback, to be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from repository import ROOT, wait_for


class Machines:
    """A scheduler and its workers, as a reader would start them; all end with the block.

    Workers come without a nanny: one that is killed stays dead until ``work`` starts another.
    """

    def __init__(self, folder: Path, workers: int = 0, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "OMP_NUM_THREADS": "1",
            **(environment or {}),
        }
        self.workers: list[subprocess.Popen[bytes]] = []
        self._contact = folder / "scheduler.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show",
            "--scheduler-file", str(self._contact),
        )  # fmt: skip
        for _ in range(workers):
            self.work()
        wait_for(self._scheduling, "no scheduler")

    def _scheduling(self) -> bool:
        """Whether the scheduler has written its address; the file is there before it is whole."""
        return self._contact.exists() and self._contact.read_bytes().rstrip().endswith(b"}")

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return str(json.loads(self._contact.read_text(encoding="utf-8"))["address"])

    def work(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        process = self._start(
            "worker", "--scheduler-file", str(self._contact), "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--memory-limit", "0", "--local-directory", str(self.folder), "--death-timeout", "60",
            **environment,
        )  # fmt: skip
        self.workers.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL: no goodbye."""
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process in self.workers:
            self.workers.remove(process)

    def _start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words], cwd=self.folder, env=self.environment | environment,
                stdout=log, stderr=log,
            )  # fmt: skip

    def __enter__(self) -> Machines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait()
