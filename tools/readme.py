"""``python -m tools.readme``: make the parts of README.md and of the pages in docs/ that come from results.

Each part stands between two marks, ``<!-- name: python -m tools.readme -->`` and ``<!-- /name -->``, in whichever page
has them. Two figures of all reports are drawn too, as PNG and SVG: ``reports/forest`` and ``reports/width``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pandas as pd

from tools import artifact
from xbarpaper.claims import Claim, ClaimReport, Labels
from xbarpaper.experiments.results import TABLES
from xbarpaper.figures import Captions, forest, loss_by_width, save
from xbarpaper.hardware.simulators import CONVENTIONS
from xbarpaper.params import load_profile
from xbarpaper.report import opening, tables
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import read_json, read_table
from xbarpaper.support.words import join, square

REAL: Final = ("cifar10-full", "neighbours", "cifar10-seeds", "cifar10-small", "cifar10-vgg16")
"""Profiles on real images whose reports are in git, the one that weighs most first."""

RECOVERED: Final = "cifar10-seeds"
"""The profile whose further mitigations the README and docs/mitigations.md tell."""

PROFILES: Final = (*REAL, "quick")
"""Profiles whose reports are in git."""

WIDTHS: Final = ("cifar10-full", "cifar10-seeds", "cifar10-small", "neighbours")
"""Profiles of VGG11, by width and crossbar size what each has; the last one repeats a width by another recipe."""

COSTED: Final = ("cifar10-seeds", "cifar10-small", "cifar10-vgg16", "cifar10-full", "paper")
"""Profiles whose costs are shown, once benchmarks/costs.py has estimated them."""

# What a reader looks for, the notebook that shows it, and the stage that executes the notebook.
_FIGURES: Final = (
    ("the images", "00_data", "data@<dataset>"),
    ("learning curve", "01_train", "train@<e>"),
    ("which filters C/F removed", "02_prune_cf", "prune_cf@<e>"),
    ("which segments XCS removed", "03_prune_xcs", "prune_xcs@<e>"),
    ("which segments XRS removed", "04_prune_xrs", "prune_xrs@<e>"),
    ("where the weights sit, conductances", "05_map", "map@<e>"),
    ("accuracy on crossbars, each effect alone, gain modes", "06_evaluate", "evaluate@<e>"),
    ("R: conductances and factors of crossbars, before and after", "07_rearrange", "rearrange@<e>"),
    ("WCT: conductances before and after", "08_wct", "wct@<e>"),
    ("parts of the weights' error; what each layer costs", "09_mechanism", "mechanism@<e>"),
    ("under which conventions the claims hold: every one varied", "10_sensitivity", "sensitivity@<e>"),
    ("further mitigations: R2D, batch norm re-estimated, tuning, precompensation", "11_beyond", "beyond@<e>"),
    (
        "accuracy of a network of one's own, by crossbar size and gain",
        "12_own_network",
        "own_network@<dataset>",
    ),
    (
        "the strongest form of R and of WCT: all settings, and the best on the test set",
        "13_search",
        "search@<e>",
    ),
    ("which findings survive levels, noise, drift and defects of the devices", "14_devices", "devices@<e>"),
    ("how many bits the converters need", "15_periphery", "periphery@<e>"),
    ("energy, area, latency: against compression, by part and by source", "16_costs", "costs@<e>"),
    (
        "what others report: points lost under each convention, the nearest; what batch norms win back",
        "17_published",
        "published@<e>",
    ),
    ("accuracy on attacked images, by what the attacker knows", "18_adversarial", "adversarial@<e>"),
    ("AC/DC beside gradual pruning: accuracy in software, loss on crossbars", "19_acdc", "acdc@<e>"),
    (
        "training on crossbars: points lost by phase, writes and ON/OFF ratio",
        "20_on_crossbar_training",
        "on_crossbar_training@<e>",
    ),
    ("spiking networks, step by step: accuracy, error, spikes, energy", "21_spiking", "spiking@<e>"),
    (
        "accuracy against compression and size, mitigations, effects, gains, the axes again",
        "90_figures",
        "figures@<p>",
    ),
    ("verdicts: forest plot, effects of each claim", "91_claims", "claims@<p>"),
    ("the report", "", "publish@<p>"),
)


def update(root: Path | str = ".") -> list[str]:
    """Make the generated parts anew; returns the pages that changed.

    Raises:
        ArtifactError: a part's marks are missing, or a report that it is made from is.
    """
    root = Path(root)
    pages = {
        path: path.read_text(encoding="utf-8")
        for path in (root / "README.md", *sorted((root / "docs").glob("*.md")))
    }
    made = dict(pages)
    for name, part in PARTS.items():
        pattern = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
        homes = [path for path, text in pages.items() if pattern.search(text)]
        if not homes:
            raise ArtifactError(
                f"README.md and docs/: no part between <!-- {name}: ... --> and <!-- /{name} -->"
            )
        text = part().replace("\\", r"\\")
        for path in homes:
            made[path] = pattern.sub(rf"\1\n{text}\n\n\2", made[path])
    changed = [path for path, text in made.items() if text != pages[path]]
    for path in changed:
        path.write_text(made[path], encoding="utf-8")
    return [path.name for path in changed]


def _reports(profiles: tuple[str, ...] = PROFILES) -> dict[str, ClaimReport]:
    return {name: ClaimReport.read(Path("reports") / name / "claims.json") for name in profiles}


def _findings() -> str:
    terms = "; ".join(f"**{name}** {text}" for name, text in opening.TERMS)
    sentences = opening.findings(_reports(REAL), None)
    recovery = read_table(f"reports/{RECOVERED}/tables/recovery.csv")
    sentences.append(opening.findings(_reports((RECOVERED, REAL[0])), recovery)[-1])
    lines = ["- **{}:**{}".format(*sentence.split(":", 1)) for sentence in sentences]
    return "\n".join([*lines, "", f"Reports: {_networks()}. Terms: {terms}."])


def _networks() -> str:
    """What each of the real reports is about."""
    told = []
    for profile in REAL:
        params = load_profile(Path(f"profiles/{profile}.yaml"))
        labels = Labels.of(params)
        networks = dict.fromkeys(labels.trainings(experiment) for experiment in params.experiments)
        told.append(f"`{profile}` {join(list(networks))}")
    return "; ".join(told)


def draw_forest() -> None:
    """Draw the forest plot of all reports."""
    figure = forest(_reports())
    save(figure, "reports", "forest", command="python -m tools.readme", captions=Captions())


def draw_widths() -> None:
    """Draw what crossbars cost VGG11 of each width that a report has."""
    reports = {}
    for profile in WIDTHS:
        params = load_profile(Path(f"profiles/{profile}.yaml"))
        width = next(iter(params.experiments.values())).width
        reports[profile] = width, _table(profile, "evaluation"), Labels.of(params)
    save(loss_by_width(reports), "reports", "width", command="python -m tools.readme", captions=Captions())


def _statements() -> str:
    reports = _reports()
    rows = [
        [claim.id, claim.text, *(counted(one.claims[rank]) for one in reports.values())]
        for rank, claim in enumerate(reports[REAL[0]].claims)
    ]
    return tables.Table(
        ["claim", "the paper says", *(f"`{name}`" for name in reports)], rows, words=2
    ).markdown()


def counted(claim: Claim) -> str:
    """A claim's verdict, and those of its comparisons."""
    counts = tables.counts(claim)
    return f"**{claim.overall}**" + (f"; {counts}" if counts else "")


