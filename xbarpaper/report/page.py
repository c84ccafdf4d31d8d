"""The report's index page: what it shows, as plain rows for the template."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML

from xbarpaper.claims import ClaimReport, Labels
from xbarpaper.experiments.results import Results
from xbarpaper.params import Devices, Gain, Params
from xbarpaper.report import opening, provenance, rendering, tables
from xbarpaper.report.gather import Notebook, Picture
from xbarpaper.report.tables import size


def index(
    params: Params,
    results: Results,
    recovered: pd.DataFrame | None,
    claims: ClaimReport,
    pictures: Sequence[Picture],
    notebooks: Sequence[Notebook],
    table_names: Sequence[str],
    root: Path,
    measured: provenance.Measured | None = None,
) -> str:
    """The page, complete in itself: styles, figures and tables inside, no address that it would load.

    Args:
        params: the profile.
        results: measurements of all experiments.
        recovered: what ``claims.recovery_table`` gives, where mitigations beyond the paper's were tried.
        claims: the paper's statements with their verdicts.
        pictures: figures, in the order in which they are shown; the one named ``forest`` stands at the top.
        notebooks: linked, at ``notebooks/<group>/<name>.html``.
        table_names: linked, in ``tables/``.
        root: top of the repository, whose commit is named.
        measured: where the tables come from, if not from this commit.
    """
    labels = Labels.of(params)
    shown = [(picture.caption, rendering.data_uri(picture)) for picture in pictures]
    groups: dict[str, list[str]] = {}
    for notebook in notebooks:
        groups.setdefault(notebook.group, []).append(notebook.path.stem)
    return (
        rendering.environment()
        .get_template("index.html.j2")
        .render(
            profile=params.profile,
            scope=claims.scope,
            data=claims.data,
            drawn=all(params.dataset(one.dataset).publishable for one in params.experiments.values()),
            terms=opening.TERMS,
            findings=opening.findings(
                {params.profile: claims}, results.recovery if len(results.recovery) else None
            ),
            conventions=claims.conventions_summary,
            what_was_run=provenance.what_was_run(params, labels, results.evaluation),
            facts=_facts(params, labels),
            provenance=provenance.facts(params, labels, results.software, root, measured),
            claims=claims.claims,
            levels={
                claim.id: tables.effects(claim.levels, labels).without_constant_words()
                for claim in claims.claims
            },
            tests={
                claim.id: tables.effects(claim.verdicts, labels).without_constant_words()
                for claim in claims.claims
            },
            own=claims.own,
            cases={claim.id: tables.cases(claim) for claim in claims.own},
            rules=list(claims.rules.items()),
            opening=[one for one in shown if one[0].name == "forest"],
            figures=[one for one in shown if one[0].name != "forest"],
            accuracy=tables.accuracies(results.evaluation, results.recovery, labels).without_constant_words(),
            software=tables.software(results.software, labels).without_constant_words(),
            recovered=None if recovered is None else tables.recovered(recovered),
            seeds=params.evaluation.variation_seeds,
            gain=_gain(params.readout.gain),
            interval=labels.percent,
            notebooks=list(groups.items()),
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
    sizes = ", ".join(size(crossbar) for crossbar in params.mapping.crossbar_sizes)
    return [
        ("Networks and data", "; ".join(experiments)),
        ("Crossbars", f"{sizes}; {params.evaluation.variation_seeds} draws of device variation each"),
        (
            "Devices",
            f"{devices.r_min_ohm / 1e3:g} to {devices.r_max_ohm / 1e3:g} kΩ, "
            f"variation σ/µ = {100 * devices.variation_sigma:g} %" + "".join(_switched_on(devices)),
        ),
        (
            "Circuit",
            f"driver {wires.driver_ohm:g} Ω, row wire {wires.row_wire_ohm:g} Ω and column wire "
            f"{wires.column_wire_ohm:g} Ω per cell, sense {wires.sense_ohm:g} Ω",
        ),
        ("Readout", _gain(params.readout.gain)),
    ]


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
