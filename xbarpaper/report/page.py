"""The report's index page: what it shows, as plain rows for the template."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML

from xbarpaper.claims import Claim, ClaimReport, Labels, Verdict
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.claims.schema import OUTCOMES
from xbarpaper.experiments.results import Results
from xbarpaper.params import Gain, Params
from xbarpaper.report import provenance, rendering, tables
from xbarpaper.report.gather import Notebook, Picture
from xbarpaper.report.tables import ABSENT, number, size


def index(
    params: Params,
    results: Results,
    recovered: pd.DataFrame | None,
    claims: ClaimReport,
    pictures: Sequence[Picture],
    notebooks: Sequence[Notebook],
    table_names: Sequence[str],
    root: Path,
) -> str:
    """The page, complete in itself: styles, figures and tables inside, no address that it would load.

    Args:
        params: the profile.
        results: measurements of all experiments.
        recovered: what ``claims.recovery_table`` gives, where mitigations beyond the paper's were tried.
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
            what_was_run=provenance.what_was_run(params, labels, results.evaluation),
            facts=_facts(params, labels),
            provenance=provenance.facts(params, labels, results.software, root),
            claims=claims.claims,
            scope=claims.scope,
            levels={claim.id: [_detail(row, labels) for row in claim.levels] for claim in claims.claims},
            rules=list(claims.rules.items()),
            column_names=[(labels.trainings(experiment), size(crossbar)) for experiment, crossbar in columns],
            tallies={claim.id: [_tally(claim, *column) for column in columns] for claim in claims.claims},
            details={
                claim.id: [_detail(verdict, labels) for verdict in claim.verdicts] for claim in claims.claims
            },
            figures=[(picture.caption, rendering.data_uri(picture)) for picture in pictures],
            accuracy=tables.accuracies(results.evaluation, labels),
            software=tables.software(results.software, labels),
            recovered=None if recovered is None else tables.recovered(recovered, labels),
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
    sizes = ", ".join(size(crossbar) for crossbar in params.mapping.crossbar_sizes)
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


def _columns(claims: ClaimReport) -> list[tuple[str, int | None]]:
    """Network and crossbar size of every comparison, each pair once."""
    found = {(row.experiment or "", row.crossbar_size) for claim in claims.claims for row in claim.verdicts}
    return sorted(found, key=lambda column: (column[0], column[1] or 0))


def _tally(claim: Claim, experiment: str, crossbar: int | None) -> list[tuple[str, int]]:
    """How often each verdict was reached for one claim, on one network, at one crossbar size."""
    here = [row for row in claim.verdicts if (row.experiment, row.crossbar_size) == (experiment, crossbar)]
    counts = Counter(row.verdict for row in here if row.counted)
    return [(name, counts[name]) for name in OUTCOMES if counts[name]]


def _detail(row: Verdict, labels: Labels) -> dict[str, str]:
    """A verdict as cells of a table: of a single comparison, or of a level above (``place``)."""
    network, crossbar = labels.trainings(row.experiment or ""), size(row.crossbar_size)
    return {
        "place": {"size": crossbar, "network": network, "unpruned": "unpruned, beside"}.get(
            row.level, "overall"
        ),
        "network": network,
        "size": crossbar,
        "scheme": SCHEME_NAMES.get(row.scheme or "", row.scheme or ABSENT),
        "mitigation": row.compared,
        "verdict": row.verdict,
        "effect": f"{number(row.effect)} {row.unit}",
        "interval": _interval(row.low, row.high),
        "summary": row.summary,
        "tested_over": f"{row.n} {row.inference}s" if row.n is not None and row.inference else ABSENT,
        "needed": row.needed_seeds or ABSENT,
    }


def _interval(low: float | None, high: float | None) -> str:
    return ABSENT if low is None or high is None else f"[{number(low)}, {number(high)}]"


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