def _accuracies() -> str:
    rows: list[list[str]] = []
    columns: list[str] = []
    for profile in REAL:
        labels = Labels.of(load_profile(Path(f"profiles/{profile}.yaml")))
        evaluation = _table(profile, "evaluation")
        if SIZE not in set(evaluation["crossbar_size"]):
            continue
        found = tables.accuracies(evaluation, _table(profile, "recovery"), labels, SIZE)
        columns = max(columns, found.columns, key=len)
        rows += found.rows
    rows = [[*row, *[tables.ABSENT] * (len(columns) - len(row))] for row in rows]
    shown = tables.Table(columns, rows, words=3).without_constant_words()
    note = (
        f"Test accuracy in percent on CIFAR-10, crossbars of {SIZE} x {SIZE}: mean ± half of its 95 % interval, over "
        "trainings where there are several and over the draws of device variation otherwise. Saves: crossbars of the "
        "unpruned network per crossbar of this one. Other sizes: the reports. PC is not the paper's: "
        "[docs/mitigations.md](docs/mitigations.md) has it, others, and what each takes."
    )
    return f"{shown.markdown()}\n\n{note}"


def _full() -> str:
    labels = Labels.of(load_profile(Path(f"profiles/{REAL[0]}.yaml")))
    evaluation, recovery = (_table(REAL[0], name) for name in ("evaluation", "recovery"))
    parts = []
    for size in sorted(set(evaluation["crossbar_size"])):
        found = tables.accuracies(evaluation, recovery, labels, size)
        parts += [f"Crossbars of {square(size)}:", found.without_constant_words().markdown()]
    report = ClaimReport.read(Path("reports") / REAL[0] / "claims.json")
    precision = read_table("reports/benchmarks/precision-cifar10-full-vgg11.csv")
    note = (
        f"Test accuracy in percent, {'; '.join(report.data)}: mean ± half of its 95 % interval over the draws of device "
        f"variation. {report.scope} Read in float32 instead of bfloat16, the same networks on crossbars of "
        f"{square(precision['crossbar_size'].max())} differ by {precision['difference'].abs().max():.2f} points at most "
        "(`python benchmarks/precision.py`)."
    )
    return "\n\n".join([*parts, note])


