"""pyproject.toml, requirements.lock, environment.yml and the Makefile ask for the same environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from repository import ROOT
from ruamel.yaml import YAML

from xbarpaper.params import load
from xbarpaper.params.writing import write
from xbarpaper.support.files import write_text

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_LINES = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
LOCK = [Requirement(line) for line in _LINES if line.strip() and not line.startswith("#")]
DIRECT = [Requirement(text) for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]]


@pytest.mark.parametrize("dependency", DIRECT, ids=lambda requirement: requirement.name)
def test_every_direct_dependency_is_locked_at_a_version_that_satisfies_it(dependency: Requirement) -> None:
    locked = [entry for entry in LOCK if canonicalize_name(entry.name) == canonicalize_name(dependency.name)]
    assert locked, f"{dependency.name} is not in requirements.lock: `make lock`"
    for entry in locked:
        version = str(entry.specifier).removeprefix("==")
        assert dependency.specifier.contains(version), f"{entry} does not satisfy {dependency}: `make lock`"


def test_lock_pins_exactly_and_leaves_cuda_to_torch() -> None:
    assert len(LOCK) > len(DIRECT)
    for entry in LOCK:
        assert re.fullmatch(r"==[^,*]+", str(entry.specifier)), f"{entry} is not pinned"
        assert not re.match(r"nvidia-|cuda-|triton", entry.name), f"{entry} belongs to CUDA"
        assert "+" not in str(entry.specifier), f"{entry} is a build of one machine"


def test_conda_installs_the_lock_on_a_python_that_the_project_allows() -> None:
    tree = YAML(typ="safe").load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert tree["name"] == PROJECT["name"]
    words = [entry for entry in tree["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in tree["dependencies"] if isinstance(entry, dict))
    python = next(entry.removeprefix("python=") for entry in words if entry.startswith("python="))
    assert "pip" in words
    assert pip == ["-r requirements.lock", "-e ."]
    assert SpecifierSet(PROJECT["requires-python"]).contains(Version(f"{python}.0"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"--python-version {python} " in makefile


def test_make_accepts_the_pythons_that_the_project_allows() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    low, high = re.findall(r"\((3), (\d+)\) <= v\[:2\] <= \((3), (\d+)\)", makefile)[0][1::2]
    for minor in range(8, 20):
        assert allowed.contains(f"3.{minor}.0") == (int(low) <= minor <= int(high))


def test_citation_has_the_projects_version_and_licence() -> None:
    citation = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """The Makefile with two profiles, and nothing to install or to run."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    (tmp_path / "profiles").mkdir()
    for name in ("small", "large"):
        shutil.copy(ROOT / "profiles" / "quick.yaml", tmp_path / "profiles" / f"{name}.yaml")
    write("small", tmp_path)
    return tmp_path


def executable(path: Path, script: str) -> Path:
    """A program of a shell's commands."""
    write_text(path, f"#!/bin/sh\n{script}\n").chmod(0o755)
    return path


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The suite itself may run under make, which hands its flags and variables on.
    own = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "PROFILE", "PYTHON", "TESTS"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_make_lists_its_targets_and_profiles(workplace: Path) -> None:
    done = _make(workplace)
    assert done.returncode == 0
    for target in ("repro", "test", "verify", "audit", "lab", "lint", "lock", "clean"):
        assert f"make {target} " in done.stdout
    assert set(done.stdout.splitlines()[-1].split()) == {"profiles:", "small", "large"}


def test_make_activates_a_profile(workplace: Path) -> None:
    executable(workplace / ".venv/bin/python", f'PYTHONPATH={ROOT} exec {sys.executable} "$@"')
    (workplace / ".venv/.installed").touch()
    params = workplace / "params.yaml"
    before = params.stat().st_mtime_ns
    assert _make(workplace, "profile").returncode == 0
    assert _make(workplace, "profile", "PROFILE=small").returncode == 0
    assert params.stat().st_mtime_ns == before, "an active profile is left alone"
    assert _make(workplace, "profile", "PROFILE=large").returncode == 0
    assert load(params).profile == "large"


@pytest.mark.parametrize(
    ("given", "options"), [((), ""), (("PROFILE=large",), "--profile large"), (("RECORD=1",), "--record")]
)
def test_make_verify_runs_the_module(workplace: Path, given: tuple[str, ...], options: str) -> None:
    done = _make(workplace, "-n", "verify", *given)
    assert done.returncode == 0, done.stderr
    (command,) = (line for line in done.stdout.splitlines() if "tools.verify" in line)
    assert command.split("python -m tools.verify")[1].split() == options.split()


def test_make_refuses_an_unknown_profile_before_installing(workplace: Path) -> None:
    done = _make(workplace, "repro", "PROFILE=huge")
    assert done.returncode != 0
    assert "PROFILE = huge: no file profiles/huge.yaml (there are: " in done.stderr
    assert not (workplace / ".venv").exists()
    assert load(workplace / "params.yaml").profile == "small"


def test_make_refuses_another_python(workplace: Path) -> None:
    # A Python that says it is 2.7 by running the check with another sys.version_info.
    old = "import sys, collections\nsys.version_info = collections.namedtuple('V', 'major minor')(2, 7)"
    fake = executable(workplace / "python2", f'exec python3 -c "{old}\nexec(sys.argv[1])" "$2"')
    done = _make(workplace, "repro", f"PYTHON={fake}")
    assert done.returncode != 0
    assert "is 2.7; it must be 3.11, 3.12 or 3.13" in done.stderr
    assert not (workplace / ".venv").exists()


def test_an_environment_without_pip_is_made_anew_or_refused_in_one_line(workplace: Path) -> None:
    """As uv makes them, and in a folder with a space in its name; installing stops where there is no index."""
    folder = shutil.copytree(workplace, workplace / "a folder", ignore=shutil.ignore_patterns("a folder"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    executable(folder / "python3", f'case "$2" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"')
    done = _make(folder, ".venv/.installed", "PYTHON=./python3")
    said = "PYTHON = ./python3 cannot make an environment with pip: apt-get install python3-venv"
    assert done.stderr.splitlines()[0] == said
    done = _make(folder, ".venv/.installed", f"PYTHON={sys.executable}", "PIP_NO_INDEX=1")
    assert ".venv/ is made anew: it has no pip, or another Python than " in done.stdout
    assert (folder / ".venv/bin/pip").is_file()
    assert not (folder / ".venv/.installed").exists()
