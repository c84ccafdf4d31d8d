"""How much memory there is, to refuse what cannot fit before hours are spent on it."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

from xbarpaper.support import control_groups
from xbarpaper.support.errors import ArtifactError


def free() -> float:
    """Bytes that this process may still take: what the machine has, within the limits of its control groups and shell.

    What the system does not tell counts as unlimited.
    """
    rooms = [control_groups.free_memory()]
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        rooms.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        with suppress(OSError, ValueError):
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            rooms.append(most - pages * resource.getpagesize())
    return max(0.0, min(rooms))


def require(needed: float, what: str, remedy: str, error: type[ArtifactError] = ArtifactError) -> None:
    """Refuse what does not fit.

    Args:
        needed: bytes.
        what: that takes them, for the message.
        remedy: what to change.
        error: what to raise.

    Raises:
        ArtifactError: less is free.
    """
    if needed > (there := free()):
        raise error(f"{what} needs {needed / 1e9:.1f} GB of memory, {there / 1e9:.1f} GB are free; {remedy}")
