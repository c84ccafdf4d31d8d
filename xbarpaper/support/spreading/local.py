"""Tasks in processes beside this one, copies of it: nothing is imported anew, and what they inherit is not sent."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from types import TracebackType
from typing import Any, Final, NoReturn, Self, TypeVar

from xbarpaper.support import cores, progress
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.spreading.tasks import Task

T = TypeVar("T")

_TASKS_PER_WORKER: Final = 2  # one at work, one that waits


@dataclass(frozen=True, eq=False)
class _Shared:
    """Stands for a value in the arguments of tasks."""

    value: Any


@dataclass(eq=False)
class _Worker:
    """A child, and the shared values that it holds."""

    process: int
    connection: Connection
    holds: dict[int, _Shared]  # by id; the values stay alive here, so that no other gets the same id


class Local:
    """Processes on this machine, one task each at a time; a context manager.

    A child that dies ends the run, with one line that names its task. It holds a place of ``cores.place`` while it works,
    and this process leaves its own while it waits.
    """

    def __init__(self, count: int) -> None:
        """So many processes at most; they begin when there is work for them."""
        self._count = count
        self._idle: list[_Worker] = []
        self._at_work: dict[Connection, tuple[_Worker, Task[Any, Any]]] = {}
        self._waiting: deque[Task[Any, Any]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in (*self._idle, *(worker for worker, _ in self._at_work.values())):
            os.kill(worker.process, signal.SIGKILL)
            os.waitpid(worker.process, 0)
            worker.connection.close()

    @property
    def room(self) -> int:
        """Enough to keep every process at work."""
        return _TASKS_PER_WORKER * self._count - len(self._at_work) - len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether results are to come."""
        return bool(self._at_work or self._waiting)

    def share(self, value: T) -> T:
        """A stand-in; a process gets the value with the first task that needs it, or has it from its beginning."""
        handle: Any = _Shared(value)
        return handle  # type: ignore[no-any-return]

    def submit(self, task: Task[Any, Any]) -> None:
        """Begin the task, or keep it until a process is free."""
        self._waiting.append(task)
        self._begin()

    def next(self) -> tuple[Task[Any, Any], Any]:
        """Wait for the next result; what a task raises comes as it is.

        Raises:
            ArtifactError: a process died.
        """
        with cores.place().left():
            ready = wait(list(self._at_work))
        worker, task = self._at_work.pop(next(one for one in self._at_work if one in ready))
        try:
            failed, result = pickle.loads(worker.connection.recv_bytes())
        except (EOFError, OSError):
            self._at_work[worker.connection] = worker, task
            raise ArtifactError(
                f"{task.label}: its process died, most often because memory ran out; what had been finished is kept"
            ) from None
        self._idle.append(worker)
        if failed:
            raise result
        self._begin()
        return task, result

    def _begin(self) -> None:
        while self._waiting and len(self._at_work) < self._count:
            task = self._waiting.popleft()
            needed = {id(one): one for one in task.arguments if isinstance(one, _Shared)}
            worker = self._idle.pop() if self._idle else _started(needed)
            self._at_work[worker.connection] = worker, task
            new = {key: one.value for key, one in needed.items() if key not in worker.holds}
            arguments = [id(one) if isinstance(one, _Shared) else one for one in task.arguments]
            places = [at for at, one in enumerate(task.arguments) if isinstance(one, _Shared)]
            worker.holds = needed
            with suppress(OSError):  # a process that has died is told of when its result is awaited
                worker.connection.send_bytes(pickle.dumps((task.function, arguments, places, new)))


def _started(shared: dict[int, _Shared]) -> _Worker:
    """A new process that has these values."""
    ours, theirs = Pipe()
    parent, process = os.getpid(), cores.fork()
    if process:
        theirs.close()
        return _Worker(process, ours, shared)
    try:
        cores.die_with(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever waits for the results stops this process
        cores.place().forget()
        # Its progress goes straight to the log: the notebook's streams are those of the process that it is a copy of.
        sys.stdout = sys.stderr = sys.__stderr__
        os.environ[progress.MODE] = "lines"
        _work(theirs, {key: one.value for key, one in shared.items()})
    finally:
        os._exit(1)


def _work(connection: Connection, values: dict[int, Any]) -> NoReturn:
    """Carry out tasks until this process is stopped."""
    while True:
        function, arguments, places, new = pickle.loads(connection.recv_bytes())
        values |= new
        values = {arguments[at]: values[arguments[at]] for at in places}
        for at in places:
            arguments[at] = values[arguments[at]]
        with cores.place().held():
            try:
                answer = pickle.dumps((False, function(*arguments)))
            except Exception as error:
                error.add_note(traceback.format_exc())
                answer = _pickled(error)
        connection.send_bytes(answer)


def _pickled(error: Exception) -> bytes:
    """A failure as it is, or what it says where it cannot be sent."""
    try:
        answer = pickle.dumps((True, error))
        pickle.loads(answer)
        return answer
    except Exception:
        return pickle.dumps((True, RuntimeError(f"{type(error).__name__}: {error}")))
