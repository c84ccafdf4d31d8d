"""Work spread over Dask workers: the same tables to the bit, and one clear line where something is lost."""

from __future__ import annotations

import operator
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.machines import ROOT, Machines, wait_for
from faults.sweeping import swept
from faults.workers import same
from repository import stages

from xbarpaper.params import Execution
from xbarpaper.params.sections import require_scheduler
from xbarpaper.support import dasked, spreading
from xbarpaper.support.errors import ArtifactError, ParameterError
from xbarpaper.support.spreading import InProcess, Task, results, spread
from xbarpaper.support.validation import parse

SEEDS = 2


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with Machines(tmp_path_factory.mktemp("machines"), 2) as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory):
    return swept("none", tmp_path_factory.mktemp("undisturbed") / "journal.csv", SEEDS)


# --- what is asked for --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scheduler", ["none", "local", "tcp://host:8786", "tls://10.0.0.1:80", "tcp://[::1]:1"]
)
def test_schedulers_are_understood(scheduler: str):
    assert Execution(scheduler=scheduler, workers=1).scheduler == scheduler


@pytest.mark.parametrize(
    "scheduler", ["", "None", "host:8786", "tcp://host", "tcp://a b:1", "http://host:8786", "slurm"]
)
def test_anything_else_is_refused_in_one_line(scheduler: str, monkeypatch: pytest.MonkeyPatch):
    message = "= .* must be none, local or an address such as tcp://host:8786$"
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


def test_in_process_is_the_default_and_lazy():
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


def test_no_stage_depends_on_where_work_is_done():
    for name, stage in stages(ROOT).items():
        assert not any(param.split(".")[0] == "execution" for param in stage.params), name


# --- real schedulers and workers ----------------------------------------------------------------------------


def test_results_come_in_order_and_are_shared(machines: Machines):
    with dasked.at(machines.address) as workers:
        assert spread(workers, abs, range(-20, 0)) == list(range(20, 0, -1))
        shared = workers.share([5, 6, 7])
        tasks = (Task(place, "an item", operator.getitem, (shared, place)) for place in range(3))
        assert dict(results(workers, tasks)) == {0: 5, 1: 6, 2: 7}


def test_a_task_that_always_fails_is_named_in_one_line(machines: Machines):
    with dasked.at(machines.address) as workers:
        with pytest.raises(ArtifactError) as failed:
            list(results(workers, [Task(0, "xcs 16 none, both, seed 3", operator.truediv, (1, 0))]))
        said = "xcs 16 none, both, seed 3: failed 3 times, at last with: ZeroDivisionError: division by zero"
        assert str(failed.value) == said
        assert spread(workers, abs, [-1]) == [1]  # and all goes on


def test_other_code_or_versions_are_refused(machines: Machines, monkeypatch: pytest.MonkeyPatch):
    ours = tuple((spreading.here() | {"torch": "1.0"}).items())
    monkeypatch.setattr(spreading, "_here", lambda: ours)
    with (
        pytest.raises(
            ArtifactError, match=r": the worker tcp://\S+ has torch \S+, this process 1\.0; they must be"
        ),
        dasked.at(machines.address),
    ):
        pass
    monkeypatch.setattr(
        dasked, "_require_same", lambda client, address: None
    )  # as for a worker that comes later
    with (
        dasked.at(machines.address) as workers,
        pytest.raises(ArtifactError, match=r" has torch \S+, this process 1\.0"),
    ):
        spread(workers, abs, [1])


def test_without_a_scheduler_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dasked, "_ANSWER_SECONDS", 1)
    with (
        pytest.raises(ArtifactError, match=r"^tcp://127\.0\.0\.1:1: no Dask scheduler answers there \(.*\)$"),
        dasked.at("tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(machines: Machines, undisturbed, tmp_path: Path):
    journal = tmp_path / "journal.csv"

    def kill() -> None:
        wait_for(journal.exists, "no row")
        machines.kill(machines.workers[0])
        machines.work()

    killer = threading.Thread(target=kill)
    killer.start()
    table = swept(machines.address, journal, SEEDS)
    killer.join()
    assert same(table, undisturbed)


@pytest.mark.slow
def test_a_killed_caller_goes_on_from_its_journal(machines: Machines, undisturbed, tmp_path: Path):
    journal, table = tmp_path / "journal.csv", tmp_path / "table.csv"
    words = [sys.executable, "-m", "faults.sweeping", machines.address, str(journal), str(table)]
    process = subprocess.Popen(words, cwd=ROOT, env=machines.environment, stderr=subprocess.DEVNULL)
    wait_for(journal.exists, "no row")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not table.exists()
    finished = journal.read_bytes().count(b"\n") - 1
    assert finished >= 1
    resumed = swept(machines.address, journal, SEEDS)
    assert len(resumed) == len(undisturbed)
    # Rows from a journal have nine digits, as the tables of the reports.
    assert resumed.round(6).equals(undisturbed.round(6))


@pytest.mark.slow
def test_local_workers_give_the_same_table(undisturbed, tmp_path: Path):
    assert same(swept("local", tmp_path / "journal.csv", SEEDS), undisturbed)


@pytest.mark.slow
def test_a_task_that_kills_its_workers_is_given_up():
    with (
        dasked.local(1) as workers,
        pytest.raises(ArtifactError, match=r"^the deadly row: given up, \d workers died with it"),
    ):
        list(results(workers, [Task(0, "the deadly row", os._exit, (1,))]))


# --- the page -----------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "spreading.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_commands_of_the_page_are_understood():
    assert COMMANDS
    for line in COMMANDS:
        words = line.split("#")[0].split()
        if "dask" in words:
            told = [*words[words.index("dask") : words.index("dask") + 2], "--help"]
            helped = subprocess.run(
                [sys.executable, "-m", *told], capture_output=True, text=True, check=True
            ).stdout
            assert [word for word in words if word.startswith("--") and word not in helped] == []
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        compile(block, "docs/spreading.md", "exec")