SIZE: Final = 32
"""Rows of the crossbars whose accuracies the README shows, of the profiles that have them."""


def _table(profile: str, name: str) -> pd.DataFrame:
    path = Path(f"reports/{profile}/tables/{name}.csv")
    return read_table(path) if path.is_file() else pd.DataFrame(columns=list(TABLES[name].columns))


def _trust() -> str:
    lines = [
        f"- `{name}`: {'; '.join(report.data)}. {report.scope}" for name, report in _reports(REAL).items()
    ]
    quick = ClaimReport.read(Path("reports/quick/claims.json"))
    return "\n".join([*lines, f"- `quick`: {'; '.join(quick.data)}. It only shows that the code runs."])


def _times() -> str:
    seconds = read_table("reports/benchmarks/pipeline-quick.csv").set_index("stage")["seconds"]["total"]
    verified = read_json("reports/verify.json")
    later = f", measured before {', '.join(artifact.untimed())} were stages" if artifact.untimed() else ""
    return (
        f"Once installed, on two cores: bare `dvc repro`, one stage after another, took {seconds / 60:.0f} minutes; "
        f"`make verify`, whose stages run side by side as those of `make repro`, took {verified['seconds'] / 60:.0f} "
        "when it was last recorded, on another machine that may have done other work "
        f"(`reports/benchmarks/pipeline-quick.csv`, `reports/verify.json`){later}."
    )


def _recovered() -> str:
    note = (
        "Percent of the lost accuracy, lowest to highest of the four schemes and three trainings. Training images are "
        "shown with labels, once for all chips, images per chip without; circuit solutions are of all crossbars of a "
        f"network. Numbers: `reports/{RECOVERED}/tables/recovered.csv`."
    )
    table = read_table(f"reports/{RECOVERED}/tables/recovered.csv")
    return f"{tables.recovered(table).markdown()}\n\n{note}"


