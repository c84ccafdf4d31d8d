"""The report's index page: what it shows, as plain rows for the template."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from ruamel.yaml import YAML

from xbarpaper.claims import Labels
from xbarpaper.params import Devices, Gain, Params
from xbarpaper.report import opening, provenance, rendering, tables
from xbarpaper.report.gather import Gathered
from xbarpaper.support.words import square


def index(
    gathered: Gathered, table_names: Sequence[str], root: Path, measured: provenance.Measured | None = None
) -> str:
    """The page, complete in itself: styles, figures and tables inside, no address that it would load.

    Args:
        gathered: what the stages left.
        table_names: linked, in ``tables/``.
        root: top of the repository, whose commit is named.
        measured: where the tables come from, if not from this commit.
    """
    params, results = gathered.params, gathered.results
    recovered, conventions = gathered.recovered, gathered.conventions
    labels, reports = Labels.of(params), {params.profile: gathered.claims}
    groups = groupby(gathered.notebooks, key=lambda notebook: notebook.group)
    return rendering.environment().get_template("index.html.j2").render(
        params=params,
        report=gathered.claims,
        drawn=all(params.dataset(one.dataset).publishable for one in params.experiments.values()),
        terms=opening.TERMS,
        findings=opening.findings(reports, None if recovered is None else results.recovery),
        pictures=[(picture.caption, rendering.data_uri(picture)) for picture in gathered.pictures],
        accuracy=tables.accuracies(results.evaluation, results.recovery, labels).without_constant_words(),
        effects=lambda rows: tables.effects(rows, labels).without_constant_words(),
        cases=tables.cases,
        software=tables.software(results.software, labels).without_constant_words(),
        recovered=None if recovered is None else tables.recovered(recovered),
        conventions=None if conventions is None else tables.under_conventions(conventions),
        gain=_gain(params.readout.gain),
        interval=labels.percent,
        notebooks=[(group, [notebook.path.stem for notebook in own]) for group, own in groups],
        table_names=table_names,
        what_was_run=provenance.what_was_run(params, labels, results.evaluation),
        facts=[*_facts(params, labels), *provenance.facts(params, labels, results.software, root, measured)],
        parameters=_yaml(params),
    )  # fmt: skip


def _facts(params: Params, labels: Labels) -> list[tuple[str, str]]:
    devices, wires = params.devices, params.circuit
    experiments = [
        f"{labels.network(name)} on {labels.dataset(experiment.dataset)}, sparsity {experiment.sparsity:g}"
        for name, experiment in params.experiments.items()
    ]
    sizes = ", ".join(map(square, params.mapping.crossbar_sizes))
    return [
        ("Networks and data", "; ".join(experiments)),
        ("Crossbars", f"{sizes}; {params.evaluation.variation_seeds} draws of device variation each"),
        ("Devices", f"{devices.r_min_ohm / 1e3:g} to {devices.r_max_ohm / 1e3:g} kΩ, "
                    f"variation σ/µ = {100 * devices.variation_sigma:g} %" + "".join(_switched_on(devices))),
        ("Circuit", f"driver {wires.driver_ohm:g} Ω, row wire {wires.row_wire_ohm:g} Ω and column wire "
                    f"{wires.column_wire_ohm:g} Ω per cell, sense {wires.sense_ohm:g} Ω"),
        ("Readout", _gain(params.readout.gain)),
    ]  # fmt: skip


def _switched_on(devices: Devices) -> Iterator[str]:
    """Effects of the devices that are off by default, by the names of their parameters."""
    told = ("r_min_ohm", "r_max_ohm", "variation_sigma")
    for name, value in devices:
        if name not in told and value != Devices.model_fields[name].default:
            yield f", {name} {value}"


def _gain(mode: Gain) -> str:
    return "no gain calibration" if mode == "none" else f"gain calibrated once per {mode}"


def _yaml(params: Params) -> str:
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    # Where the work was done changes no result, so it is no part of them.
    writer.dump(params.model_dump(mode="json", exclude={"execution"}), text)
    return text.getvalue()
