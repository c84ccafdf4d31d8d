"""Copies of this repository, and the commands that a reader gives in one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from isolation import Isolation
from ruamel.yaml import YAML

from xbarpaper import params
from xbarpaper.params import Params

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Stage:
    """A stage as DVC reads it from dvc.yaml, nothing left to fill in; paths are relative to the repository."""

    command: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]


def stages(folder: Path) -> dict[str, Stage]:
    """All stages of a repository by name."""
    # Not sooner: most tests do without DVC, which takes long to import.
    from dvc.dependency.param import ParamsDependency
    from dvc.repo import Repo

    found = {}
    for stage in Repo(str(folder)).index.stages:
        params = tuple(name for dep in stage.deps if isinstance(dep, ParamsDependency) for name in dep.params)
        deps = tuple(dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency))
        name = stage.addressing.rpartition(":")[2]  # before it a path, where the command is given elsewhere
        found[name] = Stage(stage.cmd, deps, params, tuple(out.def_path for out in stage.outs))
    return found


class Repository:
    """A copy of the working tree under git, with its own DVC cache and this interpreter's programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # One thread: networks this small are faster so. The stages' own interpreter comes first on the path.
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            # A user's hooks, such as git-lfs's where that is missing, let a clone or a new working tree fail.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.hooksPath",
            "GIT_CONFIG_VALUE_0": os.devnull,
        }
        self.before: tuple[str, ...] = ()  # what each command is started by

    @classmethod
    def copy(cls, folder: Path, only: tuple[str, ...] = ("",)) -> Repository:
        """Copy what git tracks, and what it would track: tests see the code as it is, committed or not.

        Of the reports only that of quick, which ``dvc.lock`` speaks of: the others are large. ``only`` names how the
        paths of what is wanted begin.
        """
        listed = subprocess.run(
            ["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT, capture_output=True,
            check=True, text=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            other = name.startswith("reports/") and not name.startswith("reports/quick/")
            # A tracked file may have been deleted.
            if name.startswith(only) and not other and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)  # with its time, which compiled circuits go by
        kernels = Path("xbarpaper/hardware/circuit/__pycache__")
        if (folder / kernels.parent).is_dir():
            (folder / kernels).mkdir()
            for compiled in (ROOT / kernels).glob("kernels.*.nb?"):
                shutil.copy2(compiled, folder / kernels)
        repository = cls(folder)
        repository.git("init", "-q")
        repository.git("config", "core.compression", "0")  # it takes most of the time of a commit
        repository.commit()
        return repository

    def clone(self, folder: Path) -> Repository:
        """A fresh clone of what is committed here."""
        self.git("clone", "-q", "--no-hardlinks", str(self.folder), str(folder))
        return Repository(folder)

    @classmethod
    def twin(cls, source: Path, folder: Path) -> Repository:
        """A copy of a repository with all that lies in it, DVC's cache included."""
        shutil.copytree(source, folder, symlinks=True)
        return cls(folder)

    def commit(self) -> None:
        self.git("add", "-A")
        identity = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
        self.git(*identity, "commit", "-q", "--no-verify", "-m", "state")

    def git(self, *arguments: str) -> str:
        """Output of a git command that must succeed."""
        return self.run("git", *arguments, check=True).stdout

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def repro(self, *arguments: str) -> str:
        """Output of a ``dvc repro`` that must succeed."""
        done = self.dvc("repro", *arguments)
        if done.returncode:
            raise AssertionError(f"dvc repro {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def run(self, *command: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.before, *command], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            check=check,
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin a dvc command and go on without waiting."""
        return subprocess.Popen(
            [sys.executable, "-m", "dvc", *arguments], cwd=self.folder, env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def activate(self, profile: Params, **changes: dict[str, Any]) -> None:
        """Write ``params.yaml``, with changes by section that need not be allowed."""
        tree = profile.model_dump(mode="json") | {"sources": profile.sources}
        for section, values in changes.items():
            tree[section] |= values
        with (self.folder / "params.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(tree, file)

    def keep_profile(self) -> None:
        """Write the active parameters as a profile, which does not list the sources of its images."""
        text = (self.folder / "params.yaml").read_text(encoding="utf-8")
        profile = re.sub(r"^sources:.*\n(- .*\n)*", "", text, flags=re.M)
        (self.folder / "profiles" / "tiny.yaml").write_text(profile, encoding="utf-8")

    def contents(self, name: str) -> dict[str, bytes]:
        """Every file under a folder, by its path there."""
        top = self.folder / name
        files = [path for path in sorted(top.rglob("*")) if path.is_file()]
        return {str(path.relative_to(top)): path.read_bytes() for path in files}


def wait_for(condition: Callable[[], object], what: str, seconds: float = 300.0) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it does not in time.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{what} after {seconds:g} s")
        time.sleep(0.05)


def suspend_all(pid: int) -> list[psutil.Process]:
    """Stop a process and all below it, kernels in process groups of their own too; returns them."""
    stopped: dict[int, psutil.Process] = {}
    while True:  # what is stopped begins no further ones, and one that has ended is none
        try:
            top = psutil.Process(pid)
            family = [one for one in (top, *top.children(recursive=True)) if one.pid not in stopped]
        except psutil.NoSuchProcess:
            family = []
        if not family:
            return list(stopped.values())
        for one in family:
            stopped[one.pid] = one
            with contextlib.suppress(psutil.NoSuchProcess):
                one.suspend()


def kill_all(pid: int) -> None:
    """End a process and all below it at once, as when the power goes."""
    stopped = suspend_all(pid)
    for one in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(stopped, timeout=30)


def tiny_profile(**changes: dict[str, Any]) -> Params:
    """The profile quick, strictly checked, at a tiny size, with changes by section."""
    tree = params.load_profile(ROOT / "profiles" / "quick.yaml").model_dump()
    tree["profile"] = "tiny"
    tree["datasets"] = {
        "tiny": {
            "kind": "shapes10", "train_images": 100, "test_images": 40, "noise_sigma": 0.05, "seed": 1,
        }
    }  # fmt: skip
    tree["experiments"] = {
        "tiny-vgg11": {
            "dataset": "tiny", "network": "vgg11", "width": 0.06, "sparsity": 0.6, "training_seed": 0,
        }
    }  # fmt: skip
    tiny: dict[str, dict[str, Any]] = {
        "train": {"device": "cpu", "precision": "float32", "epochs": 1, "batch_size": 25},
        "prune": {"epochs": 1},
        "mapping": {"crossbar_sizes": (8, 16)},
        "evaluation": {"variation_seeds": 2, "gains": ("none", "layer"), "batch_size": 40},
        "sensitivity": {
            "experiments": ("tiny-vgg11",), "crossbar_size": 8, "on_off_ratios": (10.0, 100.0),
            "wire_factors": (0.0, 1.0), "driver_factors": (1.0, 2.0), "crossbar_sizes": (8, 16),
            "sparsities": (0.6, 0.8), "variation_sigmas": (0.0, 0.1),
        },
        "effects": {
            "experiments": ("tiny-vgg11",), "crossbar_size": 8, "levels": (4,), "programming_noises": (),
        },
        "beyond": {"experiments": ("tiny-vgg11",), "batch_norm_images": 50, "tuning_refresh_steps": 2},
        "search": {
            "experiments": ("tiny-vgg11",), "crossbar_size": 8, "validation_images": 20, "finalists": 2,
            "keys": ("square",), "orders": ("descending",), "groupings": ("together",), "scopes": ("strip",),
            "cut_quantiles": (0.8,), "epochs": (1,), "learning_rates": (0.02,), "rounds": (1,), "variation_seeds": 2,
        },
        "published": {
            "experiments": ("tiny-vgg11",), "crossbar_sizes": (64,), "r_min_ohms": (100e3,), "variation_seeds": 2,
            "read_sigmas": (0.2,), "drift_seconds": (1e10,),
        },
        "periphery": {
            "experiments": ("tiny-vgg11",), "adc_bits": (4, 8), "calibration_images": 5, "test_images": 10,
        },
        "costs": {"experiments": ("tiny-vgg11",)},
        "adversarial": {
            "experiments": ("tiny-vgg11",), "test_images": 4, "variation_seeds": 2, "attacker_draws": 1,
            "epsilons": (0.03,), "square_epsilon": 0.03, "pgd_steps": 1, "square_queries": 2,
        },
        "acdc": {
            "experiments": ("tiny-vgg11",), "schemes": ("xcs", "unstructured"), "crossbar_size": 8,
            "compressed_phases": 1, "variation_seeds": 2,
        },
        "spiking": {
            "experiments": ("tiny-vgg11",), "train_steps": 2, "steps": (1, 2, 3), "epochs": 1, "balance_images": 10,
            "crossbar_sizes": (8,), "variation_seeds": 2, "test_images": 20,
        },
        "on_crossbar_training": {
            "experiments": ("tiny-vgg11",), "start": "fresh", "crossbar_size": 8, "refresh_steps": 2,
            "write_nonlinearities": (1.0,), "write_noises": (), "on_off_ratios": (5.0,), "training_seeds": 2,
        },
    }  # fmt: skip
    for section, values in [*tiny.items(), *changes.items()]:
        tree[section] = tree[section] | values
    return Params.model_validate(tree)


def run_profile(folder: Path, profile: Params, within: Isolation | None = None) -> str:
    """Copy the repository, run a profile there and commit what it made; returns what ``dvc repro`` said."""
    made = Repository.copy(folder)
    made.activate(profile)
    if within is not None:
        made.before = within.before
        made.environment |= within.environment
    output = made.repro()
    made.commit()
    return output