def _large() -> str:
    table = read_table("reports/benchmarks/circuit-large.csv")
    lines = [
        "| crossbar | wires | s | proven bound | error | peak memory | SuperLU, s | without assembly | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    row: Any
    for row in table.itertuples():
        peer = [""] * 3
        if row.superlu_seconds > 0:
            peer = [
                f"{row.superlu_seconds:.3g}",
                f"{row.superlu_solving_seconds:.3g}",
                f"{row.superlu_ratio:.0f} x",
            ]
        cells = [
            f"{row.rows} x {row.columns}",
            f"x {row.wires:g}",
            f"{row.seconds:.2g}",
            f"{row.bound:.0e}",
            f"{row.error:.0e}" if row.error >= 0 else "",
            f"{row.peak_gb:.2g} GB",
            *peer,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    note = (
        "Processor time of one crossbar on one thread, float64 on both sides, all inputs; the ratio includes SuperLU's "
        f"assembly. Peak memory is that of the whole process. {table['machine'].iloc[0]}."
    )
    return "\n".join([*lines, "", note])


def _solver() -> str:
    tiles = read_table("reports/benchmarks/circuit.csv")
    networks = read_table("reports/benchmarks/circuit-networks.csv")
    ours = tiles[(tiles["solver"] == "xbarpaper") & (tiles["circuit"] == "full")]
    lines = [
        "| crossbar | ms, float32 | error | ms, float64 | error | over SuperLU | over badcrossbar | VGG11 | VGG16 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for size in sorted(set(ours["size"])):
        cells = [f"{size} x {size}"]
        for precision in ("float32", "float64"):
            one = ours[(ours["size"] == size) & (ours["precision"] == precision)].iloc[0]
            cells += [f"{one['ms_per_tile']:.2g}", f"{one['error']:.0e}"]
        for peer in ("scipy SuperLU", "badcrossbar"):
            one = tiles[(tiles["size"] == size) & (tiles["solver"] == peer)].iloc[0]
            cells.append(f"{one['ratio_float64']:.0f} x")
        for name in ("vgg11", "vgg16"):
            found = networks[(networks["network"] == name) & (networks["size"] == size)]
            shown = [f"{one.solve_s:.1f} s, {one.peak_gb:.1f} GB" for one in found.itertuples()]
            cells.append(shown[0] if shown else "")
        lines.append(f"| {' | '.join(cells)} |")
    machine = tiles["machine"].iloc[0]
    note = (
        "Processor time per crossbar; crossbars per second over those of the peer, both in float64, medians, all inputs "
        "of each, ours in batches and the peer's one by one; full-width networks: seconds for all crossbars of both "
        f"signs, and peak memory, float32. {machine}."
    )
    return "\n".join([*lines, "", note])


def _stages() -> str:
    times = read_table("reports/benchmarks/pipeline-quick.csv")
    seconds = times.assign(stage=times["stage"].str.split("@").str[0]).groupby("stage")["seconds"].mean()
    lines = ["| figure | notebook | stage | command | minutes |", "|---|---|---|---|---|"]
    for figure, notebook, stage in _FIGURES:
        measured = seconds.get(stage.split("@")[0])  # a stage that is newer than the measurement has none
        minutes = "" if measured is None else f"{measured / 60:.1f}"
        shown = f"`{notebook}`" if notebook else "–"
        lines.append(f"| {figure} | {shown} | `{stage}` | `dvc repro '{stage}'` | {minutes} |")
    total = seconds["total"] / 60
    return "\n".join(
        [*lines, "", f"The whole of `quick` took {total:.1f} minutes (`python benchmarks/pipeline.py`)."]
    )


def _costs() -> str:
    paths = {profile: Path(f"reports/benchmarks/costs-{profile}.csv") for profile in COSTED}
    tables = {profile: read_table(path) for profile, path in paths.items() if path.is_file()}
    if not tables:
        return f"Not estimated yet: `python benchmarks/costs.py {' '.join(COSTED)}` does it in minutes."
    stages = list(dict.fromkeys(stage for table in tables.values() for stage in table["stage"]))
    lines = [
        f"| stage | {' | '.join(f'`{profile}`' for profile in tables)} |",
        f"|---|{'---|' * len(tables)}",
    ]
    for stage in stages:
        cells = []
        for table in tables.values():
            rows = table[table["stage"] == stage]
            cells.append(
                f"{_duration(rows['minutes'].sum())}, {rows['gib'].max():.1f} GiB" if len(rows) else ""
            )
        lines.append(f"| `{stage}` | {' | '.join(cells)} |")
    totals = [f"**{_duration(table['minutes'].sum())}**" for table in tables.values()]
    lines.append(f"| all | {' | '.join(totals)} |")
    hardware = "; ".join(dict.fromkeys(str(one) for table in tables.values() for one in table["hardware"]))
    note = (
        "All experiments of a profile together, and the memory of the largest process. Single steps, test images, "
        "solutions and mappings were measured, and multiplied by their number (`python benchmarks/costs.py <profile>`, "
        "which says what is assumed); figures, claims and the report come on top, a minute each. "
        f"{hardware}."
    )
    return "\n".join([*lines, "", note])


def _conventions() -> str:
    rows = [[name, one.words] for name, one in CONVENTIONS.items()]
    return tables.Table(["simulator", "its resistances"], rows, words=2).markdown()


def _simulators() -> str:
    path = Path("reports/benchmarks/simulators.csv")
    if not path.is_file():
        return "Not measured yet: `python benchmarks/simulators.py` does it."
    table, networks = read_table(path), read_table(path.with_name("simulators-networks.csv"))
    rows = [
        [
            f"{row['size']} x {row['size']}",
            f"{row['simulator']} {row['version']}",
            f"{row['truly_lost_percent']:.1f} %",
            f"{row['lost_percent']:.1f} %",
            _small(row["error_percent"]),
            _small(row["matrix_error_percent"]),
            _small(row["off_common_percent"]),
            _ms(row["ms_per_tile"]),
            _ms(row["ours_ms_per_tile"]),
            _ms(row["ours_batch_ms_per_tile"]),
            f"{row['ratio']:.{2 if row['ratio'] < 10 else 3}g} x, {row['precision']}"
            if row["ratio"] > 0
            else "",
        ]
        for row in table.to_dict("records")
    ]
    heads = [
        "crossbar",
        "simulator",
        "truly lost",
        "it says",
        "off its circuit",
        "its G_eff",
        "off the common one",
        "ms",
        "ours, one",
        "ours, of a batch",
        "its time over ours, one",
    ]
    lines = [
        f"{row['simulator']} {row['version']}: logits {_small(row['logits_error_percent'])} off ours, the same class for "
        f"{row['same_class_percent']:.0f} % of {row['images']} images, {row['seconds']:.0f} s of processor time against "
        f"{row['ours_seconds']:.2g} s one crossbar at a time"
        for row in networks.to_dict("records")
    ]
    first = networks.iloc[0]
    network = (
        f"A VGG11 (width {first['width']:g}, random weights, {first['crossbars']} crossbars of {first['size']} x "
        f"{first['size']}), whose logits the wires move by {first['off_ideal_percent']:.0f} %: {'; '.join(lines)}."
    )
    return f"{tables.Table(heads, rows, words=2).markdown()}\n\n{network}\n\n{table['machine'].iloc[0]}."


def _small(percent: float) -> str:
    return "" if pd.isna(percent) else "0" if percent < 1e-6 else f"{percent:.2g} %"


def _ms(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2g}" if value < 100 else f"{value:.0f}"


def _reliability() -> str:
    path = Path("reports/reliability.json")
    if not path.is_file():
        return "Not tried yet: `make test-faults` does it."
    lines = ["| fault | tried | survived | what | command | date, commit |", "|---|---|---|---|---|---|"]
    for kind, one in read_json(path).items():
        survived = f"{one['survived']:,}" if one["survived"] == one["tried"] else f"**{one['survived']:,}**"
        cells = [kind.replace("_", " "), f"{one['tried']:,}", survived, one["what"], f"`{one['command']}`"]
        lines.append(f"| {' | '.join(cells)} | {one['date']}, {one['commit']} |")
    return "\n".join(lines)


def _neighbours() -> str:
    """Verdicts of the statements about neighbours, report by report; those whose profile has not run are left out."""
    paths = {name: Path("reports") / name / "claims.json" for name in ("neighbours", "quick")}
    reports = {name: ClaimReport.read(path) for name, path in paths.items() if path.is_file()}
    own = {
        name: {one.id: one for one in report.own if one.id[0] in NEIGHBOURS}
        for name, report in reports.items()
    }
    texts = {identity: one.text for found in own.values() for identity, one in found.items()}
    if not texts:
        return "Not measured yet: `make repro` does it."
    rows = [
        [identity, text, *(f"**{found[identity].overall}**; {found[identity].summary}" if identity in found else ""
                           for found in own.values())]
        for identity, text in sorted(texts.items())
    ]  # fmt: skip
    return tables.Table(["", "statement", *(f"`{name}`" for name in own)], rows, words=2).markdown()


# A paper beside this one, what it claims, the stage that asks the same here, the first letter of its statements.
_BESIDE: Final = (
    ("2008.11298", "crossbars make networks harder to attack", "adversarial", "A"),
    ("2106.12379", "AC/DC: masks that come and go give better sparse networks", "acdc", "B"),
    (
        "2206.09599",
        "errors add up in spiking networks; trained ones keep more than converted",
        "spiking",
        "S",
    ),
    ("2002.11151", "training on crossbars costs 3 to 36 points of accuracy", "on_crossbar_training", "T"),
    ("2305.18416", "tuned batch norms win back what drift costs", "published", "N"),
)


def _beside() -> str:
    """A row for each paper beside this one: its claim, our verdicts on real images, the command, what it takes."""
    verdicts = {one.id: one.overall for one in ClaimReport.read(Path("reports/neighbours/claims.json")).own}
    times = read_table("reports/benchmarks/pipeline-quick.csv").set_index("stage")["seconds"]
    rows = []
    for paper, claimed, stage, letter in _BESIDE:
        by_verdict: dict[str, list[str]] = {}
        for identity, verdict in verdicts.items():
            if identity[0] == letter:
                by_verdict.setdefault(verdict, []).append(identity)
        seconds = sum(value for name, value in times.items() if str(name).startswith(f"{stage}@"))
        rows.append(
            [
                f"[{paper}](https://arxiv.org/abs/{paper}): {claimed}",
                "; ".join(f"{join(names)} {verdict}" for verdict, names in by_verdict.items()),
                f"`dvc repro '{stage}@<e>'`, {_duration(seconds / 60)}",
            ]
        )
    heads = [
        "a paper beside this one claims",
        "found in `neighbours` ([A1 to T6](docs/neighbours.md))",
        "command, time in `quick`",
    ]
    return tables.Table(heads, rows, words=3).markdown()


def _on_crossbar_training() -> str:
    table = read_table("reports/benchmarks/on-crossbar-training.csv")
    rows = [
        [
            f"{row['network']} (width {row['width']:g})",
            "in software" if row["refresh_steps"] == 0 else f"on crossbars, L = {row['refresh_steps']}",
            f"{row['ms_per_step']:.3g}",
            f"{row['ratio']:.2f} x",
        ]
        for row in table.to_dict("records")
    ]
    first = table.iloc[0]
    note = (
        f"Processor time of a step of {first['batch']} images, crossbars of {first['crossbar_size']} x "
        f"{first['crossbar_size']}, all phases not ideal, solutions of the circuits included, median of "
        f"{first['epochs']} epochs of {first['steps']} steps, in turns (`python benchmarks/on_crossbar_training.py`). "
        f"{first['machine']}."
    )
    return (
        f"{tables.Table(['network', 'training', 'ms', 'over software'], rows, words=2).markdown()}\n\n{note}"
    )


def _recipe() -> str:
    """What each change of the few-epoch recipe does in software and on crossbars, beside how far trainings differ."""
    found = read_table("reports/benchmarks/recipe-vgg11-0.25.csv")
    measures = {
        "accuracy": "in software (%)", "wires": "lost to wires", "variation": "to variation", "both": "to both",
    }  # fmt: skip
    plain = found[found["variant"] == "recipe"]
    changes = found[found["variant"] != "recipe"].sort_values("both")
    rows = [
        [f"the recipe itself, {len(plain)} trainings", *(_spread(plain[name]) for name in measures)],
        *(
            [str(row["variant"]), *(f"{row[name]:.1f}" for name in measures)]
            for row in changes.to_dict("records")
        ),
    ]
    first, size = plain.iloc[0], int(plain["crossbar_size"].iloc[0])
    own = _table("neighbours", "evaluation").query(
        f"scheme == 'unpruned' and mitigation == 'none' and gain == 'layer' and crossbar_size == {size}"
    )
    lost = (own["software_accuracy"] - own["accuracy"]).groupby(own["effects"]).mean()
    report = [
        f"{own['software_accuracy'].iloc[0]:.1f}",
        *(f"{lost[name]:.1f}" for name in list(measures)[1:]),
    ]
    rows.append(["the network of the report `neighbours`: 16 epochs, another processor", *report])
    note = (
        f"Unpruned VGG11 (width 0.25), {first['epochs']} epochs unless said otherwise, in {first['precision']}; points "
        f"of test accuracy lost on crossbars of {square(size)}, mean of {first['draws']} draws of the "
        "devices. Of the recipe itself: the mean and, in brackets, the least and the most of its trainings. All else was "
        "trained once, so a number within these brackets says nothing about the change. The other recipe is that of "
        "`cifar10-small`, for as many epochs (`reports/benchmarks/recipe-vgg11-0.25.csv`)."
    )
    return f"{tables.Table(['changed', *measures.values()], rows, words=1).markdown()}\n\n{note}"


def _spread(values: pd.Series[float]) -> str:
    return f"{values.mean():.1f} [{values.min():.1f}, {values.max():.1f}]"


NEIGHBOURS: Final = "ABSTN"
"""First letters of the statements about neighbours."""


def _duration(minutes: float) -> str:
    if minutes < 100:
        return f"{minutes:.1f} min" if minutes < 9.95 else f"{minutes:.0f} min"
    hours = minutes / 60
    return f"{hours:.1f} h" if hours < 9.95 else f"{hours:,.0f} h"


PARTS: Final[dict[str, Callable[[], str]]] = {
    "findings": _findings,
    "statements": _statements,
    "accuracies": _accuracies,
    "trust": _trust,
    "times": _times,
    "recovered": _recovered,
    "full": _full,
    "stages": _stages,
    "costs": _costs,
    "solver": _solver,
    "large": _large,
    "conventions": _conventions,
    "recipe": _recipe,
    "simulators": _simulators,
    "reliability": _reliability,
    "beside": _beside,
    "neighbours": _neighbours,
    "on-crossbar-training": _on_crossbar_training,
    "commands": artifact.commands,
    "claims": artifact.claims,
    "installed": artifact.installed,
}
"""The generated parts, by the name in their marks."""


def main() -> int:
    """Command line; returns the exit code: 0, or 1 after an error told in one line."""
    try:
        draw_forest()
        draw_widths()
        print(f"changed: {', '.join(update()) or 'nothing'}")
    except ArtifactError as error:
        print(f"readme: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
