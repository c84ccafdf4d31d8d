"""Work spread over Dask workers: the same tables to the bit, and one clear line where something is lost."""

from __future__ import annotations

import errno
import importlib
import itertools
import operator
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from faults.machines import Machines
from faults.sweeping import swept
from faults.workers import same
from repository import ROOT, stages, wait_for

from xbarpaper.params import Execution
from xbarpaper.support import cores, spreading
from xbarpaper.support.errors import ArtifactError, ParameterError
from xbarpaper.support.schedulers import require_scheduler
from xbarpaper.support.spreading import (
    InProcess,
    Task,
    Workers,
    dasked,
    in_order,
    local,
    opening,
    results,
    sameness,
)
from xbarpaper.support.validation import parse

SEEDS = 2


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with Machines(tmp_path_factory.mktemp("machines"), 2) as running:
        yield running


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a scheduler whose two workers are threads of this process: they are spoken to as those of other machines."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1", memory_limit=0,
        dashboard_address=None,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory):
    return swept("none", tmp_path_factory.mktemp("undisturbed") / "journal.csv", SEEDS)


# --- what is asked for --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scheduler", ["none", "local", "tcp://host:8786", "tls://10.0.0.1:80", "tcp://[::1]:1"]
)
def test_schedulers_are_understood(scheduler: str) -> None:
    assert Execution(scheduler=scheduler, workers=1).scheduler == scheduler


@pytest.mark.parametrize(
    "scheduler", ["", "None", "host:8786", "tcp://host", "tcp://a b:1", "http://host:8786", "slurm"]
)
def test_anything_else_is_refused_in_one_line(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "= .* must be local, none or an address such as tcp://host:8786$"
    with pytest.raises(ParameterError, match=f"^params.yaml: execution.scheduler {message}"):
        parse({"scheduler": scheduler, "workers": 1}, "params.yaml", Execution)
    with pytest.raises(ValueError, match=message):
        require_scheduler("x", scheduler)
    if scheduler:
        monkeypatch.setenv(spreading.VARIABLE, scheduler)
        with (
            pytest.raises(ArtifactError, match=f"^{spreading.VARIABLE} {message}"),
            spreading.workers(Execution(scheduler="none", workers=1)),
        ):
            pass


def spread(workers: Workers, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """``function`` of every item, in the order of the items."""
    return in_order(
        workers, (Task(number, str(item), function, (item,)) for number, item in enumerate(items))
    )


def test_in_process_is_lazy() -> None:
    pulled: list[int] = []

    def tasks() -> Iterator[Task[int, float]]:
        for number in range(3):
            pulled.append(number)
            yield Task(number, "a task", operator.add, (number, 1))

    with spreading.workers(Execution(scheduler="none", workers=1)) as workers:
        found = results(workers, tasks())
        assert next(found) == (0, 1)
        assert pulled == [0]
        assert list(found) == [(1, 2), (2, 3)]
    assert spread(InProcess(), abs, [-2, 3, -1]) == [2, 3, 1]


def test_no_stage_depends_on_where_work_is_done() -> None:
    for name, stage in stages(ROOT).items():
        assert not any(param.split(".")[0] == "execution" for param in stage.params), name


# --- schedulers and workers of Dask -------------------------------------------------------------------------


def test_results_come_in_order_and_are_shared(address: str) -> None:
    with dasked.at(address) as workers:
        assert spread(workers, abs, range(-20, 0)) == list(range(20, 0, -1))
        shared = workers.share([5, 6, 7])
        tasks = (Task(place, "an item", operator.getitem, (shared, place)) for place in range(3))
        assert dict(results(workers, tasks)) == {0: 5, 1: 6, 2: 7}


def test_a_task_that_always_fails_is_named_in_one_line(address: str) -> None:
    with dasked.at(address) as workers:
        with pytest.raises(ArtifactError) as failed:
            list(results(workers, [Task(0, "xcs 16 none, both, seed 3", operator.truediv, (1, 0))]))
        said = "xcs 16 none, both, seed 3: failed 3 times, at last with: ZeroDivisionError: division by zero"
        assert str(failed.value) == said
        assert spread(workers, abs, [-1]) == [1]  # and all goes on


def test_other_code_or_versions_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tuple(sameness.here().items())
    ours = tuple((sameness.here() | {"torch": "1.0"}).items())
    caller = threading.current_thread()
    monkeypatch.setattr(sameness, "_here", lambda: ours if threading.current_thread() is caller else theirs)
    with (
        pytest.raises(
            ArtifactError, match=r": the worker tcp://\S+ has torch \S+, this process 1\.0; they must be"
        ),
        dasked.at(address),
    ):
        pass
    monkeypatch.setattr(
        dasked, "_require_same", lambda client, address: None
    )  # as for a worker that comes later
    with (
        dasked.at(address) as workers,
        pytest.raises(ArtifactError, match=r" has torch \S+, this process 1\.0"),
    ):
        spread(workers, abs, [1])


def test_without_a_scheduler_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dasked, "_ANSWER_SECONDS", 1)
    with (
        pytest.raises(ArtifactError, match=r"^tcp://127\.0\.0\.1:1: no Dask scheduler answers there \(.*\)$"),
        dasked.at("tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(machines: Machines, undisturbed, tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"

    def kill() -> None:
        wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 1, "no row")
        machines.kill(machines.workers[0])
        machines.work()

    killer = threading.Thread(target=kill)
    killer.start()
    table = swept(machines.address, journal, SEEDS)
    killer.join()
    assert same(table, undisturbed)


@pytest.mark.slow
def test_a_killed_caller_goes_on_from_its_journal(machines: Machines, undisturbed, tmp_path: Path) -> None:
    journal, table = tmp_path / "journal.csv", tmp_path / "table.csv"
    words = [sys.executable, "-m", "faults.sweeping", machines.address, str(journal), str(table)]
    process = subprocess.Popen(words, cwd=ROOT, env=machines.environment, stderr=subprocess.DEVNULL)
    wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 1, "no row")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not table.exists()
    finished = journal.read_bytes().count(b"\n") - 1
    assert finished >= 1
    resumed = swept(machines.address, journal, SEEDS)
    assert len(resumed) == len(undisturbed)
    # Rows from a journal have nine digits, as the tables of the reports.
    assert resumed.round(6).equals(undisturbed.round(6))


# --- processes beside this one ------------------------------------------------------------------------------


def test_local_workers_give_the_same_table(undisturbed, tmp_path: Path) -> None:
    assert same(swept("local", tmp_path / "journal.csv", SEEDS, processes=3), undisturbed)


def _place() -> int:
    return os.getpid()


def test_results_come_from_so_many_processes_and_values_are_shared() -> None:
    with spreading.Local(3) as workers:
        assert spread(workers, abs, range(-20, 0)) == list(range(20, 0, -1))
        processes = dict(results(workers, (Task(n, "a place", _place, ()) for n in range(30)))).values()
        assert 1 <= len(set(processes)) <= 3
        assert os.getpid() not in processes
        for offset in (0, 100):  # the second is shared after the processes began
            shared = workers.share([offset + 5, offset + 6])
            tasks = (Task(place, "an item", operator.getitem, (shared, place)) for place in range(2))
            assert dict(results(workers, tasks)) == {0: offset + 5, 1: offset + 6}


def test_what_a_task_raises_comes_as_it_is() -> None:
    with spreading.Local(2) as workers, pytest.raises(ZeroDivisionError):
        list(results(workers, [Task(0, "a row", operator.truediv, (1, 0))]))


def test_a_process_that_dies_is_told_in_one_line_that_names_its_task() -> None:
    with (
        spreading.Local(2) as workers,
        pytest.raises(ArtifactError, match=r"^the deadly row: its process died, most often because memory"),
    ):
        list(results(workers, [Task(0, "the deadly row", os._exit, (1,))]))


def test_a_process_that_dies_between_two_tasks_is_told_likewise() -> None:
    with spreading.Local(1) as workers:
        ((_, process),) = results(workers, [Task(0, "a place", _place, ())])
        os.kill(process, signal.SIGKILL)
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ArtifactError, match=r"^the next row: its process died"):
            list(results(workers, [Task(0, "the next row", abs, (1,))]))


