"""Workers of a Dask scheduler."""

from __future__ import annotations

import logging
import pickle
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import cloudpickle
from distributed import Client, Future, KilledWorker, as_completed

from xbarpaper.support import progress
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.spreading.sameness import difference, here, threads_here
from xbarpaper.support.spreading.tasks import Task

T = TypeVar("T")

ATTEMPTS: Final = 3
"""How often a worker tries a task that fails."""

_ANSWER_SECONDS: Final = 10
_LOOK_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.01
_PATIENCE_SECONDS: Final = 20.0
_MOST_SECONDS_PAUSED: Final = 600.0
_TASKS_PER_THREAD: Final = 2  # one at work, one that waits beside it


@contextmanager
def at(address: str) -> Iterator[Dask]:
    """The workers of the scheduler at an address, those that come later included.

    Raises:
        ArtifactError: none answers there, or its workers have other code or versions.
    """
    _quiet()
    try:
        client = Client(address, timeout=_ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArtifactError(f"{address}: no Dask scheduler answers there ({reason:.120})") from None
    with client:
        _require_same(client, address)
        yield Dask(client, address)


class Dask:
    """Tasks spread over the workers of a scheduler.

    A worker that dies takes nothing with it: the scheduler gives its tasks to others, and has what was shared with it.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name
        self._tasks: dict[Any, Task[Any, Any]] = {}  # by Dask's key
        self._arriving = as_completed([], loop=client.loop)
        self._limit, self._looked = 0, 0.0

    @property
    def room(self) -> int:
        """Enough to keep every thread at work."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            try:
                threads = sum(self._client.nthreads().values())
            except OSError:
                raise self._lost() from None
            if not threads and not self._tasks:
                progress.note(f"{self._name}: no workers yet; waiting for them")
            self._limit, self._looked = _TASKS_PER_THREAD * max(threads, 1), time.monotonic()
        return self._limit - len(self._tasks)

    @property
    def busy(self) -> bool:
        """Whether results are to come."""
        return bool(self._tasks)

    def share(self, value: T) -> T:
        """The value as a task of its own, which the scheduler repeats should the worker that holds it die."""
        handle: Any = self._submitted("shared", pickle.loads, cloudpickle.dumps(value))
        return handle  # type: ignore[no-any-return]

    def submit(self, task: Task[Any, Any]) -> None:
        """Hand it to the scheduler."""
        shared = {at: one for at, one in enumerate(task.arguments) if isinstance(one, Future)}
        plain = [None if at in shared else one for at, one in enumerate(task.arguments)]
        packed = cloudpickle.dumps((here(), threads_here(), task.function, plain, list(shared)))
        future = self._submitted(task.function.__name__.strip("_"), _call(), packed, *shared.values())
        self._tasks[future.key] = task
        self._arriving.add(future)

    def next(self) -> tuple[Task[Any, Any], Any]:
        """Wait for the next result.

        Raises:
            ArtifactError: a task failed ``ATTEMPTS`` times, took worker after worker with it, or the scheduler is gone.
        """
        since = looked = time.monotonic()
        while not self._arriving.has_ready():
            time.sleep(_POLL_SECONDS)
            if time.monotonic() - looked > _PATIENCE_SECONDS:
                looked = time.monotonic()
                self._require_awake(looked - since)
        future = next(self._arriving)
        task = self._tasks.pop(future.key)
        try:
            return task, future.result()
        except KilledWorker as error:
            raise ArtifactError(
                f"{task.label}: given up, {error.allowed_failures + 1} workers died with it; memory is the usual reason"
            ) from None
        except (CancelledError, OSError) as error:
            if future.status == "error":
                raise _failed(task, error) from None
            raise self._lost() from None
        except Exception as error:
            raise _failed(task, error) from None

    def _submitted(self, name: str, function: Any, *arguments: Any) -> Future[Any]:
        with warnings.catch_warnings():
            # What is shared is large; it is sent this once.
            warnings.filterwarnings("ignore", message="Sending large graph")
            try:
                return self._client.submit(
                    function, *arguments, key=f"{name}-{uuid.uuid4().hex}", pure=False, retries=ATTEMPTS - 1
                )
            except (CancelledError, OSError):
                raise self._lost() from None

    def _require_awake(self, waited: float) -> None:
        """Say so where Dask has paused every worker: it begins no task there, and some never go on."""
        found = self._client.scheduler_info(n_workers=-1)["workers"].values()
        if not found or any(worker["status"] != "paused" for worker in found):
            return
        said = (
            f"{self._name}: Dask has paused all {len(found)} workers, because they take 80 % of their memory limit; "
            "start them with more memory, or with --memory-limit 0"
        )
        if waited > _MOST_SECONDS_PAUSED:
            raise ArtifactError(f"{said}; given up after {progress.duration(waited)}")
        progress.note(said)

    def _lost(self) -> ArtifactError:
        return ArtifactError(
            f"{self._name}: the Dask scheduler is gone; what had been finished is kept, and the same command goes on"
        )


def _call() -> Callable[..., Any]:
    """What a worker calls: local, so that it travels as code, and the scheduler need not import what tasks import."""

    def call(packed: bytes, *shared: Any) -> Any:
        import pickle

        from xbarpaper.support.spreading import sameness

        wanted, threads, function, arguments, places = pickle.loads(packed)
        for place, value in zip(places, shared, strict=True):
            arguments[place] = value
        return sameness.perform(wanted, threads, function, *arguments)

    return call


def _failed(task: Task[Any, Any], error: BaseException) -> ArtifactError:
    said = " ".join(str(error).split())
    if not isinstance(error, ArtifactError):
        said = f"{type(error).__name__}: {said}"
    return ArtifactError(f"{task.label}: failed {ATTEMPTS} times, at last with: {said:.400}")


def _require_same(client: Client, address: str) -> None:
    """Those workers that are there; ``perform`` asks those that come later."""
    try:
        found = client.run(here)
    except Exception as error:  # whatever a worker without this package makes of it
        raise ArtifactError(f"{address}: its workers cannot run xbarpaper: {error!s:.200}") from None
    for worker, there in found.items():
        if odd := difference(worker, there, here()):
            raise ArtifactError(f"{address}: {odd}")


def _quiet() -> None:
    """Every loss is told in one line, by what is raised; Dask's own log would tell it in many."""
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.split(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
