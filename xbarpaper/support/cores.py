"""How many cores there are, and who computes on them.

Every process computes on one thread, so that results do not depend on the machine and processes do not wait for one
another's threads. Processes that run side by side share the cores by ``Slots``.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.yaml_files import read_yaml

VARIABLE: Final = "XBARPAPER_CORES"
"""Environment variable: the folder of the slots that processes started by one command share."""

_LIBRARIES: Final = ("OMP", "MKL", "OPENBLAS", "NUMBA", "VECLIB")
_CGROUP: Final = Path("/sys/fs/cgroup")


def available() -> int:
    """The cores that this process may use: those it is bound to, within the limit of its control group."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(bound, int(_quota() or bound)))


def _quota() -> float | None:
    """Cores' worth of time that the control group may use; None without a limit."""
    try:
        quota, period = (_CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:  # version 1
            quota = (_CGROUP / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (_CGROUP / "cpu/cpu.cfs_period_us").read_text()
        except OSError:
            return None
    return int(quota) / int(period) if quota.isdecimal() else None


def threads(root: Path) -> int:
    """The parameter ``execution.threads``; 1 where params.yaml does not have it, or is not in order."""
    try:
        found: Any = read_yaml(root / "params.yaml", "params.yaml")["execution"]["threads"]
    except (ArtifactError, KeyError, TypeError):
        return 1
    return found if isinstance(found, int) and found > 0 else 1


def environment(root: Path) -> dict[str, str]:
    """Environment variables for numerical libraries that have not been loaded yet."""
    return {f"{name}_NUM_THREADS": str(threads(root)) for name in _LIBRARIES}


class Slots:
    """As many places as there are cores; who computes holds one.

    A place is a locked file, so the system frees it when its holder dies, however it does.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._files = [folder / str(number) for number in range(count)]
        self._held: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """A place for as long as the block runs; waits until one is free."""
        self.take()
        try:
            yield
        finally:
            self.leave()

    def take(self) -> None:
        """Wait for a place and hold it."""
        pause = 0.002
        while not self.try_to_take():
            time.sleep(pause)
            pause = min(2 * pause, 0.05)

    def try_to_take(self) -> bool:
        """Hold a place if one is free; returns whether this process holds one."""
        if self._held is not None:
            return True
        for path in self._files:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
            else:
                self._held = handle
                return True
        return False

    def leave(self) -> None:
        """Give the place back."""
        if self._held is not None:
            fcntl.flock(self._held, fcntl.LOCK_UN)  # closing is not enough where a child has the file too
            self.forget()

    def forget(self) -> None:
        """In a child: leave the place that was inherited to the parent."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
