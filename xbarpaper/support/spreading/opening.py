"""The workers that the parameters ask for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final, Literal, Protocol

from xbarpaper.support import cores
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.schedulers import LOCAL, NOWHERE_ELSE, require_scheduler
from xbarpaper.support.spreading.local import Local
from xbarpaper.support.spreading.sameness import threads_here
from xbarpaper.support.spreading.tasks import InProcess, Workers

VARIABLE: Final = "XBARPAPER_SCHEDULER"
"""Environment variable that, where set, takes the place of ``execution.scheduler``."""


class Execution(Protocol):
    """What the parameters say of where work is done."""

    @property
    def scheduler(self) -> str:
        """See ``opened``."""
        ...

    @property
    def workers(self) -> int | Literal["auto"]:
        """Processes of local."""
        ...


@contextmanager
def workers(execution: Execution) -> Iterator[Workers]:
    """The workers that the parameters, or the environment variable ``VARIABLE``, ask for; see ``opened``."""
    override = os.environ.get(VARIABLE)
    name = VARIABLE if override else "execution.scheduler"
    with opened(name, override or execution.scheduler, execution.workers) as found:
        yield found


@contextmanager
def opened(name: str, scheduler: str, local_workers: int | Literal["auto"]) -> Iterator[Workers]:
    """Workers for as long as the block runs.

    Args:
        name: what to call the choice in a message.
        scheduler: none for this process, local, or the address of a Dask scheduler.
        local_workers: processes of local; auto is one for each core. Where they cannot be (on a GPU, with several threads
            of torch, on other systems than Linux), this process does the work.

    Raises:
        ArtifactError: that is no scheduler, none answers there, or its workers have other code or versions.
    """
    try:
        require_scheduler(name, scheduler)
    except ValueError as error:
        raise ArtifactError(str(error)) from None
    if scheduler == NOWHERE_ELSE:
        yield InProcess()
        return
    if scheduler == LOCAL:
        count = cores.available() if local_workers == "auto" else local_workers
        with Local(count) if count > 1 and _may_fork() else nullcontext(InProcess()) as found:
            yield found
        return
    try:
        from xbarpaper.support.spreading import dasked
    except ModuleNotFoundError as error:
        raise ArtifactError(
            f"{name} = {scheduler} needs the package {error.name}, which is missing here"
        ) from None
    with dasked.at(scheduler) as found:
        yield found


def _may_fork() -> bool:
    """Whether a copy of this process can go on: not beside a GPU, nor where torch has threads of its own."""
    torch = sys.modules.get("torch")
    if sys.platform != "linux" or (torch is not None and torch.cuda.is_available()):
        return False
    return threads_here() in (None, 1)
