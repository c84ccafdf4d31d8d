"""What is spread: tasks, and the interface of what carries them out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class Task(Generic[K, R]):
    """A call that does not depend on where it is made."""

    key: K  # what its result is filed under
    label: str  # what to call it in a message
    function: Callable[..., R]  # a function of a module that workers can import
    # What it is called with; values from ``Workers.share`` arrive as what was shared
    arguments: tuple[Any, ...]


class Workers(Protocol):
    """What carries out tasks."""

    @property
    def room(self) -> int:
        """How many more tasks to submit now. Tasks that wait take memory, so there is a limit."""
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


def in_order(
    workers: Workers, tasks: Iterable[Task[int, R]], arrived: Callable[[], object] = lambda: None
) -> list[R]:
    """What tasks give, in the order of their keys; ``arrived`` is called after each of them."""
    found = dict[int, R]()
    for number, result in results(workers, tasks):
        found[number] = result
        arrived()
    return [found[number] for number in sorted(found)]
