"""How many cores there are, and who computes on them.

Every process computes on one thread, so that results do not depend on the machine and processes do not wait for one
another's threads. Stages that run side by side share the cores by ``place``.
"""

from __future__ import annotations

import ctypes
import fcntl
import getpass
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from xbarpaper.support import control_groups
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.yaml_files import read_yaml

VARIABLE: Final = "XBARPAPER_CORES"
"""Environment variable, ``COUNT:FOLDER``: the places that all processes of one command share; see ``Place``."""

ARITHMETIC: Final = frozenset({
    "ATEN_CPU_CAPABILITY", "DNNL_DEFAULT_FPMATH_MODE", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "NUMBA_CPU_FEATURES", "NUMBA_CPU_NAME", "NUMBA_DISABLE_JIT",
    "NUMBA_OPT", "NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
})  # fmt: skip
"""Environment variables that have libraries compute otherwise, some in fewer bits; images of containers set them."""

_LIBRARIES: Final = ("OMP", "MKL", "OPENBLAS", "NUMBA", "VECLIB")
_MALLOC: Final = {-1: -1, -4: 0}  # mallopt(3): no M_TRIM_THRESHOLD, and no mapping of its own for any tensor
_PIDFD_OPEN: Final = 434  # pidfd_open(2), on every architecture


def available() -> int:
    """The cores that this process may use: those it is bound to, within the limits of its control groups."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(bound, control_groups.cores())))


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


def keep_freed_memory() -> None:
    """Have this process keep what it frees for its next tensors, where the C library can (glibc).

    By itself it gives large ones back to the system, which hands out zeroed pages for the next: a fifth of the time of
    a training step at full width.
    """
    with suppress(OSError, AttributeError):
        for option, value in _MALLOC.items():
            ctypes.CDLL(None).mallopt(option, value)


class Place:
    """One of as many places as there are cores. Processes that run side by side hold one each while they compute.

    A place is a locked file, so the system frees it when its holder dies, however it does.
    """

    def __init__(self, folder: Path | None, count: int) -> None:
        """Without a folder there is nobody to share with, and no waiting."""
        self._files = [] if folder is None else [folder / str(number) for number in range(count)]
        self._held: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a place for as long as the block runs; waits until one is free."""
        self._take()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Give the place that this process holds to others for as long as the block runs.

        An error, such as Ctrl-C, ends the block at once: whoever has the place then may keep it for hours.
        """
        held = self._held is not None
        self._leave()
        yield
        if held:
            self._take()

    def forget(self) -> None:
        """In a child: leave the place that was inherited to the parent."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _take(self) -> None:
        pause = 0.002
        while self._files and not self._taken():
            time.sleep(pause)
            pause = min(2 * pause, 0.05)

    def _taken(self) -> bool:
        """Hold a place if one is free."""
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

    def _leave(self) -> None:
        if self._held is not None:
            fcntl.flock(self._held, fcntl.LOCK_UN)  # closing is not enough where a child has the file too
            self.forget()


def end_with_dvc() -> None:
    """Where DVC runs this process (on Linux): end it when DVC is killed, which tells nobody."""
    if "DVC_STAGE" not in os.environ:
        return
    process = os.getppid()
    # The last is raised where no thread can be started.
    with suppress(OSError, AttributeError, IndexError, RuntimeError):
        # DVC gives the variable to what it starts, a shell between the two included.
        while b"DVC_STAGE=" in Path(f"/proc/{process}/environ").read_bytes():
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        ended = end_of(process)
        threading.Thread(target=lambda: select.select([ended], [], []) and os._exit(1), daemon=True).start()


def end_of(process: int) -> int:
    """A file that can be read once a process has ended, to be closed.

    Raises:
        OSError: there is no such process, or the system has no such files: it is not Linux, or older than 5.3.
    """
    # The Pythons of conda and uv are compiled without os.pidfd_open.
    ended: int = ctypes.CDLL(None).syscall(_PIDFD_OPEN, process, 0) if sys.platform == "linux" else -1
    if ended < 0:
        raise OSError(f"process {process}: its end cannot be waited for")
    return ended


@cache
def place() -> Place:
    """The place of this process among those that ``VARIABLE`` names."""
    count, _, folder = os.environ.get(VARIABLE, "").partition(":")
    return Place(Path(folder), int(count)) if folder and count.isdecimal() else Place(None, 0)


def name_user() -> None:
    """Give the user a name for libraries that insist on one: in a container, a number may be all there is."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = f"user{os.getuid()}"


def fork() -> int:
    """Start a copy of this process; returns its number, and 0 in the copy.

    Raises:
        ArtifactError: the system starts none.
    """
    try:
        return os.fork()
    except OSError as error:
        raise ArtifactError(
            f"no process can be started: {error.strerror} (`ulimit -u` is how many you may have)"
        ) from None


def die_with(parent: int) -> None:
    """Have this process killed when its parent is, where the system can (Linux)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)
