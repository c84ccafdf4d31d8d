"""The tables of a profile: what every stage measured, gathered over its experiments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, get_args

import pandas as pd

from xbarpaper.experiments.paths import RESULTS, SUMMARIES
from xbarpaper.params import GAINS, SCHEMES, ColumnsCounted, Effects, Params
from xbarpaper.params.names import ADC_BITS, SCHEDULES
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError, ParameterError

_ORDERS: Final[dict[str, Sequence[str]]] = {
    "scheme": (*SCHEMES, "unstructured"),
    "schedule": SCHEDULES,
    "effects": get_args(Effects),
    "gain": GAINS,
    "step": ("trained", "pruned", "fine-tuned", "wct"),
    "adc": tuple(ADC_BITS),
    "columns": get_args(ColumnsCounted),
    "attack": ("fgsm", "pgd", "square"),
    "attacker": ("SS", "SH", "HH", "chip"),
    "kind": ("relu", "trained", "converted"),
}
# The stages write these in the order of their registries.
_BY_APPEARANCE: Final = ("axis", "mitigation", "pruned", "phases")
_AS_THEY_CAME: Final = ("layer", "part", "value", "second", "setting")
_TRAINING: Final = ("01_train", "02_prune_cf", "03_prune_xcs", "04_prune_xrs", "08_wct")


@dataclass(frozen=True)
class Table:
    """What a table of the results is, and where it comes from."""

    columns: tuple[str, ...]  # that it has at least, in their order
    keys: tuple[str, ...]  # columns that tell its rows apart, and by which they are sorted
    stages: tuple[str, ...]  # that write it, each into its folder
    file: str  # its name there without ``.csv``; the table's own name if empty
    # Those of a profile that have it. Written out for each table, where it is seen which parameters a stage reads
    experiments: Callable[[Params], Iterable[str]]


def _table(
    columns: str,
    keys: str,
    *stages: str,
    file: str = "",
    had_by: Callable[[Params], Iterable[str]] = lambda params: params.experiments,
) -> dict[str, Table]:
    """Metadata of a field of ``Results``: what the table is."""
    return {"table": Table(tuple(columns.split()), tuple(keys.split()), stages, file, had_by)}


# fmt: off
@dataclass(frozen=True)
class Results:
    """Tidy tables of a profile, columns as in ``TABLES`` (further ones after them).

    A table that none of the profile's experiments has holds no rows.
    """

    evaluation: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme sparsity crossbar_size mitigation effects gain seed accuracy "
        "software_accuracy nf low_conductance_share crossbars compression_rate",
        "experiment scheme crossbar_size mitigation effects gain seed",
        "06_evaluate", "07_rearrange", "08_wct",
    ))
    layers: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme crossbar_size mitigation layer rows columns kept_weights "
        "crossbars crossbars_unpruned utilisation compression_rate low_conductance_share nf",
        "experiment scheme crossbar_size mitigation layer",
        "05_map", "07_rearrange", "08_wct",
    ))
    software: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme sparsity crossbar_size step accuracy test_images hardware",
        "experiment scheme crossbar_size step",
        *_TRAINING,
    ))
    training: pd.DataFrame = field(metadata=_table(
        "experiment network scheme crossbar_size step epoch learning_rate train_loss train_accuracy "
        "test_accuracy",
        "experiment scheme crossbar_size step epoch",
        *_TRAINING,
    ))
    errors: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme crossbar_size layer effects part share",
        "experiment scheme crossbar_size layer effects part",
        "09_mechanism", file="error",
    ))
    layer_losses: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme crossbar_size seed layer lost_alone won_back",
        "experiment scheme crossbar_size seed layer",
        "09_mechanism", file="exchanges",
    ))
    sensitivity: pd.DataFrame = field(metadata=_table(
        "experiment dataset network axis value second scheme sparsity crossbar_size mitigation seed "
        "accuracy software_accuracy",
        "experiment axis value second scheme sparsity crossbar_size mitigation seed",
        "10_sensitivity", had_by=lambda params: params.sensitivity.experiments,
    ))
    device_effects: pd.DataFrame = field(metadata=_table(
        "experiment dataset network axis value second scheme sparsity crossbar_size mitigation seed "
        "accuracy software_accuracy",
        "experiment axis value second scheme sparsity crossbar_size mitigation seed",
        "14_devices", had_by=lambda params: params.effects.experiments,
    ))
    recovery: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme sparsity crossbar_size mitigation gain seed accuracy "
        "software_accuracy",
        "experiment scheme crossbar_size mitigation gain seed",
        "11_beyond", had_by=lambda params: params.beyond.experiments,
    ))
    costs: pd.DataFrame = field(metadata=_table(
        "experiment scheme crossbar_size mitigation training_images chip_images circuit_solutions "
        "chip_solutions",
        "experiment scheme crossbar_size mitigation",
        "11_beyond", had_by=lambda params: params.beyond.experiments,
    ))
    search: pd.DataFrame = field(metadata=_table(
        "experiment dataset network crossbar_size pruned mitigation setting key order grouping scope arrays "
        "range cut_quantile epochs learning_rate rounds predicted_error accuracy software_accuracy gained "
        "gained_low gained_high draws images chosen",
        "experiment pruned mitigation setting",
        "13_search", had_by=lambda params: params.search.experiments,
    ))
    published: pd.DataFrame = field(metadata=_table(
        "experiment dataset network source setting scheme crossbar_size mitigation effects "
        "digital_classifier published r_min_ohm gain seed accuracy software_accuracy lost",
        "experiment source setting r_min_ohm gain seed",
        "17_published", had_by=lambda params: params.published.experiments,
    ))
    published_like: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme sparsity crossbar_size mitigation effects gain seed accuracy "
        "software_accuracy r_min_ohm",
        "experiment scheme crossbar_size mitigation seed",
        "17_published", had_by=lambda params: params.published.experiments,
    ))
    batch_norms: pd.DataFrame = field(metadata=_table(
        "experiment dataset network crossbar_size r_min_ohm gain axis value mitigation seed published "
        "accuracy software_accuracy lost error rest",
        "experiment crossbar_size axis value mitigation seed",
        "17_published", had_by=lambda params: params.published.experiments,
    ))
    strongest: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme sparsity crossbar_size pruned mitigation setting effects gain "
        "seed accuracy software_accuracy",
        "experiment pruned scheme mitigation seed",
        "13_search", had_by=lambda params: params.search.experiments,
    ))
    converters: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme crossbar_size adc_bits accuracy changed images",
        "experiment scheme crossbar_size adc_bits",
        "15_periphery", had_by=lambda params: params.periphery.experiments,
    ))
    energy: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme crossbar_size mitigation adc columns crossbars compression_rate "
        "macs conversions drives adc_uj driver_uj array_uj digital_uj memory_uj energy_uj adc_share "
        "area_mm2 latency_us energy_ratio area_ratio latency_ratio",
        "experiment scheme crossbar_size mitigation adc columns",
        "16_costs", had_by=lambda params: params.costs.experiments,
    ))
    adversarial: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme sparsity crossbar_size attack epsilon attacker seed accuracy "
        "clean_accuracy images",
        "experiment scheme crossbar_size attack epsilon attacker seed",
        "18_adversarial", had_by=lambda params: params.adversarial.experiments,
    ))
    acdc: pd.DataFrame = field(metadata=_table(
        "experiment dataset network scheme sparsity crossbar_size schedule gain seed accuracy "
        "software_accuracy crossbars compression_rate",
        "experiment scheme crossbar_size schedule seed",
        "19_acdc", had_by=lambda params: params.acdc.experiments,
    ))
    spiking: pd.DataFrame = field(metadata=_table(
        "experiment dataset network kind coding crossbar_size read_noise steps seed accuracy "
        "software_accuracy output_error spike_rate",
        "experiment kind coding crossbar_size read_noise steps seed",
        "21_spiking", had_by=lambda params: params.spiking.experiments,
    ))
    spiking_energy: pd.DataFrame = field(metadata=_table(
        "experiment dataset network kind coding crossbar_size steps conversions adc_uj driver_uj array_uj "
        "digital_uj memory_uj energy_uj latency_us",
        "experiment kind coding crossbar_size steps",
        "21_spiking", had_by=lambda params: params.spiking.experiments,
    ))
    on_crossbar_training: pd.DataFrame = field(metadata=_table(
        "experiment dataset network crossbar_size phases refresh_steps write_nonlinearity write_noise "
        "on_off_ratio seed accuracy software_accuracy",
        "experiment crossbar_size phases refresh_steps write_nonlinearity write_noise on_off_ratio seed",
        "20_on_crossbar_training", had_by=lambda params: params.on_crossbar_training.experiments,
    ))
    # fmt: on

    def write(self, folder: Path | str) -> list[Path]:
        """Write each table that holds rows as ``<its name>.csv``; returns their paths."""
        return [
            files.write_table(Path(folder) / f"{name}.csv", getattr(self, name))
            for name in TABLES
            if len(getattr(self, name))
        ]


TABLES: Final[dict[str, Table]] = {one.name: one.metadata["table"] for one in fields(Results)}
"""Every table of the results, by the name under which it is published."""


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
    return Results(**{name: _gather(name, params, folder) for name in TABLES})


def profile_folder(params: Params, profile: str, stage: str) -> Path:
    """Where a stage of the whole profile writes: ``data/summaries/<profile>/<stage>``.

    Raises:
        ParameterError: the active profile is another one.
    """
    if profile != params.profile:
        raise ParameterError(f"profile = {profile} must be that of params.yaml, {params.profile}")
    return SUMMARIES / profile / stage


def _gather(name: str, params: Params, folder: Path) -> pd.DataFrame:
    described = TABLES[name]
    file = f"{described.file or name}.csv"
    listed = set(described.experiments(params))
    experiments = [experiment for experiment in params.experiments if experiment in listed]
    paths = (path for one in experiments for path in _paths(described, file, folder / one))
    parts = [_read(path, described) for path in paths]
    if not parts:
        return pd.DataFrame(columns=list(described.columns))
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    further = [column for column in table.columns if column not in described.columns]
    table = sort(table[[*described.columns, *further]], described.keys, experiments)
    repeated = table.duplicated(list(described.keys))
    if repeated.any():
        row = table.loc[repeated, list(described.keys)].iloc[0]
        shown = ", ".join(f"{key} = {value}" for key, value in row.items() if pd.notna(value))
        raise ArtifactError(f"{folder}/{row['experiment']}/*/{file}: measured more than once: {shown}")
    return table


def _paths(described: Table, file: str, folder: Path) -> list[Path]:
    """Tables of the stages that must be there, then of any others, in the order of their numbers."""
    for stage in described.stages:
        path = folder / stage / file
        if not path.is_file():
            command = f"dvc repro {stage.split('_', 1)[1]}@{folder.name}"
            raise ArtifactError(f"{path}: no such table; `{command}` makes it")
    return sorted(folder.glob(f"*/{file}"))


def _read(path: Path, described: Table) -> pd.DataFrame:
    table = files.read_table(path)
    missing = [column for column in described.columns if column not in table.columns]
    if missing:
        raise ArtifactError(f"{path}: no column {', '.join(missing)} (there are: {', '.join(table.columns)})")
    return table


def sort(table: pd.DataFrame, keys: Sequence[str], experiments: Sequence[str]) -> pd.DataFrame:
    """Rows in one order everywhere: by ``keys``, names in one order, layers and values as they came."""
    orders = {**_ORDERS, "experiment": experiments}
    orders |= {key: list(table[key].unique()) for key in _BY_APPEARANCE if key in keys}
    ranks = pd.DataFrame(index=table.index)
    for key in keys:
        if key in _AS_THEY_CAME:
            continue
        ranks[key] = table[key]
        if order := orders.get(key):
            ranks[key] = table[key].map({value: rank for rank, value in enumerate(order)})
    ordered = ranks.sort_values(list(ranks.columns), kind="stable", na_position="first").index
    return table.loc[ordered].reset_index(drop=True)