def test_where_no_process_can_be_started_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", refuse)
    with (
        spreading.Local(2) as workers,
        pytest.raises(ArtifactError, match=r"^no process can be started: Resource temp.* \(`ulimit -u` is"),
    ):
        list(results(workers, [Task(0, "a row", abs, (1,))]))


def test_processes_share_the_places_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes and one place: what they do never overlaps."""
    monkeypatch.setenv(cores.VARIABLE, f"1:{tmp_path}")
    cores.place.cache_clear()
    try:
        with cores.place().held(), spreading.Local(2) as workers:
            times = spread(workers, _spent, range(4))
    finally:
        cores.place.cache_clear()
    ordered = sorted(times)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(ordered))


def test_ctrl_c_waits_for_no_task_that_holds_the_last_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(_: object) -> None:
        wait_for((tmp_path / "begun").exists, "the task")
        raise KeyboardInterrupt

    monkeypatch.setenv(cores.VARIABLE, f"1:{tmp_path}")
    monkeypatch.setattr(local, "wait", pressed)
    cores.place.cache_clear()
    try:
        with pytest.raises(KeyboardInterrupt), cores.place().held(), spreading.Local(1) as workers:
            list(results(workers, [Task(0, "an hour of training", _hour, (tmp_path,))]))
    finally:
        cores.place.cache_clear()
    assert not (tmp_path / "ended").exists()


def _hour(folder: Path) -> None:
    (folder / "begun").touch()
    time.sleep(5)
    (folder / "ended").touch()


def _spent(_: int) -> tuple[float, float]:
    begin = time.monotonic()
    time.sleep(0.05)
    return begin, time.monotonic()


@pytest.mark.parametrize(("workers", "kind"), [(1, InProcess), (2, spreading.Local)])
def test_one_worker_is_this_process(workers: int, kind: type) -> None:
    with spreading.workers(Execution(workers=workers)) as found:
        assert isinstance(found, kind)


def test_several_threads_of_torch_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "threads_here", lambda: 2)
    with spreading.workers(Execution(workers=2)) as found:
        assert isinstance(found, InProcess)


# --- the page -----------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "spreading.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_commands_of_the_page_are_understood() -> None:
    assert COMMANDS
    for line in COMMANDS:
        words = line.split("#")[0].split()
        if "dask" in words:
            kind = words[words.index("dask") + 1]
            command = importlib.import_module(f"distributed.cli.dask_{kind}").main
            known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
            assert [word for word in words if word.startswith("--") and word not in known] == []
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        compile(block, "docs/spreading.md", "exec")
