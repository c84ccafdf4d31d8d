"""The report's index page: what it shows, as plain rows for the template."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.experiments.results import Results
from xbarpaper.params import MITIGATIONS, Gain, Params
from xbarpaper.report import provenance, rendering
from xbarpaper.report.gather import Claim, ClaimsFile, Notebook, Outcome, Picture, Verdict
from xbarpaper.report.tables import Table, recovered

_ABSENT = "–"


@dataclass(frozen=True)
class Tally:
    """How often each verdict was reached for one claim, on one network, at one crossbar size."""

    counts: list[tuple[str, int]]


def index(
    params: Params,
    tables: Results,
    claims: ClaimsFile,
    pictures: Sequence[Picture],
    notebooks: Sequence[Notebook],
    table_names: Sequence[str],
    root: Path,
) -> str:
    """The page, complete in itself: styles, figures and tables inside, no address that it would load.

    Args:
        params: the profile.
        tables: measurements of all experiments.
        claims: the paper's statements with their verdicts.
        pictures: figures, in the order in which they are shown.
        notebooks: linked, at ``notebooks/<group>/<name>.html``.
        table_names: linked, in ``tables/``.
        root: top of the repository, whose commit is named.
    """
    labels = Labels.of(params)
    columns = _columns(claims)
    return (
        rendering.environment()
        .get_template("index.html.j2")
        .render(
            profile=params.profile,
            conventions=claims.conventions_summary,
            what_was_run=provenance.what_was_run(params, labels, tables.evaluation),
            facts=_facts(params, labels),
            provenance=provenance.facts(params, labels, tables.software, root),
            claims=claims.claims,
            scope=claims.scope,
            levels={claim.id: [_joined(row, labels) for row in claim.levels] for claim in claims.claims},
            rules=list(claims.rules.items()),
            column_names=[(_network(labels, experiment), _size(size)) for experiment, size in columns],
            tallies={claim.id: [_tally(claim, *column) for column in columns] for claim in claims.claims},
            details={
                claim.id: [_detail(verdict, labels) for verdict in claim.verdicts] for claim in claims.claims
            },
            figures=[(picture.caption, rendering.data_uri(picture)) for picture in pictures],
            accuracy=_accuracy(tables.evaluation, params, labels),
            software=_software(tables.software, labels),
            recovered=recovered(tables, labels, params.claims),
            seeds=params.evaluation.variation_seeds,
            gain=_gain(params.readout.gain),
            interval=labels.percent,
            notebooks=_grouped(notebooks),
            table_names=table_names,
            parameters=_yaml(params),
        )
    )


def _facts(params: Params, labels: Labels) -> list[tuple[str, str]]:
    devices, wires = params.devices, params.circuit
    experiments = [
        f"{labels.network(name)} on {labels.dataset(experiment.dataset)}, sparsity {experiment.sparsity:g}"
        for name, experiment in params.experiments.items()
    ]
    sizes = ", ".join(_size(size) for size in params.mapping.crossbar_sizes)
    return [
        ("Networks and data", "; ".join(experiments)),
        ("Crossbars", f"{sizes}; {params.evaluation.variation_seeds} draws of device variation each"),
        (
            "Devices",
            f"{devices.r_min_ohm / 1e3:g} to {devices.r_max_ohm / 1e3:g} kΩ, "
            f"variation σ/µ = {100 * devices.variation_sigma:g} %",
        ),
        (
            "Circuit",
            f"driver {wires.driver_ohm:g} Ω, row wire {wires.row_wire_ohm:g} Ω and column wire "
            f"{wires.column_wire_ohm:g} Ω per cell, sense {wires.sense_ohm:g} Ω",
        ),
        ("Readout", _gain(params.readout.gain)),
    ]


def _gain(mode: Gain) -> str:
    return "no gain calibration" if mode == "none" else f"gain calibrated once per {mode}"


def _columns(claims: ClaimsFile) -> list[tuple[str, int | None]]:
    found = {
        (verdict.experiment or "", verdict.crossbar_size)
        for claim in claims.claims
        for verdict in claim.verdicts
    }
    return sorted(found, key=lambda column: (column[0], column[1] or 0))


def _tally(claim: Claim, experiment: str, size: int | None) -> Tally:
    counts = Counter(
        verdict.verdict
        for verdict in claim.verdicts
        if (verdict.experiment, verdict.crossbar_size) == (experiment, size)
    )
    order: tuple[Outcome, ...] = ("supported", "undecided", "not supported")
    return Tally([(outcome, counts[outcome]) for outcome in order if counts[outcome]])


def _detail(verdict: Verdict, labels: Labels) -> dict[str, str]:
    interval = (
        f"[{_number(verdict.low)}, {_number(verdict.high)}]"
        if verdict.low is not None and verdict.high is not None
        else _ABSENT
    )
    return {
        "network": _network(labels, verdict.experiment),
        "size": _size(verdict.crossbar_size),
        "scheme": SCHEME_NAMES.get(verdict.scheme or "", verdict.scheme or _ABSENT),
        "mitigation": verdict.mitigation or _ABSENT,
        "verdict": verdict.verdict,
        "effect": f"{_number(verdict.effect)} {verdict.unit}".strip()
        if verdict.effect is not None
        else _ABSENT,
        "interval": interval,
        "p": _p_value(verdict.p),
        "summary": verdict.summary,
    }


def _joined(row: Verdict, labels: Labels) -> dict[str, str]:
    """A verdict of a level above single comparisons."""
    place = {"size": _size(row.crossbar_size), "network": _network(labels, row.experiment)}.get(row.level)
    bootstrap = (
        f"[{_number(row.bootstrap_low)}, {_number(row.bootstrap_high)}]"
        if row.bootstrap_low is not None
        else _ABSENT
    )
    seeds = f"{row.n} {row.inference}s" if row.n is not None and row.inference else _ABSENT
    return _detail(row, labels) | {
        "place": place or "overall",
        "bootstrap": bootstrap,
        "p_holm": _p_value(row.p_holm),
        "sign_flip": _p_value(row.sign_flip_p),
        "tested_over": seeds,
        "needed": row.needed_seeds or _ABSENT,
    }


def _accuracy(evaluation: pd.DataFrame, params: Params, labels: Labels) -> Table:
    """Mean and standard deviation over variation seeds, both effects acting, at the profile's gain."""
    chosen = evaluation[(evaluation["effects"] == "both") & (evaluation["gain"] == params.readout.gain)]
    present = [name for name in MITIGATIONS if name in set(chosen["mitigation"])]
    rows = []
    for (experiment, size, scheme), group in chosen.groupby(
        ["experiment", "crossbar_size", "scheme"], sort=False
    ):
        plain = group[group["mitigation"] == "none"]
        rows.append(
            [
                _network(labels, experiment),
                SCHEME_NAMES[str(scheme)],
                _size(size),
                _number(_first(plain["compression_rate"])),
                _number(_first(plain["software_accuracy"])),
                *(_spread(group.loc[group["mitigation"] == name, "accuracy"]) for name in present),
            ]
        )
    heads = ["no mitigation" if name == "none" else name.replace("+", " + ") for name in present]
    return Table(["network", "scheme", "crossbar", "compression", "software", *heads], rows, words=3)


