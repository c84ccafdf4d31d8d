"""What the stages left for the report: figures with captions, claims with verdicts, executed notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from xbarpaper.claims import ClaimReport
from xbarpaper.experiments.results import Results
from xbarpaper.figures.saving import Caption, read_captions
from xbarpaper.params import Params
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError

SUMMARY = "summary"
"""Folder of the executed notebooks that are about the whole profile."""


@dataclass(frozen=True)
class Picture:
    """A figure of the report: its caption, and its two files."""

    caption: Caption
    png: Path
    svg: Path


@dataclass(frozen=True)
class Notebook:
    """An executed notebook, and the dataset, experiment or profile that it belongs to."""

    group: str
    path: Path


@dataclass(frozen=True)
class Gathered:
    """What the stages of a profile left."""

    params: Params  # the profile
    results: Results  # measurements of all experiments
    # What ``claims.recovery_table`` gives, where mitigations beyond the paper's were tried
    recovered: pd.DataFrame | None
    # What ``claims.published.under_conventions`` gives, where published numbers were compared with
    conventions: pd.DataFrame | None
    claims: ClaimReport  # the statements with their verdicts
    pictures: list[Picture]  # figures, in the order in which they are shown
    notebooks: list[Notebook]  # executed


def pictures(*folders: Path) -> list[Picture]:
    """The figures of stages, in the order of their captions.

    Args:
        folders: each with ``captions.json`` and ``figures/<name>.png`` and ``.svg``.

    Raises:
        ArtifactError: the captions or a figure are missing, the captions are damaged, or two figures have one name.
    """
    gathered: dict[str, Picture] = {}
    for folder in folders:
        for entry in read_captions(folder / "captions.json"):
            png, svg = (folder / "figures" / f"{entry.name}.{suffix}" for suffix in ("png", "svg"))
            for path in (png, svg):
                if not path.is_file():
                    raise ArtifactError(f"{path}: no such file; `dvc repro` makes it")
            if entry.name in gathered:
                raise ArtifactError(f"{png}: another figure has the name {entry.name}")
            gathered[entry.name] = Picture(entry, png, svg)
    return list(gathered.values())


def claims(path: Path, params: Params) -> ClaimReport:
    """Read ``claims.json``.

    Raises:
        ArtifactError: it is missing, damaged, or of another profile.
    """
    found = ClaimReport.read(path)
    if found.profile != params.profile:
        raise ArtifactError(f"{path}: profile = {found.profile} must be {params.profile}, as in params.yaml")
    return found


def notebooks(folder: Path, params: Params) -> list[Notebook]:
    """The executed notebooks of a profile: of its datasets, of its experiments, then of their summary.

    Args:
        folder: with the notebooks as ``<dataset, experiment or summary>/<name>.ipynb``.
        params: the profile.

    Raises:
        ArtifactError: one of these has none.
    """
    datasets = [experiment.dataset for experiment in params.experiments.values()]
    gathered: list[Notebook] = []
    for group in dict.fromkeys([*datasets, *params.experiments, SUMMARY]):
        paths = files.plainly_named(folder / group, "[0-9]*.ipynb")
        if not paths:
            raise ArtifactError(f"{folder / group}: no executed notebook; `dvc repro` makes them")
        gathered += [Notebook(group, path) for path in paths]
    return gathered
