"""Everyday trials: what people's machines, habits and tools do to this repository, and that it goes well.

Each trial is a public report or an everyday habit made small. ``make test RECORD=1 TESTS="tests/test_everyday*.py"``
keeps in reports/reliability.json how many were tried and were right.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import programs
import pytest
from distributed import Client, Status, Worker
from repository import ROOT
from ruamel.yaml import YAML

from tools import lab
from tools.verify import __main__ as verification
from xbarpaper.data import ImageSet
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.mitigation.wct import WeightLimits
from xbarpaper.networks import training
from xbarpaper.networks.runs import Run
from xbarpaper.params import Params, writing
from xbarpaper.pipeline import executing
from xbarpaper.report import metrics
from xbarpaper.support import inputs
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import atomic, write_text
from xbarpaper.support.spreading import dasked
from xbarpaper.support.spreading.tasks import Task

BIN = Path(sys.executable).parent
TARGET = Path("data/notebooks/tiny/01_tiny.ipynb")


def run(*command: str, cwd: Path, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """A command with this interpreter's programs; a variable of None is taken out of the environment."""
    changed = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": None, **environment}
    everything = {name: value for name, value in {**os.environ, **changed}.items() if value is not None}
    return subprocess.run(
        command, cwd=cwd, env=everything, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The top of a repository with a small notebook, in which the library is that of this checkout."""
    tmp_path = tmp_path / "a folder"
    tmp_path.mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "xbarpaper").symlink_to(ROOT / "xbarpaper")
    (tmp_path / "notebooks").mkdir()
    node = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    node.cells = [
        nbformat.v4.new_code_cell('experiment = "tiny"', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(
            "from xbarpaper.pipeline.start import start\nstart()\n"
            "import matplotlib.pyplot as plt, numpy as np, pandas as pd\n"
            "import warnings; warnings.warn('old', DeprecationWarning)\n"
            "plt.plot(np.arange(3)); plt.show()\n"
            "import os; from xbarpaper.support.cores import ARITHMETIC\n"
            "plt.rcParams['lines.marker'], ARITHMETIC & os.environ.keys()"
        ),
        nbformat.v4.new_code_cell("pd.DataFrame({'a very long name of a column': [1.5]})"),
    ]
    nbformat.write(node, tmp_path / "notebooks/01_tiny.ipynb")
    return tmp_path


def executed(top: Path, **environment: str | None) -> bytes:
    command = ("python", "-m", "xbarpaper.pipeline.run", "notebooks/01_tiny.ipynb", str(TARGET))
    done = run(*command, cwd=top, **environment)
    assert done.returncode == 0, done.stderr
    return (top / TARGET).read_bytes()


# --- results that are those of the inputs -------------------------------------------------------------------


def test_nothing_of_the_users_world_changes_an_executed_notebook(top: Path) -> None:
    """Two users who have no setting in common have the same bytes."""
    home, foreign = top / "home", top / "foreign"
    profile = home / ".ipython/profile_default"
    (profile / "startup").mkdir(parents=True)
    for name in ("ipython_config.py", "ipython_kernel_config.py"):
        (profile / name).write_text("c.InlineBackend.figure_formats = {'retina'}\n")
    (profile / "startup/00.py").write_text(
        "print('hello')\nimport pandas\npandas.options.display.width = 7\n"
    )
    settings = write_text(home / ".config/matplotlib/matplotlibrc", "lines.marker: o\nno.such: 1\n")
    activated = foreign / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    for folder in (foreign, activated):
        write_text(folder / "numpy/__init__.py", "raise ImportError('foreign')\n")
    one = executed(
        top, HOME=str(home), XDG_CONFIG_HOME=None, PYTHONPATH=str(foreign), MPLBACKEND="Agg", PYTHONWARNINGS="always",
        PYTHONHASHSEED="7", LC_ALL="C", TZ="Asia/Tokyo", COLUMNS="20", FORCE_COLOR="1", JUPYTER_CONFIG_DIR=str(home),
        MATPLOTLIBRC=str(settings), IPYTHONDIR=str(home / ".ipython"), VIRTUAL_ENV=str(foreign),
        NPY_DISABLE_CPU_FEATURES="AVX2", TORCH_ALLOW_TF32_CUBLAS_OVERRIDE="1",
    )  # fmt: skip
    assert b"image/png" in one
    (top / "matplotlibrc").write_text("lines.marker: s\n")
    other = executed(
        top, HOME="/nonexistent", USER=None, LOGNAME=None, PYTHONOPTIMIZE="2", MPLCONFIGDIR=None,
        OMP_NUM_THREADS="7",
    )  # fmt: skip
    assert other == one


def test_an_output_that_is_a_link_into_a_cache_is_replaced(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(top)
    kept = top / "cached"
    kept.write_text("what another commit has")
    TARGET.parent.mkdir(parents=True)
    TARGET.symlink_to(kept)
    assert executing.main(["notebooks/01_tiny.ipynb", str(TARGET)]) == 0
    assert not TARGET.is_symlink()
    assert kept.read_text() == "what another commit has"


def test_what_other_code_trained_is_not_gone_on_from(
    make_network: Any,
    make_params: Any,
    tiny_images: ImageSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As when the limit of WCT is changed by hand: the file that a training goes on from belongs to the code before."""
    resume, limits = tmp_path / "r.safetensors", WeightLimits(dict.fromkeys(make_network().weights(), 0.1))
    recipe = make_params().train
    digest = training.code.digest
    for other in (False, True):
        new = WeightLimits.__module__ if other else ""
        monkeypatch.setattr(training.code, "digest", lambda name, new=new: f"{digest(name)} {name == new}")
        run = Run("tiny", recipe, 1, recipe.learning_rate, 0, resume, (limits,))
        training.train(make_network(), tiny_images, run)
        assert ("of another run, starting anew" in capsys.readouterr().out) == other


# --- stages that do not run again, or stop, for nothing -----------------------------------------------------

LEAVINGS = (
    ".DS_Store", "._a.csv", ".~lock.a.csv#", "~$a.xlsx", "a.csv~", ".a.csv.swp", "Thumbs.db", "desktop.ini", ".directory",
    ".nfs0001", ".fuse_hidden01", "#a.csv#", ".#a.csv", ".ipynb_checkpoints/a-checkpoint.ipynb", ".goutputstream-AB12",
    ".syncthing.a.csv.tmp", "a.sync-conflict-20260102-030405-ABCDEFG.csv", "a (conflicted copy 2026-01-02).csv",
    "a.csv:Zone.Identifier", ".stversions/a.csv", ".a.csv.kate-swp",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A DVC project of one stage, with what this repository ignores."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    shutil.copy(ROOT / ".dvcignore", tmp_path)
    stage = {"cmd": "mkdir -p out && cp in/a.csv out", "deps": ["in"], "outs": ["out"]}
    with (tmp_path / "dvc.yaml").open("w") as file:
        YAML().dump({"stages": {"copy": stage}}, file)
    write_text(tmp_path / "in/a.csv", "1\n")
    return tmp_path


def test_what_editors_and_disks_leave_in_folders_makes_no_stage_run(project: Path) -> None:
    assert run("dvc", "repro", cwd=project).returncode == 0
    for name in LEAVINGS:
        for folder in ("in", "out"):
            write_text(project / folder / name, "x")
    assert run("dvc", "status", cwd=project).stdout.strip() == "Data and pipelines are up to date."


def test_a_users_git_settings_leave_files_as_they_are(tmp_path: Path) -> None:
    clone, settings = tmp_path / "clone", tmp_path / "gitconfig"
    (tmp_path / "attributes").write_text("*.ipynb filter=strip\n* text=auto eol=crlf\n")
    (tmp_path / "ignored").write_text("*.lock\n*.yaml\n*.csv\n*.png\n")
    settings.write_text(
        f"[core]\n autocrlf = true\n attributesFile = {tmp_path}/attributes\n excludesFile = {tmp_path}/ignored\n"
        '[filter "strip"]\n clean = exit 1\n'
        " smudge = exit 1\n required = true\n[user]\n name = x\n email = x@y\n[commit]\n gpgsign = false\n"
    )
    made = tmp_path / "made"
    write_text(made / "a.ipynb", "{}\n")
    write_text(made / "reports/b.csv", "1\n2\n")
    for name in (".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, made)
    git = {"GIT_CONFIG_GLOBAL": str(settings)}
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x"), ("clone", "-q", ".", str(clone))):
        done = run("git", *command, cwd=made, **git)
        assert done.returncode == 0, done.stderr
    assert (clone / "reports/b.csv").read_bytes() == b"1\n2\n"
    assert (clone / "a.ipynb").read_bytes() == b"{}\n"
    assert run("git", "status", "--porcelain", cwd=clone, **git).stdout == ""
    write_text(clone / "dvc.lock", "{}\n")  # DVC refuses to work where git ignores it
    assert run("git", "status", "--porcelain", cwd=clone, **git).stdout == "?? dvc.lock\n"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A repository of one commit, with files in two folders."""
    made = tmp_path / "made"
    for name in ("dvc.yaml", "params.yaml", "kept/a.txt", "left/b.txt"):
        write_text(made / name, f"{name}\n")
    for command in (
        "init -q", "config user.name x", "config user.email x@y", "config commit.gpgsign false",
        "config core.hooksPath /dev/null", "config uploadpack.allowFilter true", "add -A", "commit -q -m x",
    ):  # fmt: skip
        assert run("git", *command.split(), cwd=made).returncode == 0
    return made


Verified = Callable[[Path], str]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Verified:
    """What ``make verify`` says first: here it has its copy, in which there is no profile to run."""

    def said(folder: Path) -> str:
        monkeypatch.chdir(folder)
        assert verification.main(["--folder", "copy"]) == 1
        return capfd.readouterr().err.strip()

    return said


NO_PROFILE = "verify: profile = quick: not in the last commit (there are: )"


def test_a_users_hooks_do_not_stop_the_copy_that_is_verified(
    history: Path, tmp_path: Path, verified: Verified, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git-lfs leaves hooks that fail once it is gone; with them a clone is made, and ends with an error."""
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        write_text(tmp_path / "hooks" / name, "#!/bin/sh\nexit 1\n").chmod(0o755)
    settings = write_text(tmp_path / "gitconfig", f"[core]\n hooksPath = {tmp_path}/hooks\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    assert verified(history) == NO_PROFILE


def test_a_second_verification_leaves_the_first_alone(history: Path, verified: Verified) -> None:
    folder = Path("copy/quick")
    lock = write_text(history / "copy/quick.lock", "")
    write_text(history / folder / "copy/a.txt", "of the first")
    with lock.open() as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        said = verified(history)
    assert said == f"verify: {folder}: another verification is at work there; wait until it ends"
    assert (history / folder / "copy/a.txt").exists()
    assert verified(history) == NO_PROFILE


def test_the_artifact_is_verified_in_a_folder_of_another_repository(
    history: Path, verified: Verified
) -> None:
    for name in ("dvc.yaml", "params.yaml", "profiles/own.yaml"):
        write_text(history / "papers/this" / name, f"{name}\n")
    assert run("git", "add", "-A", cwd=history).returncode == 0
    assert run("git", "commit", "-qm", "x", cwd=history).returncode == 0
    assert verified(history / "papers/this") == NO_PROFILE.replace(": )", ": own)")


@pytest.mark.parametrize("options", [("--filter=blob:none",), ("--filter=blob:none", "--depth=1")])
def test_a_clone_of_some_files_is_verified_or_refused_in_one_line(
    history: Path, tmp_path: Path, verified: Verified, options: tuple[str, ...]
) -> None:
    some = tmp_path / "some"
    done = run("git", "clone", "-q", "--sparse", *options, history.as_uri(), str(some), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run("git", "sparse-checkout", "set", "kept", cwd=some)
    assert verified(some) == (
        f"verify: {some}: this clone has not all files of its last commit; `git sparse-checkout disable` fetches them"
    )
    run("git", "sparse-checkout", "disable", cwd=some)
    assert verified(some) == NO_PROFILE


# --- setting up ---------------------------------------------------------------------------------------------


def makefile_in(top: Path) -> Path:
    """A folder with all that make reads."""
    shutil.copytree(ROOT / "profiles", top / "profiles")
    for name in ("Makefile", "params.yaml"):
        shutil.copy(ROOT / name, top)
    for name in ("requirements.lock", "pyproject.toml"):
        (top / name).touch()
    return top


PYTHON = ("PATH", "HOME", "OPTIMIZE", "DONTWRITEBYTECODE", "SAFEPATH", "WARNINGS", "INSPECT")


def test_make_installs_and_starts_whatever_the_users_settings(tmp_path: Path) -> None:
    top = makefile_in(tmp_path / '-a "folder" of $HOME\'s, 100 % `x` #1; é')
    python = top / ".venv/bin/python"
    write_text(
        python, f'#!/bin/sh\necho "$@" >>asked; env >>asked; [ "$1" = -m ] || exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    pips = ("PIP_TARGET", "PIP_PREFIX")
    theirs = tuple(f"PYTHON{name}" for name in PYTHON)
    settings: dict[str, str | None] = dict.fromkeys((*pips, *theirs, "PYTHONUSERBASE"), "/theirs")
    done = run("make", "repro", f"PYTHON={sys.executable}", cwd=top, **settings)
    assert done.returncode == 0, done.stderr
    asked = (top / "asked").read_text().splitlines()
    assert "-m xbarpaper.pipeline.repro" in asked
    since = asked[asked.index(next(line for line in asked if line.startswith("-m pip"))) :]
    assert "PIP_USER=0" in since
    assert [line for line in since if line.startswith(tuple(f"{name}=" for name in (*pips, *theirs)))] == []
    assert [line for line in since if line.startswith("USER=") and line != "USER="]
    write_text(python.with_name("jupyter"), "#!/bin/sh\nenv >lab\n").chmod(0o755)
    theirs = {"JUPYTER_PATH": "/theirs", "JUPYTER_PREFER_ENV_PATH": "0"}
    done = run("make", "lab", f"PYTHON={sys.executable}", cwd=top, **theirs)
    assert done.returncode == 0, done.stderr
    asked = (top / "lab").read_text().splitlines()
    assert "JUPYTER_PREFER_ENV_PATH=1" in asked
    assert [line for line in asked if line.startswith("JUPYTER_PATH=")] == []


@pytest.mark.parametrize("name", ["a {b}", "a:b"])
def test_a_folder_in_which_dvc_cannot_work_is_refused_before_anything_is_installed(
    tmp_path: Path, name: str
) -> None:
    top = makefile_in(tmp_path / name)
    done = run("make", "repro", cwd=top)
    assert done.returncode != 0
    said = f"{top}: neither DVC nor Python's environments work in a folder whose path holds {{ }} or :"
    assert said in done.stderr
    assert not (top / ".venv").exists()


REPRO = ("python", "-m", "xbarpaper.pipeline.repro", "--jobs", "1")


def test_an_archive_without_git_works(project: Path) -> None:
    (project / ".dvc/config").write_text("[core]\n    analytics = false\n")
    done = run(*REPRO, cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no git here: DVC does without it from now on")
    assert (project / "out/a.csv").is_file()


def test_a_split_index_of_git_is_refused_before_anything_runs(project: Path) -> None:
    """DVC would stop with a wrong checksum when a stage ends."""
    (project / ".dvc/config").write_text("[core]\n    analytics = false\n")
    for command in ("init -q", "add .", "config core.splitIndex true", "update-index --split-index"):
        assert run("git", *command.split(), cwd=project).returncode == 0
    done = run(*REPRO, cwd=project)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "git's index is split in two files here (core.splitIndex), which DVC cannot read; `git config"
    )
    assert not (project / "out").exists()
    assert run("sh", "-c", line.split("`")[1], cwd=project).returncode == 0
    done = run(*REPRO, cwd=project)
    assert done.returncode == 0, done.stderr


def test_a_user_without_a_name_runs_the_pipeline(project: Path) -> None:
    nameless = project / "nameless"
    write_text(
        nameless / "sitecustomize.py",
        "import pwd\ndef getpwuid(number):\n    raise KeyError(f'uid not found: {number}')\npwd.getpwuid = getpwuid\n",
    )
    names: dict[str, str | None] = dict.fromkeys(("USER", "LOGNAME", "LNAME", "USERNAME"))
    done = run(*REPRO, cwd=project, PYTHONPATH=str(nameless), **names)
    assert done.returncode == 0, done.stderr


# --- disks, caches ------------------------------------------------------------------------------------------


def test_a_refused_chmod_is_no_error_and_the_umask_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, refuse)
    before = os.umask(0o007)
    try:
        path = write_text(tmp_path / "a.txt", "1")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_damaged_file_of_compiled_code_is_compiled_anew(tmp_path: Path) -> None:
    """The index of one function and the code of another are cut short."""
    write_text(
        tmp_path / "twice.py",
        "from xbarpaper.hardware.circuit.kernels import _compiled\n"
        "@_compiled\ndef f(x):\n    return 2 * x\n@_compiled\ndef g(x):\n    return 3 * x\n"
        "print(f(3), g(3), sum(sum(one.stats.cache_hits.values()) for one in (f, g)))\n",
    )
    command, cache = (sys.executable, "twice.py"), {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    for damaged in ("", "twice.f-*.nbi", "twice.g-*.nbc"):
        for file in tmp_path.rglob(damaged) if damaged else ():
            os.truncate(file, 40)
        if damaged != "twice.f-*.nbi":
            assert run(*command, cwd=tmp_path, **cache).stdout == "6 9 0\n"


def test_workers_that_dask_has_paused_are_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dasked, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(dasked, "_MOST_SECONDS_PAUSED", 0.5)
    with Client(processes=False, n_workers=1, memory_limit=0, dashboard_address=None) as client:

        def pause(dask_worker: Worker) -> None:
            dask_worker.status = Status.paused

        client.run(pause)
        pool = dasked.Dask(client, "tcp://host:8786")
        pool.submit(Task("a", "a", abs, (1,)))
        paused = "Dask has paused all 1 workers, because they take 80 % of their memory limit"
        message = f"tcp://host:8786: {paused}"
        with pytest.raises(ArtifactError, match=message):
            pool.next()
    assert message in capsys.readouterr().out


def test_another_machines_half_written_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xbarpaper.support.files._HOST", "other")
    with atomic(tmp_path / "a.txt") as theirs:
        monkeypatch.setattr("xbarpaper.support.files._HOST", "here")
        monkeypatch.setattr("xbarpaper.support.files._is_running", lambda process: False)
        write_text(tmp_path / "a.txt", "ours")
        assert theirs.exists()


def test_data_on_another_disk_is_refused_before_anything_runs(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "inside").mkdir()
    (top / "inside/data").symlink_to(top / "scratch")
    (top / "scratch").mkdir()
    with pytest.raises(ArtifactError, match=r"^data: a link to .*scratch, but DVC keeps only outputs inside"):
        inputs.require_inside(top / "inside")
    inputs.require_inside(top)


# --- DVC's and Jupyter's own habits -------------------------------------------------------------------------


def test_a_run_comes_out_as_a_few_flat_numbers() -> None:
    tables = ROOT / "reports/quick/tables"
    evaluation, verdicts = (
        pd.read_csv(tables / f"{name}.csv", keep_default_na=False, na_values=[""])
        for name in ("evaluation", "claims")
    )
    found = metrics.flat(evaluation, verdicts, "layer")
    assert 10 <= len(found) <= 30
    assert {name.split("_")[0] for name in found} >= {"software", "crossbars", "C1", "C2", "C3", "C4", "C5"}
    assert all(isinstance(value, float) for value in found.values())
    listed = YAML(typ="safe").load(ROOT / "dvc.yaml")["metrics"]
    assert listed == ["reports/${profile}/metrics.json"]


def test_the_graph_is_shown_narrow_enough_to_read(project: Path) -> None:
    (command,) = re.findall(r"`(dvc dag --md)`", (ROOT / "docs/habits.md").read_text(encoding="utf-8"))
    shown = run(*command.split(), cwd=project).stdout
    assert shown.startswith("```mermaid\n")
    assert max(map(len, shown.splitlines())) < 100


def test_what_other_profiles_made_stays_in_the_cache(project: Path) -> None:
    """Also where the path of the cache means something in a configuration."""
    project = project.rename(project.with_name("a #1, 100 %(x)s"))
    shutil.copytree(ROOT / "profiles", project / "profiles")
    stage = {"cmd": "mkdir out-${item}; echo ${item} > out-${item}/a", "outs": ["out-${item}"]}
    with (project / "dvc.yaml").open("w") as file:
        YAML().dump({"stages": {"show": {"foreach": ["${profile}"], "do": stage}}}, file)
    names = ("paper", "quick")
    for name in names:
        writing.write(name, project)
        assert run("dvc", "repro", cwd=project).returncode == 0
    objects = project / ".dvc/cache/files/md5"
    write_text(objects / "12" / ("3" * 30), "what no profile has")
    done = run("python", "-m", "xbarpaper.pipeline.cleaning", cwd=project, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    kept = {path.read_text() for path in objects.rglob("*") if path.is_file() and path.suffix != ".dir"}
    assert kept == {f"{name}\n" for name in names}


def test_a_notebook_of_another_clone_is_refused_or_runs_its_own_code(top: Path) -> None:
    other = top / "other"
    for name in ("dvc.yaml", "params.yaml", "xbarpaper/__init__.py"):
        write_text(other / name, "")
    (other / "notebooks").mkdir()
    start = "from xbarpaper.pipeline.start import start; start()"
    done = run("python", "-P", "-c", start, cwd=other / "notebooks", PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert f"its notebook would run the code of {ROOT}" in done.stderr.splitlines()[-1]
    # A notebook's folder is the first place where Jupyter looks for modules.
    shutil.copy(ROOT / "notebooks/xbarpaper.py", other / "notebooks")
    asked = "import xbarpaper, sys; print(xbarpaper.__file__)"
    done = run("python", "-c", asked, cwd=other / "notebooks", PYTHONPATH=str(ROOT))
    assert done.stdout.strip() == str(other / "xbarpaper/__init__.py")
    done = run("python", "-S", "-c", "from xbarpaper.support.words import join", cwd=ROOT / "notebooks")
    assert done.returncode == 0, done.stderr


def test_a_notebook_run_by_hand_takes_the_profiles_first_experiment(make_params: Any) -> None:
    params: Params = make_params()
    assert Experiment("", params).name == next(iter(params.experiments))
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        (source,) = (cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
        assert not re.search("quick|shapes10", source)


def test_what_jupyterlab_saves_of_a_notebook_that_was_run_is_its_source() -> None:
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        node = nbformat.read(path, as_version=4)
        node.metadata["language_info"] = {"name": "python", "version": "3.11.2"}
        node.metadata["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
        for number, cell in enumerate(node.cells):
            cell.metadata |= {"execution": {"a": "b"}, "trusted": True}
            if cell.cell_type == "code":
                cell.execution_count, cell.outputs = number, [nbformat.v4.new_output("stream", text="x")]
        lab.keep_source_clean({"type": "notebook", "content": node}, path=path.name)
        assert nbformat.writes(node).rstrip() == path.read_text(encoding="utf-8").rstrip()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"pre_save_hook={lab.__name__}.{lab.keep_source_clean.__name__}" in makefile


def test_what_needs_a_missing_program_is_skipped_and_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or fails, where CI demands the program."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(programs.REQUIRE, raising=False)
    reasons = []
    for name in ("chromium", "ngspice", "ngspice"):
        with pytest.raises(pytest.skip.Exception) as skipped:
            programs.program(name)
        reasons.append(str(skipped.value))
    told = "skipped for want of a program: 1 need chromium, 2 need ngspice (apt-get install chromium ngspice)"
    assert programs.summary(reasons) == told
    monkeypatch.setenv(programs.REQUIRE, "ngspice")
    with pytest.raises(pytest.fail.Exception, match="demands it"):
        programs.program("ngspice")


def test_the_suite_needs_no_package_of_the_name_tests() -> None:
    """Another package may install one that wins over our folder."""
    modules = [path for top in ("tests", "tools", "benchmarks") for path in (ROOT / top).rglob("*.py")]
    imported = re.compile(r"^\s*(from|import) tests\b", re.M)
    assert [path for path in modules if imported.search(path.read_text(encoding="utf-8"))] == []
