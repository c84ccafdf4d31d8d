"""Work in this process or spread over Dask workers, behind one interface; results are the same to the bit.

``workers`` opens what the parameters ask for. ``results`` keeps it busy with tasks, as many at a time as it has room
for, and gives what they return as it arrives; ``spread`` is the same for a function and its items.
"""

from __future__ import annotations

import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from xbarpaper.params.sections import LOCAL, NOWHERE_ELSE, Execution, require_scheduler
from xbarpaper.support.errors import ArtifactError

VARIABLE: Final = "XBARPAPER_SCHEDULER"
"""Environment variable that, where set, takes the place of ``execution.scheduler``."""

ATTEMPTS: Final = 3
"""How often a worker tries a task that fails."""

_COMPARED: Final = ("torch", "numpy", "scipy", "numba", "pandas", "distributed")

K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")
I = TypeVar("I")  # noqa: E741


@dataclass(frozen=True)
class Task(Generic[K, R]):
    """A call that does not depend on where it is made.

    Attributes:
        key: what its result is filed under.
        label: what to call it in a message.
        function: a function of a module that workers can import.
        arguments: what it is called with; values from ``Workers.share`` arrive as what was shared.
    """

    key: K
    label: str
    function: Callable[..., R]
    arguments: tuple[Any, ...]


class Workers(Protocol):
    """What carries out tasks."""

    @property
    def room(self) -> int:
        """How many more tasks are welcome now; the limit keeps the memory of what waits bounded."""
        ...

    @property
    def busy(self) -> bool:
        """Whether there are tasks whose results have not been taken."""
        ...

    def share(self, value: T) -> T:
        """A stand-in for a value that several tasks take as an argument: it is sent once, not with every task."""
        ...

    def submit(self, task: Task[Any, Any]) -> None:
        """Take on a task."""
        ...

    def next(self) -> tuple[Task[Any, Any], Any]:
        """The next task that ends, and its result, in no particular order.

        Raises:
            ArtifactError: the task failed wherever it was tried, or the workers are lost.
        """
        ...


class InProcess:
    """One task after another, in this process; what a task raises comes as it is."""

    def __init__(self) -> None:
        self._waiting: deque[Task[Any, Any]] = deque()

    @property
    def room(self) -> int:
        """One task at a time."""
        return 1 - len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a task waits."""
        return bool(self._waiting)

    def share(self, value: T) -> T:
        """The value itself."""
        return value

    def submit(self, task: Task[Any, Any]) -> None:
        """It begins when its result is asked for."""
        self._waiting.append(task)

    def next(self) -> tuple[Task[Any, Any], Any]:
        """Carry out the task that has waited longest."""
        task = self._waiting.popleft()
        return task, task.function(*task.arguments)


def results(workers: Workers, tasks: Iterable[Task[K, R]]) -> Iterator[tuple[K, R]]:
    """Carry out tasks; gives each key with its result as it arrives.

    Args:
        workers: what carries them out.
        tasks: taken only as there is room for them, so a generator keeps memory low.

    Raises:
        ArtifactError: a task failed, or the workers are lost.
    """
    remaining = iter(tasks)
    while True:
        for task in islice(remaining, max(workers.room, 0)):
            workers.submit(task)
        if not workers.busy:
            return
        done, result = workers.next()
        yield done.key, result


def spread(workers: Workers, function: Callable[[I], R], items: Iterable[I]) -> list[R]:
    """``function`` of every item, in the order of the items."""
    tasks = (Task(number, f"{item!s:.80}", function, (item,)) for number, item in enumerate(items))
    found = dict(results(workers, tasks))
    return [found[number] for number in sorted(found)]


@contextmanager
def workers(execution: Execution) -> Iterator[Workers]:
    """The workers that the parameters, or the environment variable ``VARIABLE``, ask for; see ``opened``."""
    override = os.environ.get(VARIABLE)
    name = VARIABLE if override else "execution.scheduler"
    with opened(name, override or execution.scheduler, execution.workers) as found:
        yield found


@contextmanager
def opened(name: str, scheduler: str, local_workers: int) -> Iterator[Workers]:
    """Workers for as long as the block runs.

    Args:
        name: what to call the choice in a message.
        scheduler: none for this process, local, or the address of a Dask scheduler.
        local_workers: processes of local.

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
    try:
        from xbarpaper.support import dasked
    except ModuleNotFoundError as error:
        raise ArtifactError(
            f"{name} = {scheduler} needs the package {error.name}, which is missing here"
        ) from None
    with dasked.local(local_workers) if scheduler == LOCAL else dasked.at(scheduler) as found:
        yield found


def here() -> dict[str, str]:
    """What must be alike in all processes that share work, by name: this code and the versions it runs on."""
    return dict(_here())


@cache  # a worker answers for the code that it has loaded, not for what is on its disk later
def _here() -> tuple[tuple[str, str], ...]:
    digest, top = sha256(), Path(__file__).parents[1]
    for path in sorted(top.rglob("*.py")):
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