def _software(software: pd.DataFrame, labels: Labels) -> Table:
    """Accuracy of every trained network on ideal hardware, step by step."""
    steps = list(dict.fromkeys(software["step"]))
    rows = [
        [
            _network(labels, experiment),
            SCHEME_NAMES[str(scheme)],
            _size(size),
            *(_number(_first(group.loc[group["step"] == step, "accuracy"])) for step in steps),
        ]
        for (experiment, scheme, size), group in software.groupby(
            ["experiment", "scheme", "crossbar_size"], sort=False, dropna=False
        )
    ]
    heads = ["after WCT" if step == "wct" else step for step in steps]
    return Table(["network", "scheme", "pruned for", *heads], rows, words=3)


def _grouped(notebooks: Sequence[Notebook]) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for notebook in notebooks:
        groups.setdefault(notebook.group, []).append(notebook.path.stem)
    return list(groups.items())


def _yaml(params: Params) -> str:
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    # Where the work was done changes no result, so it is no part of them.
    writer.dump(params.model_dump(mode="json", exclude={"execution"}), text)
    return text.getvalue()


def _network(labels: Labels, experiment: object) -> str:
    return labels.network(str(experiment))


def _size(size: object) -> str:
    if not isinstance(size, int | float) or pd.isna(size):
        return "any size"
    return f"{int(size)} × {int(size)}"


def _first(values: pd.Series) -> float | None:
    return None if values.empty else float(values.iloc[0])


def _spread(values: pd.Series) -> str:
    return _ABSENT if values.empty else f"{values.mean():.1f} ± {values.std():.1f}"


def _number(value: float | None) -> str:
    if value is None or pd.isna(value):
        return _ABSENT
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _p_value(value: float | None) -> str:
    if value is None:
        return _ABSENT
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
