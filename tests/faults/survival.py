"""What it means to survive a bad input, and the watch that tells: over files, processes, memory and time."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from xbarpaper.support.errors import ArtifactError

MOST_MIB = 384
"""Memory that reading an input may add at its peak."""

SECONDS = 30
LONGEST_LINE = 1000

_ROOM_MIB = 3 << 10  # of addresses: what asks for more gets a MemoryError instead of the machine
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.mkfifo", "os.mknod",
}  # fmt: skip
_RUNS = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pickle.find_class", "socket.connect",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        name: what is wrong with it; unique among its kind.
        write: puts it into a folder.
        read: reads it there by an entry point of the library, and checks what it got if nothing was refused.
        outcome: whether it must be refused or must be accepted; ``either`` where a random change may do no harm.
        says: pattern that the one line must hold.
    """

    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
    outcome: Literal["refused", "accepted", "either"] = "refused"
    says: str = ""


def holding(name: str, content: bytes) -> Callable[[Path], object]:
    """What puts a file into a folder."""
    return lambda folder: (folder / name).write_bytes(content)


class _TooLong(BaseException):
    """Not an Exception: nothing that reads an input may catch it."""


class _Watch:
    """What Python's audit events say: files written outside of a folder, and code that ran."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.seen: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in _RUNS:
            self.seen.append(f"{event} {arguments!r:.100}")
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITES:
                self._changed(event, path)
        elif event in _CHANGES:
            self._changed(event, arguments[0])
            if event in ("os.rename", "os.link", "os.symlink"):
                self._changed(event, arguments[1])

    def _changed(self, event: str, path: Any) -> None:
        if self.folder is None or not isinstance(path, (str, bytes, os.PathLike)):
            return
        absolute = Path(os.path.realpath(os.fsdecode(path)))
        if absolute == Path("/dev/null") or absolute.name.startswith("torchinductor_"):
            return  # torch makes its compiler's folder, once, when it is first asked for an unusual type
        if not absolute.is_relative_to(self.folder):
            self.seen.append(f"{event} {absolute}")


_watch = _Watch()
_hooked = False


def failure(case: Case, folder: Path) -> str | None:
    """Read one input.

    Args:
        case: the input.
        folder: an empty folder for it; nothing may be written outside of it.

    Returns:
        What went wrong, in words; None if the input was survived.
    """
    case.write(folder)
    message: str | None = None
    wrong: str | None = None
    try:
        with _limits():
            before = _memory_kib("VmRSS")
            with watched(folder) as seen, warnings.catch_warnings(record=True) as warned:
                case.read(folder)
    except ArtifactError as error:
        message = str(error)
    except _TooLong:
        wrong = f"took longer than {SECONDS} seconds"
    except (Exception, SystemExit) as error:
        wrong = f"{type(error).__name__}: {error!s:.200}"
    grown = (_memory_kib("VmHWM") - before) >> 10
    if wrong is None and seen and case.outcome != "accepted":
        wrong = f"did what it must not: {seen[0]}"
    if wrong is None and warned:
        wrong = f"warned: {warned[0].message!s:.200}"
    if wrong is None and grown > MOST_MIB:
        wrong = f"took {grown} MiB"
    return wrong or _judged(case, message)


def _judged(case: Case, message: str | None) -> str | None:
    if message is None:
        return "was accepted" if case.outcome == "refused" else None
    if case.outcome == "accepted":
        return f"was refused: {message:.300}"
    if not message.strip() or not message.isprintable():
        return f"is not one clear line: {message!r:.300}"
    if len(message) > LONGEST_LINE:
        return f"is a line of {len(message)} characters: {message[:200]}"
    if not re.search(case.says, message):
        return f"does not say {case.says!r}: {message:.300}"
    return None


@contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """List what is written outside of ``folder``, what is run and what is connected to, while the block runs."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_watch)
        _hooked = True
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _watch.folder, _watch.seen = folder.resolve(), []
    try:
        yield _watch.seen
    finally:
        _watch.folder = None
        sys.dont_write_bytecode = bytecode


@contextmanager
def _limits() -> Iterator[None]:
    """Memory and time: what goes beyond them ends in an error, not in a machine that stands still."""

    def too_long(signum: int, frame: FrameType | None) -> None:
        raise _TooLong

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = (_memory_kib("VmSize") << 10) + (_ROOM_MIB << 20)
    before = signal.signal(signal.SIGALRM, too_long)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _memory_kib(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.M)
    return int(found[1]) if found else 0
