"""Limits of the control groups that this process is in (Linux): its own group, and those around it.

Containers set them, and so do systemd and batch systems such as Slurm, which give each job a group of its own. Source:
the kernel's Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_TOP: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")
_MEMORY: Final = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))


def cores() -> float:
    """Cores' worth of time that this process may use; infinite without a limit."""
    limits = [float("inf")]
    for group in _groups("cpu"):
        with suppress(OSError, ValueError):  # no number where there is no limit
            quota, period = (group / "cpu.max").read_text().split()
            limits.append(int(quota) / int(period))
        with suppress(OSError, ValueError):  # version 1, where -1 is no limit
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            limits += [int(quota) / int(period)] if int(quota) > 0 else []
    return min(limits)


def free_memory() -> float:
    """Bytes that this process may still take; infinite without a limit.

    A group counts the files that the system keeps in memory as used. It gives them up for whoever needs the room.
    """
    rooms = [float("inf")]
    for group in _groups("memory"):
        for limit, used in _MEMORY:
            with suppress(OSError, ValueError):
                most = int((group / limit).read_text())
                rooms.append(most - int((group / used).read_text()) + _kept_of_files(group))
    return min(rooms)


def _kept_of_files(group: Path) -> int:
    """Bytes of files that the system keeps in memory for a group and those within it."""
    with suppress(OSError, ValueError):
        lines = (group / "memory.stat").read_text().splitlines()
        amounts = {name: int(amount) for name, amount in map(str.split, lines)}
        # Version 1 has the group alone under the plain names.
        return sum(
            amounts.get(f"total_{name}", amounts.get(name, 0)) for name in ("active_file", "inactive_file")
        )
    return 0


def _groups(controller: str) -> Iterator[Path]:
    """Folders of the groups that limit something for this process, from its own to the top.

    In a container the name of its group may be the one that the machine knows it by; then only the top is there.
    """
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            top = _TOP / controller if controllers else _TOP
            own = top if ".." in Path(path).parts else top / path.lstrip("/")
            yield from (
                group for group in (own, *own.parents) if group.is_relative_to(top) and group.is_dir()
            )
