"""What the stages left for the report: figures with captions, claims with verdicts, executed notebooks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

from xbarpaper.params import Params
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.validation import Section, parse

Outcome = Literal["supported", "not supported", "undecided"]
Level = Literal["comparison", "size", "network", "overall"]

SUMMARY = "summary"
"""Folder of the executed notebooks that are about the whole profile."""


class _Record(Section):
    """A group of values in a file of a stage; what the report does not show may stand beside them."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Caption(_Record):
    """What stands with a figure."""

    name: str
    title: str
    caption: str
    command: str


class _CaptionsFile(_Record):
    captions: list[Caption]


class Verdict(_Record):
    """One statement of the paper, tested in one comparison, or joined over comparisons (``level``)."""

    level: Level = "comparison"
    experiment: str | None
    network: str | None
    dataset: str | None
    crossbar_size: int | None
    scheme: str | None
    mitigation: str | None
    verdict: Outcome
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int | None
    unit: str
    summary: str
    p_holm: float | None = None
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None
    sign_flip_p: float | None = None
    inference: str = ""
    needed_seeds: str = ""


class Claim(_Record):
    """One statement of the paper, and what the numbers say.

    Attributes:
        verdicts: single comparisons.
        levels: joined per crossbar size, per network and overall.
        main: mitigations that the statement is about.
    """

    id: str
    text: str
    verdicts: list[Verdict]
    levels: list[Verdict] = Field(default_factory=list)
    main: list[str] = Field(default_factory=list)
    overall: Outcome
    summary: str

    def tops(self) -> list[Verdict]:
        """The overall effects of the mitigations that the statement is about."""
        return [row for row in self.levels if row.level == "overall" and row.mitigation in self.main]


class Convention(_Record):
    """The overall effect of C2 at one gain mode of the readout."""

    gain: str
    chosen: bool
    verdict: Outcome
    effect: float
    low: float | None
    high: float | None
    p_holm: float | None
    n: int
    inference: str
    summary: str


class ClaimsFile(_Record):
    """The whole of ``claims.json``."""

    profile: str
    claims: list[Claim]
    scope: str = ""
    conventions: list[Convention] = Field(default_factory=list)
    conventions_summary: str = ""
    rules: dict[str, str] = Field(default_factory=dict)


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


def pictures(folder: Path) -> list[Picture]:
    """The figures of a stage, in the order of its captions.

    Args:
        folder: with ``captions.json`` and ``figures/<name>.png`` and ``.svg``.

    Raises:
        ArtifactError: the captions or a figure are missing, or the captions are damaged.
    """
    path = folder / "captions.json"
    found = parse({"captions": read_json(path)}, str(path), _CaptionsFile).captions
    gathered = [
        Picture(entry, *(folder / "figures" / f"{entry.name}.{suffix}" for suffix in ("png", "svg")))
        for entry in found
    ]
    for picture in gathered:
        _require(picture.png, picture.svg)
    return gathered


def claims(path: Path, params: Params) -> ClaimsFile:
    """Read ``claims.json``.

    Raises:
        ArtifactError: it is missing, damaged, or of another profile.
    """
    found = parse(read_json(path), str(path), ClaimsFile)
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
    for group in _distinct([*datasets, *params.experiments, SUMMARY]):
        paths = sorted((folder / group).glob("*.ipynb"))
        if not paths:
            raise ArtifactError(f"{folder / group}: no executed notebook; `dvc repro` makes them")
        gathered += [Notebook(group, path) for path in paths]
    return gathered


def read_json(path: Path) -> Any:
    """Plain values of a JSON file.

    Raises:
        ArtifactError: it is missing or is not JSON.
    """
    _require(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArtifactError(f"{path}: not valid JSON: {error}") from None


def _require(*paths: Path) -> None:
    for path in paths:
        if not path.is_file():
            raise ArtifactError(f"{path}: no such file; `dvc repro` makes it")


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
