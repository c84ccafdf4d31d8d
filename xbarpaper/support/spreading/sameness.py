"""Processes that share work must run the same code on the same versions, on the same number of threads."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any, Final, TypeVar

from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import plainly_named

R = TypeVar("R")

_COMPARED: Final = ("torch", "numpy", "scipy", "numba", "pandas", "distributed")


def here() -> dict[str, str]:
    """What must be alike in all processes that share work, by name: this code and the versions it runs on."""
    return dict(_here())


@cache  # a worker answers for the code that it has loaded, not for what is on its disk later
def _here() -> tuple[tuple[str, str], ...]:
    digest, top = sha256(), Path(__file__).parents[2]
    for path in plainly_named(top, "**/*.py"):
        digest.update(
            f"{path.relative_to(top).as_posix()} {sha256(path.read_bytes()).hexdigest()}\n".encode()
        )
    versions = [("xbarpaper's code", digest.hexdigest()[:12]), ("Python", sys.version.split()[0])]
    for name in _COMPARED:
        try:
            versions.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            versions.append((name, "none"))
    return tuple(versions)


def difference(worker: str, there: dict[str, str], wanted: dict[str, str]) -> str | None:
    """What a worker has that differs from what the caller has, in words; None where they agree."""
    for name, value in wanted.items():
        if there.get(name) != value:
            found = there.get(name, "none")
            return f"the worker {worker} has {name} {found}, this process {value}; they must be the same"
    return None


def perform(wanted: dict[str, str], threads: int | None, function: Callable[..., R], *arguments: Any) -> R:
    """Carry out a task on a worker as the caller would.

    Args:
        wanted: what the caller has; see ``here``.
        threads: of torch, as in the caller: sums in another order end in other bits. None where it has not loaded torch.
        function: what to call.
        arguments: with what.

    Raises:
        ArtifactError: this worker's code or versions differ from the caller's.
    """
    if found := difference(f"on {socket.gethostname()}", here(), wanted):
        raise ArtifactError(found)
    if threads is not None:
        import torch

        # Here, not once per process: OpenMP keeps the number for each thread that calls.
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
    return function(*arguments)


def threads_here() -> int | None:
    """Threads of torch in this process; None where it has not been loaded."""
    torch = sys.modules.get("torch")
    return None if torch is None else int(torch.get_num_threads())
