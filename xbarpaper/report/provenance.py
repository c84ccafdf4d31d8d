"""Where a report comes from: what was run, on which data, with which seeds and versions, and the code's commit."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.params import Params, load, load_profile
from xbarpaper.support import git
from xbarpaper.support.errors import ParameterError
from xbarpaper.support.validation import Section
from xbarpaper.support.words import count, join, square

PACKAGES: Final = ("torch", "torchvision", "numpy", "scipy", "pandas", "matplotlib")
"""Whose versions the report names: they can move the last digits of a result."""

CODE: Final = ("xbarpaper", "notebooks", "dvc.yaml", "params.yaml", "profiles")
"""What decides the results, relative to the repository's top."""

NO_GIT: Final = "not under git"


def what_was_run(params: Params, labels: Labels, evaluation: pd.DataFrame) -> str:
    """The report's first paragraph.

    Args:
        params: the profile.
        labels: words of the profile.
        evaluation: the tidy table of evaluations.
    """
    sparsities = sorted({experiment.sparsity for experiment in params.experiments.values()})
    schemes = [SCHEME_NAMES[name] for name in evaluation["scheme"].unique() if name != "unpruned"]
    mitigations = [str(name) for name in evaluation["mitigation"].unique() if name != "none"]
    sizes = [square(size) for size in params.mapping.crossbar_sizes]
    pruned = f" and pruned by {join(schemes)} to a sparsity of {_listed(sparsities)}" if schemes else ""
    mitigated = f", without mitigation and with {join(mitigations)}" if mitigations else ""
    return (
        f"{labels.subject(evaluation)}: trained unpruned{pruned}, mapped onto non-ideal crossbars of {join(sizes)}"
        f"{mitigated}, and evaluated on all test images for {count(params.evaluation.variation_seeds, 'draw')} of device "
        f"variation: {count(len(evaluation), 'evaluation')}."
    )


class Measured(Section):
    """Where the tables of a report come from that was drawn again later: ``measured.json``."""

    code: str
    versions: str


def facts(
    params: Params, labels: Labels, software: pd.DataFrame, root: Path, measured: Measured | None = None
) -> list[tuple[str, str]]:
    """Names and texts of what a result depends on beside the parameters.

    Args:
        params: the profile.
        labels: words of the profile.
        software: the tidy table of trained networks.
        root: top of the repository.
        measured: where the tables come from, if not from this commit.
    """
    here = f"on the machine that made this report: {versions()}"
    used = {experiment.dataset for experiment in params.experiments.values()}
    data = [
        f"{labels.dataset(name)}: {params.dataset(name).provenance}{_tested(software, name)}"
        for name in params.datasets
        if name in used
    ]
    seeds = sorted({experiment.training_seed for experiment in params.experiments.values()})
    return [
        ("Code", f"measured by {measured.code}; figures, verdicts and this page by {code(root, params.profile)}"
         if measured else code(root, params.profile)),
        ("Hardware of training", "; ".join(sorted(set(software["hardware"].astype(str))))),
        ("Data", "; ".join(data)),
        ("Training seeds", _listed(seeds)),
        ("Seeds of device variation", f"0 to {params.evaluation.variation_seeds - 1}, the same for every network"),
        ("Versions", f"measured with {measured.versions}; {here}" if measured else here),
    ]  # fmt: skip


def versions() -> str:
    """Python and the packages that can move the last digits of a result."""
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {packages}"


def code(root: Path, profile: str) -> str:
    """The last commit that touched the code, its date, and whether the code has changed since.

    A params.yaml that holds what its profile gives is no change: that is how a profile is chosen.
    """
    last = _git(root, "log", "-1", "--no-show-signature", "--format=%H %cs", "--", *CODE)
    judged = [name for name in CODE if name != "params.yaml" or not _chosen(root, profile)]
    changes = _git(root, "status", "--porcelain", "--untracked-files", "--", *judged)
    if not last or changes is None:
        return NO_GIT
    digest, date = last.split()
    return f"commit {digest[:10]} of {date}" + (
        ", with changes that were not committed when this report was made" if changes else ""
    )


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, without its last newline; None where there is no git, no repository, or no answer."""
    try:
        done = git.run(root, *arguments, timeout=30)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def _chosen(root: Path, profile: str) -> bool:
    """Whether params.yaml holds exactly what the profile gives."""
    try:
        return load(root / "params.yaml") == load_profile(root / "profiles" / f"{profile}.yaml")
    except ParameterError:
        return False


def _tested(software: pd.DataFrame, dataset: str) -> str:
    found = software.loc[software["dataset"] == dataset, "test_images"].dropna().unique()
    return "".join(f", {int(number):,} test images" for number in sorted(found))


def _version(package: str) -> str:
    """A version without its build, which does not change what the package computes."""
    try:
        return metadata.version(package).split("+")[0]
    except metadata.PackageNotFoundError:
        return "unknown"


def _listed(numbers: Sequence[float]) -> str:
    return join([f"{number:g}" for number in numbers])
