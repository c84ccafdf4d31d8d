"""The tables of a profile: what every stage measured, gathered over its experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import pandas as pd

from xbarpaper import files
from xbarpaper.errors import ArtifactError, ParameterError
from xbarpaper.params import GAINS, MITIGATIONS, SCHEMES, Params

RESULTS: Final = Path("data/results")
SUMMARIES: Final = Path("data/summaries")

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "evaluation": (
        "experiment", "dataset", "network", "scheme", "sparsity", "crossbar_size", "mitigation", "effects",
        "gain", "seed", "accuracy", "software_accuracy", "nf", "low_conductance_share", "crossbars",
        "compression_rate",
    ),
    "layers": (
        "experiment", "dataset", "network", "scheme", "crossbar_size", "mitigation", "layer", "rows",
        "columns", "kept_weights", "crossbars", "crossbars_unpruned", "utilisation", "compression_rate",
        "low_conductance_share", "nf",
    ),
    "software": (
        "experiment", "dataset", "network", "scheme", "sparsity", "crossbar_size", "step", "accuracy",
        "test_images", "hardware",
    ),
    "training": (
        "experiment", "network", "scheme", "crossbar_size", "step", "epoch", "learning_rate", "train_loss",
        "train_accuracy", "test_accuracy",
    ),
}  # fmt: skip

STAGES: Final[dict[str, tuple[str, ...]]] = {
    "evaluation": ("06_evaluate", "07_rearrange", "08_wct"),
    "layers": ("05_map", "07_rearrange", "08_wct"),
    "software": ("01_train", "02_prune_cf", "03_prune_xcs", "04_prune_xrs", "08_wct"),
    "training": ("01_train", "02_prune_cf", "03_prune_xcs", "04_prune_xrs", "08_wct"),
}

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "evaluation": ("experiment", "scheme", "crossbar_size", "mitigation", "effects", "gain", "seed"),
    "layers": ("experiment", "scheme", "crossbar_size", "mitigation", "layer"),
    "software": ("experiment", "scheme", "crossbar_size", "step"),
    "training": ("experiment", "scheme", "crossbar_size", "step", "epoch"),
}

EFFECTS: Final = ("wires", "variation", "both")
STEPS: Final = ("trained", "pruned", "fine-tuned", "wct")
_ORDERS: Final[dict[str, Sequence[str]]] = {
    "scheme": SCHEMES,
    "mitigation": MITIGATIONS,
    "effects": EFFECTS,
    "gain": GAINS,
    "step": STEPS,
}


@dataclass(frozen=True)
class Results:
    """Tidy tables of all experiments of a profile, columns as in ``COLUMNS`` (further ones after them)."""

    evaluation: pd.DataFrame
    layers: pd.DataFrame
    software: pd.DataFrame
    training: pd.DataFrame

    def write(self, folder: Path | str) -> list[Path]:
        """Write each table as ``<its name>.csv``; returns their paths."""
        return [
            files.write_table(Path(folder) / f"{part.name}.csv", getattr(self, part.name))
            for part in fields(self)
        ]


def load(params: Params, folder: Path | str | None = None) -> Results:
    """Gather what the stages of every experiment of the profile wrote.

    Args:
        params: the profile; its experiments are loaded, in their order.
        folder: where the stages write, ``<folder>/<experiment>/<stage>/<table>.csv``; ``data/results/<profile>`` if
            not given.

    Raises:
        ArtifactError: a stage's table is missing, lacks a column or holds a row twice; the message names
            the file and the command that makes it.
    """
    folder = RESULTS / params.profile if folder is None else Path(folder)
    return Results(**{name: _gather(name, list(params.experiments), folder) for name in COLUMNS})


def profile_folder(params: Params, profile: str, stage: str) -> Path:
    """Where a stage of the whole profile writes: ``data/summaries/<profile>/<stage>``.

    Raises:
        ParameterError: the active profile is another one.
    """
    if profile != params.profile:
        raise ParameterError(f"profile = {profile} must be that of params.yaml, {params.profile}")
    return SUMMARIES / profile / stage


def _gather(name: str, experiments: Sequence[str], folder: Path) -> pd.DataFrame:
    parts = [_read(path, name) for experiment in experiments for path in _paths(name, folder / experiment)]
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    further = [column for column in table.columns if column not in COLUMNS[name]]
    table = sort(table[[*COLUMNS[name], *further]], _KEYS[name], experiments)
    repeated = table.duplicated(list(_KEYS[name]))
    if repeated.any():
        row = table.loc[repeated, list(_KEYS[name])].iloc[0]
        shown = ", ".join(f"{key} = {value}" for key, value in row.items() if pd.notna(value))
        raise ArtifactError(f"{folder}/{row['experiment']}/*/{name}.csv: measured more than once: {shown}")
    return table


def _paths(name: str, folder: Path) -> list[Path]:
    """Tables of the stages that must be there, then of any others, in the order of their numbers."""
    for stage in STAGES[name]:
        path = folder / stage / f"{name}.csv"
        if not path.is_file():
            command = f"dvc repro {stage.split('_', 1)[1]}@{folder.name}"
            raise ArtifactError(f"{path}: no such table; `{command}` makes it")
    return sorted(folder.glob(f"*/{name}.csv"))


def _read(path: Path, name: str) -> pd.DataFrame:
    table = files.read_table(path)
    if name == "training" and "step" not in table.columns:
        # Fine-tuning and WCT train the same schemes; only the stage tells their epochs apart.
        table["step"] = {"01_train": "trained", "08_wct": "wct"}.get(path.parent.name, "fine-tuned")
    missing = [column for column in COLUMNS[name] if column not in table.columns]
    if missing:
        raise ArtifactError(f"{path}: no column {', '.join(missing)} (there are: {', '.join(table.columns)})")
    return table


def sort(table: pd.DataFrame, keys: Sequence[str], experiments: Sequence[str]) -> pd.DataFrame:
    """Rows in one order everywhere: by ``keys``, names as the parameters order them, layers as they came."""
    orders = {**_ORDERS, "experiment": experiments}
    ranks = pd.DataFrame(index=table.index)
    for key in keys:
        if key == "layer":
            continue
        order = orders.get(key)
        ranks[key] = (
            table[key].map({value: rank for rank, value in enumerate(order)}) if order else table[key]
        )
    ordered = ranks.sort_values(list(ranks.columns), kind="stable", na_position="first").index
    return table.loc[ordered].reset_index(drop=True)
