"""``python -m tools.readme``: make the parts of README.md and of the pages in docs/ that come from results.

Each part stands between two marks, ``<!-- name: python -m tools.readme -->`` and ``<!-- /name -->``, in whichever page
has them. Two figures of all reports are drawn too, as PNG and SVG: ``reports/forest`` and ``reports/width``.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Formatter
from typing import Final

import pandas as pd

from tools import artifact
from tools.redraw import parameters
from tools.widths import loss_by_width
from xbarpaper.claims import Claim, ClaimReport, Labels
from xbarpaper.claims.in_words import ABSENT
from xbarpaper.claims.names import SCHEME_NAMES, gain_words
from xbarpaper.claims.published import nearest
from xbarpaper.claims.rules import counted_words
from xbarpaper.experiments.published.numbers import BATCH_NORMS, PAPER, PUBLISHED
from xbarpaper.experiments.results import TABLES
from xbarpaper.figures import Captions, forest, save
from xbarpaper.hardware.simulators import CONVENTIONS
from xbarpaper.params import Params, load_profile
from xbarpaper.report import opening, tables
from xbarpaper.support.errors import ArtifactError, command
from xbarpaper.support.files import read_json, read_table, write_text
from xbarpaper.support.statistics import mean_interval
from xbarpaper.support.words import count, join, square

FULL: Final = ("cifar10-full", "cifar10-full-vgg16", "cifar100-full", "cifar100-full-vgg16")
"""Profiles at the paper's own width, with one training each, whose reports are in git."""

FULL_TRAININGS: Final = "cifar10-full-trainings"
"""The profile that trains one of these networks several times."""

REAL: Final = (
    FULL_TRAININGS, *FULL, "cifar10-trainings", "cifar10-trainings-vgg16", "neighbours", "cifar10-seeds", "cifar10-small",
)  # fmt: skip
"""Profiles on real images whose reports are in git, the one that weighs most first."""

RECOVERED: Final = "cifar10-seeds"
"""The profile whose further mitigations the README and docs/mitigations.md tell."""

PROFILES: Final = (*REAL, "quick")
"""Profiles whose reports are in git."""

TUNED: Final = (
    FULL_TRAININGS, "cifar10-full-vgg16", "cifar100-full", "cifar100-full-vgg16", "cifar10-trainings-vgg16",
)  # fmt: skip
"""Profiles whose precompensation with tuned batch norms the README and docs/mitigations.md tell."""

BESIDE: Final = ("cifar10-full", "cifar10-full-vgg16", "cifar10-trainings-vgg16", "neighbours")
"""Profiles whose networks are put beside published numbers."""

SEARCHED: Final = "neighbours"
"""The profile that searches the settings of R and WCT on real images."""

TRAININGS: Final = "cifar10-trainings"
"""The profile whose trainings tell how far those of one recipe differ on crossbars."""

DEEPER: Final = "cifar10-trainings-vgg16"
"""The profile of the deeper network, VGG16, trained several times."""

WIDTHS: Final = ("cifar10-full", FULL_TRAININGS, "cifar10-seeds", "cifar10-small", "cifar10-trainings")
"""Profiles of VGG11, by width and crossbar size what each has; two repeat a width by another recipe."""

COSTED: Final = (
    "cifar10-seeds", "cifar10-small", "cifar10-trainings", "cifar10-full", "cifar100-full", "paper",
)  # fmt: skip
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
    ("accuracy of a network of one's own, by crossbar size and gain", "12_own_network", "own_network@<dataset>"),
    ("the strongest form of R and of WCT: all settings, and the best on the test set", "13_search", "search@<e>"),
    ("which findings survive levels, noise, drift and defects of the devices", "14_devices", "devices@<e>"),
    ("how many bits the converters need", "15_periphery", "periphery@<e>"),
    ("energy, area, latency: against compression, by part and by source", "16_costs", "costs@<e>"),
    ("what others report: points lost under each convention, the nearest; what batch norms win back", "17_published",
     "published@<e>"),
    ("accuracy on attacked images, by what the attacker knows", "18_adversarial", "adversarial@<e>"),
    ("AC/DC beside gradual pruning: accuracy in software, loss on crossbars", "19_acdc", "acdc@<e>"),
    ("training on crossbars: points lost by phase, writes and ON/OFF ratio", "20_on_crossbar_training",
     "on_crossbar_training@<e>"),
    ("spiking networks, step by step: accuracy, error, spikes, energy", "21_spiking", "spiking@<e>"),
    ("accuracy against compression and size, mitigations, effects, gains, the axes again", "90_figures", "figures@<p>"),
    ("verdicts: forest plot, effects of each claim", "91_claims", "claims@<p>"),
    ("the report", "", "publish@<p>"),
)  # fmt: skip

PARTS: Final[dict[str, Callable[[], str]]] = {}
"""The generated parts, by the name in their marks."""


def _part(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Makes a function that of a generated part."""
    return lambda function: PARTS.setdefault(name, function)


def update() -> list[str]:
    """Make the generated parts anew; returns the pages that changed.

    Raises:
        ArtifactError: a part's marks are missing, or a report that it is made from is.
    """
    paths = (Path("README.md"), *sorted(Path("docs").glob("*.md")))
    pages = {path: path.read_text(encoding="utf-8") for path in paths}
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


def _report(profile: str) -> ClaimReport:
    return ClaimReport.read(Path("reports") / profile / "claims.json")


def _reports(profiles: tuple[str, ...] = PROFILES) -> dict[str, ClaimReport]:
    return {name: _report(name) for name in profiles}


def _table(profile: str, name: str) -> pd.DataFrame:
    path = Path(f"reports/{profile}/tables/{name}.csv")
    return read_table(path) if path.is_file() else pd.DataFrame(columns=list(TABLES[name].columns))


def _params(profile: str) -> Params:
    return load_profile(Path(f"profiles/{profile}.yaml"))


def _measured(benchmark: str) -> pd.DataFrame:
    return read_table(f"reports/benchmarks/{benchmark}.csv")


def _noted(table: str, *notes: str) -> str:
    """A table with what stands below it."""
    return "\n\n".join([table, *notes])


def _narrow(heads: str, rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown without spaces in its rule; ``heads`` are separated as in a row."""
    rule = "|" + "---|" * (heads.count(" | ") + 1)
    return "\n".join([f"| {heads} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])


def _rows(table: pd.DataFrame, cells: Sequence[str]) -> list[list[str]]:
    """A row of text for each row of a table: formats filled with its columns, empty where a number is missing."""
    needed = {cell: [name for _, name, _, _ in Formatter().parse(cell) if name] for cell in cells}
    return [
        ["" if any(pd.isna(row[name]) for name in needed[cell]) else cell.format_map(row) for cell in cells]
        for row in table.to_dict("records")
    ]


@_part("findings")
def _findings() -> str:
    terms = "; ".join(f"**{name}** {text}" for name, text in opening.TERMS)
    sentences = opening.findings(_reports(REAL), None)
    recovery = read_table(f"reports/{RECOVERED}/tables/recovery.csv")
    beyond = (
        opening.findings(_reports((RECOVERED, REAL[0])), recovery)[-1].split(": ", 1)[1].removesuffix(").")
    )
    lines = ["- **{}:**{}".format(*sentence.split(":", 1)) for sentence in sentences]
    further = (
        f"**Beyond the paper:** {beyond}, {_networks(RECOVERED)}); one for all chips, with batch norms tuned per chip on "
        f"a few hundred unlabelled images (PC + norms), wins back {join([_won_back(one) for one in TUNED])}."
    )
    trained = (
        f"**At the paper's own width**, in [four networks](docs/full-scale.md) on crossbars of {square(SIZE)} "
        "(corrected like the effects of a whole report, more strictly than sizes above): "
        f"{'; '.join(_counted_at_full_width())}. Each of the four was trained once. **Over several trainings**, "
        f"on lossless images: {'; '.join(map(_over_trainings, (FULL_TRAININGS, TRAININGS, DEEPER)))}."
    )
    return "\n".join([*lines, "", further, "", trained, "", f"Terms: {terms}."])


def _won_back(profile: str) -> str:
    """What precompensation with tuned batch norms wins back."""
    share, low, high = opening.recovered_share(
        _table(profile, "recovery"), "PC+norms", _report(profile).confidence
    )
    return f"{share:.1f} % [{low:.1f}, {high:.1f}] (`{profile}`, {_networks(profile)})"


def _over_trainings(profile: str) -> str:
    """What holds over several trainings of one network."""
    found: dict[str, list[str]] = {}
    for claim in _report(profile).claims:
        found.setdefault(claim.overall, []).append(claim.id)
    verdicts = ", ".join(f"{join(names)} {verdict}" for verdict, names in found.items())
    return f"`{profile}` ({_networks(profile)}): {verdicts}"


def _networks(profile: str) -> str:
    """What a report is about, in a few words."""
    params, labels = _params(profile), Labels.of(_params(profile))
    return join(list(dict.fromkeys(labels.trainings(experiment) for experiment in params.experiments)))


def draw() -> None:
    """Draw the forest plot of all reports, and what crossbars cost VGG11 of each width that a report has."""
    verdicts = forest(_reports(REAL))
    # Its usual place is a share of the height below the top, which in a tall figure lies on the first line.
    verdicts.suptitle(verdicts.heading, y=1 - 0.1 / verdicts.get_figheight())
    widths = loss_by_width({name: (_shown(name), _table(name, "evaluation")) for name in WIDTHS})
    for name, figure in (("forest", verdicts), ("width", widths)):
        save(figure, "reports", name, command="python -m tools.readme", captions=Captions())


def _shown(profile: str) -> Params:
    """The parameters that a report was measured with, whatever its profile says by now."""
    with tempfile.TemporaryDirectory(prefix="xbarpaper-") as folder:
        path = Path(folder) / f"{profile}.yaml"
        write_text(path, parameters(Path("reports") / profile / "index.html"))
        return load_profile(path)


@_part("statements")
def _statements() -> str:
    """A row for each report with its verdicts, and what the paper says."""
    reports = _reports(REAL)
    claims = reports[REAL[0]].claims
    rows = [
        [f"[`{name}`](reports/{name}/index.html)", "; ".join(report.data), *map(counted, report.claims)]
        for name, report in reports.items()
    ]
    said = " ".join(f"**{claim.id}** {claim.text}" for claim in claims)
    table = tables.Table(["report", "networks", *(claim.id for claim in claims)], rows, words=2)
    return _noted(table.markdown(), f"The paper says: {said}")


def counted(claim: Claim) -> str:
    """A claim's verdict, and those of its comparisons."""
    counts = counted_words(claim.verdicts)
    return f"**{claim.overall}**" + (f"; {counts}" if counts else "")


@_part("accuracies")
def _accuracies() -> str:
    found = {}
    for profile in (FULL_TRAININGS, *FULL[1:]):
        one = tables.accuracies(
            _table(profile, "evaluation"), _table(profile, "recovery"), Labels.of(_params(profile)), SIZE
        )
        found[profile] = one.columns, one.rows
    columns = sorted(
        {name for names, _ in found.values() for name in names}, key=tables.ACCURACY_COLUMNS.index
    )
    rows = []
    for profile, (names, own) in found.items():
        for cells in own:
            row = dict(zip(names, cells, strict=True))
            rows.append([row.get(name, ABSENT) for name in columns])
            rows[-1][0] += f", `{profile}`"
    shown = tables.Table(columns, rows, words=3).without_constant_words()
    note = (
        f"Test accuracy in percent, crossbars of {square(SIZE)}: mean ± half of its 95 % interval over trainings where "
        "there are several, else over draws of device variation. Saves: crossbars of the unpruned network, "
        f"divided by those of this one. {ABSENT}: not measured. C4 counts the loss under WCT from the accuracy in "
        "software after WCT (not shown). Other sizes and networks: the reports. PC is not the paper's: "
        "[docs/mitigations.md](docs/mitigations.md) has it, others, and what each takes."
    )
    return _noted(shown.markdown(), note)


@_part("full")
def _full() -> str:
    precision, parts = _measured("precision-cifar10-full-vgg11"), [_at_full_width().markdown(), _stricter()]
    for profile in (*FULL, FULL_TRAININGS):
        labels, report = Labels.of(_params(profile)), _report(profile)
        evaluation, recovery = (_table(profile, name) for name in ("evaluation", "recovery"))
        for size in sorted(set(evaluation["crossbar_size"])):
            found = tables.accuracies(evaluation, recovery, labels, size)
            parts += [
                f"{'; '.join(report.data)}, crossbars of {square(size)}:",
                found.without_constant_words().markdown(),
            ]
    note = (
        "Test accuracy in percent: mean ± half of its 95 % interval over the draws of device variation, or over "
        "trainings where there are several. Where a network was trained once, another training may give another verdict. "
        "Read in float32 "
        f"instead of bfloat16, the networks of `{FULL[0]}` on crossbars of {square(precision['crossbar_size'].max())} "
        f"differ by {precision['difference'].abs().max():.2f} points at most, in "
        f"{count(precision['seed'].nunique(), 'draw')} of the devices (`python benchmarks/precision.py`)."
    )
    return "\n\n".join([*parts, note])


def _stricter() -> str:
    """What the table of verdicts at full width compares."""
    own, deeper = (_params(profile).train.epochs for profile in (FULL_TRAININGS, FULL[1]))
    return (
        "Each interval is corrected like the overall effects of a report, more strictly than the verdicts by crossbar "
        "size of a report of several sizes. Where a network was trained once it is over draws of the devices, else over "
        "trainings. VGG11 and VGG16 differ in their recipe too; the VGG11 that was trained several times learnt by the "
        f"recipe of VGG16, in {own} epochs instead of {deeper}."
    )


def _at_full_width() -> tables.Table:
    """C2 to C4 of the reports at full width, on crossbars that all of them have."""
    rows = []
    for profile in (*FULL, FULL_TRAININGS):
        cells = [
            "{}: {} [{}, {}]".format(
                row["verdict"], *(tables.number(row[name]) for name in ("effect", "low", "high"))
            )
            for row in _at_size(profile).to_dict("records")
        ]
        rows.append(["; ".join(_report(profile).data), *cells])
    claimed = ["C2, more loss", "C3, less loss by R", "C4, less loss by WCT"]
    return tables.Table([f"crossbars of {square(SIZE)}", *claimed], rows, words=1)


def _counted_at_full_width() -> list[str]:
    """How many of the networks at full width reach which verdict, for C2 to C4."""
    found = pd.concat([_at_size(profile) for profile in FULL])
    return [
        f"{claim} {', '.join(f'{verdict} in {n}' for verdict, n in Counter(own['verdict']).items())}"
        for claim, own in found.groupby("claim")
    ]


def _at_size(profile: str) -> pd.DataFrame:
    """C2 to C4 on crossbars of ``SIZE`` rows, all corrected for as many effects: claim, verdict, effect, low, high.

    They are the overall effects of a report of one size. One of several sizes has them beside published numbers.
    """
    columns = ["claim", "verdict", "effect", "low", "high"]
    if len(_params(profile).mapping.crossbar_sizes) > 1:
        table = _table(profile, "published_claims")
        return pd.DataFrame(table.loc[table["convention"] == table["convention"].iloc[0], columns])
    tops = {claim.id: claim.tops()[0] for claim in _report(profile).claims}
    rows = [
        (name, tops[name].verdict, tops[name].effect, tops[name].low, tops[name].high)
        for name in ("C2", "C3", "C4")
    ]
    return pd.DataFrame(rows, columns=columns)


SIZE: Final = 64
"""Rows of the crossbars whose accuracies the README shows."""


@_part("trust")
def _trust() -> str:
    several = [
        name for name in REAL if len({one.training_seed for one in _params(name).experiments.values()}) > 1
    ]
    told = {name: f"`{name}`" for name in REAL}
    epochs = [count(_params(name).wct.epochs, "epoch") for name in (FULL_TRAININGS, *FULL)]
    return "\n".join(
        [
            "- One training each, so that verdicts speak of that trained network only (the seeds vary the devices), and "
            f"another training may give another: {join([told[name] for name in REAL if name not in several])}. "
            "Only T1 to T6 of `neighbours` are tested over trainings, of networks of their own. In the reports named "
            f"`full`, WCT trains on for {join(list(dict.fromkeys(epochs)))}, once for each network; `{SEARCHED}` and a "
            f"[control](docs/mitigations.md) of `{FULL_TRAININGS}` show what the same training does without the limit.",
            "- Several trainings, so that verdicts speak of other trainings too: "
            f"{join([told[name] for name in several])}. Training seed 0 of `{TRAININGS}` is the network of `neighbours`. "
            f"Only N1 to N3 of `{DEEPER}` speak of one training, its first.",
            f"- It only shows that the code runs: `quick` ({'; '.join(_report('quick').data)}).",
        ]
    )


@_part("times")
def _times() -> str:
    seconds = _measured("pipeline-quick").set_index("stage")["seconds"]["total"]
    verified = read_json("reports/verify.json")
    later = f", measured before {', '.join(artifact.untimed())} were stages" if artifact.untimed() else ""
    return (
        f"Once installed, on two cores: bare `dvc repro`, one stage after another, took {seconds / 60:.0f} minutes; "
        f"`make verify`, whose stages run side by side as those of `make repro`, took {verified['seconds'] / 60:.0f} "
        "when it was last recorded, on another machine that may have done other work "
        f"(`reports/benchmarks/pipeline-quick.csv`, `reports/verify.json`){later}."
    )


@_part("recovered")
def _recovered() -> str:
    """What mitigations win back and take: of the report that tried most of them, and of those with tuned norms."""
    parts = list[str]()
    for profile in (RECOVERED, *TUNED):
        table = tables.recovered(read_table(f"reports/{profile}/tables/recovered.csv"))
        parts += [f"`{profile}`, {_networks(profile)}:", table.markdown()]
    note = (
        "Percent of the lost accuracy that is won back, and the points that stay lost, lowest to highest of the four "
        "schemes and all trainings. Training images are shown with labels, once for all chips, images per chip without; "
        "circuit solutions are of all crossbars of a network. Numbers: `recovered.csv` of each report."
    )
    return "\n\n".join([*parts, note])


@_part("control")
def _control() -> str:
    """What WCT's training does with and without its limit."""
    found = _measured(f"wct-control-{FULL_TRAININGS}")
    found = found.assign(lost=found["software_accuracy"] - found["accuracy"])
    names = {"none": "as pruned", "WCT": "after WCT", "unlimited": "without the limit"}
    measures = ["software_accuracy", "accuracy", "lost"]
    means = found.groupby(["scheme", "mitigation"], sort=False)[measures].mean().reset_index()
    means = means.replace({"scheme": SCHEME_NAMES, "mitigation": names})
    rows = _rows(means, ("{scheme}", "{mitigation}", *(f"{{{name}:.1f}}" for name in measures)))
    over = "experiment" if found["experiment"].nunique() > 1 else "seed"
    own = found.pivot_table(index=over, columns="mitigation", values=measures)
    told = [
        f"{names[one]} against {names[other]} {_difference(own['lost', one] - own['lost', other])} lost and "
        f"{_difference(own['accuracy', one] - own['accuracy', other])} on crossbars"
        for one, other in (("WCT", "none"), ("unlimited", "none"), ("WCT", "unlimited"))
    ]
    note = (
        f"Networks of `{FULL_TRAININGS}`, crossbars of {square(found['crossbar_size'].max())}, percent and points: means "
        f"of {count(found['experiment'].nunique(), 'training')} and {count(found['seed'].nunique(), 'draw')} of the "
        "devices each. Lost: in software less on crossbars, of the same network. Over all schemes, in points with "
        f"intervals over {'trainings' if over == 'experiment' else 'draws'} (95 %, not corrected): {'; '.join(told)}. "
        "The control has the same images in the same order; the limit of each layer is its largest weight "
        f"(`python benchmarks/wct_control.py {' '.join(dict.fromkeys(found['experiment']))}`)."
    )
    heads = ["scheme", "trained on", "in software", "on crossbars", "lost"]
    return _noted(tables.Table(heads, rows, words=2).markdown(), note)


def _difference(values: pd.Series[float]) -> str:
    """The mean of differences with its interval."""
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*mean_interval(values, 0.95))


@_part("searched")
def _searched() -> str:
    table = _table(SEARCHED, "search")
    each = ["pruned", "mitigation"]
    numbers, tried = (
        rows.groupby(each)["setting"].nunique().groupby("mitigation").max()
        for rows in (table, table[table["accuracy"].notna()])
    )
    sentences = opening.findings({SEARCHED: _report(SEARCHED)}, None)[2:4]
    return (
        f"In [`{SEARCHED}`](../reports/{SEARCHED}/index.html), {_networks(SEARCHED)} on crossbars of "
        f"{square(int(table['crossbar_size'].iloc[0]))}, {numbers['R']} settings of R were ranked by the predicted "
        f"error of the weights and up to {tried['R']} of them evaluated, and up to {tried['WCT']} of WCT, for networks "
        f"pruned after training and at initialisation. {' '.join(sentences)}"
    )


@_part("large")
def _large() -> str:
    table = _measured("circuit-large")
    peer = [name for name in map(str, table.columns) if name.startswith("superlu")]
    table[peer] = table[peer].where(table["superlu_seconds"] > 0)  # below zero is what was not measured
    table["error"] = table["error"].where(table["error"] >= 0)
    rows = _rows(
        table,
        ("{rows} x {columns}", "x {wires:g}", "{seconds:.2g}", "{bound:.0e}", "{error:.0e}", "{peak_gb:.2g} GB",
         "{superlu_seconds:.3g}", "{superlu_solving_seconds:.3g}", "{superlu_ratio:.0f} x"),
    )  # fmt: skip
    heads = (
        "crossbar | wires | s | proven bound | error | peak memory | SuperLU, s | without assembly | ratio"
    )
    note = (
        "Processor time of one crossbar on one thread, float64 on both sides, all inputs; the ratio includes SuperLU's "
        f"assembly. Peak memory is that of the whole process. {table['machine'].iloc[0]}."
    )
    return _noted(_narrow(heads, rows), note)


@_part("solver")
def _solver() -> str:
    tiles, networks = _measured("circuit"), _measured("circuit-networks")
    ours = tiles[(tiles["solver"] == "xbarpaper") & (tiles["circuit"] == "full")]
    rows = []
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
            shown = _rows(found, ("{solve_s:.1f} s, {peak_gb:.1f} GB",))
            cells += shown[0] if shown else [""]
        rows.append(cells)
    heads = "crossbar | ms, float32 | error | ms, float64 | error | over SuperLU | over badcrossbar | VGG11 | VGG16"
    note = (
        "Processor time per crossbar; crossbars per second over those of the peer, both in float64, medians, all inputs "
        "of each, ours in batches and the peer's one by one; full-width networks: seconds for all crossbars of both "
        f"signs, and peak memory, float32. {tiles['machine'].iloc[0]}."
    )
    return _noted(_narrow(heads, rows), note)


@_part("stages")
def _stages() -> str:
    times = _measured("pipeline-quick")
    seconds = times.assign(stage=times["stage"].str.split("@").str[0]).groupby("stage")["seconds"].mean()
    rows = []
    for figure, notebook, stage in _FIGURES:
        measured = seconds.get(stage.split("@")[0])  # a stage that is newer than the measurement has none
        minutes = "" if measured is None else f"{measured / 60:.1f}"
        rows.append(
            [figure, f"`{notebook}`" if notebook else "–", f"`{stage}`", f"`dvc repro '{stage}'`", minutes]
        )
    total = seconds["total"] / 60
    note = f"The whole of `quick` took {total:.1f} minutes (`python benchmarks/pipeline.py`)."
    return _noted(_narrow("figure | notebook | stage | command | minutes", rows), note)


@_part("costs")
def _costs() -> str:
    paths = {profile: Path(f"reports/benchmarks/costs-{profile}.csv") for profile in COSTED}
    found = [read_table(path).assign(profile=profile) for profile, path in paths.items() if path.is_file()]
    if not found:
        return f"Not estimated yet: `python benchmarks/costs.py {' '.join(COSTED)}` does it in minutes."
    costs = pd.concat(found)
    rows = []
    for stage, own in costs.groupby("stage", sort=False):
        told = {
            name: f"{_duration(one['minutes'].sum())}, {one['gib'].max():.1f} GiB"
            for name, one in own.groupby("profile")
        }
        rows.append([f"`{stage}`", *(told.get(name, "") for name in costs["profile"].unique())])
    totals = costs.groupby("profile", sort=False)["minutes"].sum()
    rows.append(["all", *(f"**{_duration(total)}**" for total in totals)])
    note = (
        "All experiments of a profile together, and the memory of the largest process. Single steps, test images, "
        "solutions and mappings were measured, and multiplied by their number (`python benchmarks/costs.py <profile>`, "
        "which says what is assumed); figures, claims and the report come on top, a minute each. Stages without a row "
        "and empty cells are not estimated, and not in the sums. "
        f"{'; '.join(costs['hardware'].astype(str).unique())}."
    )
    return _noted(_narrow(" | ".join(["stage", *(f"`{name}`" for name in totals.index)]), rows), note)


@_part("hours")
def _hours() -> str:
    """How long the stages of the full-width profiles whose runs were watched took."""
    parts = []
    for profile in ("cifar10-full-vgg16", "cifar100-full-vgg16", FULL_TRAININGS):
        table = _measured(f"stages-{profile}")
        told = [f"`{row['stage']}` {_duration(row['minutes'])}" for row in table.to_dict("records")]
        several = len(_params(profile).experiments)
        name = f"`{profile}`" + (f", {count(several, 'training')} added up" if several > 1 else "")
        parts.append(f"{name}: {join(told)} ({table['machine'].iloc[0]}).")
    return f"Stages, each from its begin to its end, two at a time, beside other work. {' '.join(parts)}"


@_part("conventions")
def _conventions() -> str:
    rows = [[name, one.words] for name, one in CONVENTIONS.items()]
    return tables.Table(["simulator", "its resistances"], rows, words=2).markdown()


@_part("simulators")
def _simulators() -> str:
    table, networks = _measured("simulators"), _measured("simulators-networks")
    off = ("error_percent", "matrix_error_percent", "off_common_percent")
    times = ("ms_per_tile", "ours_ms_per_tile", "ours_batch_ms_per_tile")
    shown = table.assign(
        **{name: table[name].map(_small) for name in off},
        **{name: table[name].map(_ms) for name in times},
        ratio=[f"{one:.{2 if one < 10 else 3}g} x, " if one > 0 else "" for one in table["ratio"]],
        precision=table["precision"].where(table["ratio"] > 0, ""),
    )
    forms = ("{size} x {size}", "{simulator} {version}", "{truly_lost_percent:.1f} %", "{lost_percent:.1f} %")
    rows = _rows(shown, (*forms, *(f"{{{name}}}" for name in (*off, *times)), "{ratio}{precision}"))
    heads = [
        "crossbar", "simulator", "truly lost", "it says", "off its circuit", "its G_eff", "off the common one", "ms",
        "ours, one", "ours, of a batch", "its time over ours, one",
    ]  # fmt: skip
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
    return _noted(tables.Table(heads, rows, words=2).markdown(), network, f"{table['machine'].iloc[0]}.")


def _small(percent: float) -> str:
    return "" if pd.isna(percent) else "0" if percent < 1e-6 else f"{percent:.2g} %"


def _ms(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2g}" if value < 100 else f"{value:.0f}"


@_part("reliability")
def _reliability() -> str:
    path = Path("reports/reliability.json")
    if not path.is_file():
        return "Not tried yet: `make test-faults` does it."
    rows = []
    for kind, one in read_json(path).items():
        survived = f"{one['survived']:,}" if one["survived"] == one["tried"] else f"**{one['survived']:,}**"
        when = f"{one['date']}, {one['commit']}"
        rows.append(
            [kind.replace("_", " "), f"{one['tried']:,}", survived, one["what"], f"`{one['command']}`", when]
        )
    return _narrow("fault | tried | survived | what | command | date, commit", rows)


@_part("neighbours")
def _neighbours() -> str:
    """Verdicts of the statements about neighbours, report by report."""
    own = {
        name: {one.id: one for one in report.own if one.id[0] in NEIGHBOURS}
        for name, report in _reports(("neighbours", FULL[1], "quick")).items()
    }
    texts = {identity: one.text for found in own.values() for identity, one in found.items()}
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
    ("2206.09599", "errors add up in spiking networks; trained ones keep more than converted", "spiking", "S"),
    ("2002.11151", "training on crossbars costs 3 to 36 points of accuracy", "on_crossbar_training", "T"),
    ("2305.18416", "tuned batch norms win back what drift costs", "published", "N"),
)  # fmt: skip


_EFFECT: Final = re.compile(r"(?:\w+ networks: )?[-+][\d.]+ [\w ]*\[[^\]]*\](?: [\w '/]+)?")
"""An effect with its interval, and what it is of, in the summary of a statement."""


@_part("beside")
def _beside() -> str:
    """A row for each paper beside this one: its claim, our verdicts on real images, the command, what it takes."""
    times = _measured("pipeline-quick").set_index("stage")["seconds"]
    rows = []
    for paper, claimed, stage, letter in _BESIDE:
        told = []
        for name, report in _reports(("neighbours", FULL[1])).items():
            by_verdict: dict[str, list[str]] = {}
            for one in report.own:
                if one.id[0] == letter:
                    by_verdict.setdefault(one.overall, []).append(one.id)
            if by_verdict:
                words = "; ".join(f"{join(names)} {verdict}" for verdict, names in by_verdict.items())
                first = next(one for one in report.own if one.id[0] == letter)
                words += f" ({first.id}: {', '.join(one[0].lower() + one[1:] for one in _EFFECT.findall(first.summary))})"
                told.append(words if name == "neighbours" else f"`{name}`: {words}")
        seconds = sum(value for name, value in times.items() if str(name).startswith(f"{stage}@"))
        rows.append(
            [
                f"[{paper}](https://arxiv.org/abs/{paper}): {claimed}",
                ". ".join(told),
                f"`dvc repro '{stage}@<e>'`, {_duration(seconds / 60)}",
            ]
        )
    heads = [
        "a paper beside this one claims", "found in `neighbours` ([A1 to T6](docs/neighbours.md))",
        "command (`<e>`: `quick-vgg11`), time in `quick`",
    ]  # fmt: skip
    return tables.Table(heads, rows, words=3).markdown()


@_part("published")
def _published() -> str:
    """Points lost as published and here, under our convention and the nearest; then C2 to C4 under both."""
    number, heads = ["source", "setting"], ["network", "convention"]
    told: dict[tuple[str, str], pd.Series[float]] = {}
    judged = list[list[str]]()
    for profile in BESIDE:
        table, params = _table(profile, "published"), _params(profile)
        lost = table.groupby(["r_min_ohm", "gain", *number])["lost"].mean()
        own = float(params.devices.r_min_ohm), params.readout.gain
        name = f"{_networks(profile).split(',')[0]}, `{profile}`"
        for r_min_ohm, gain in dict.fromkeys([own, nearest(table)]):
            words = f"R_min {r_min_ohm / 1e3:g} kΩ, {gain_words(gain)}"
            told[name, words] = lost.loc[r_min_ohm, gain]
        both = tables.under_conventions(read_table(f"reports/{profile}/tables/published_claims.csv"))
        judged += [[name, *cells] for cells in both.rows]
    published = pd.Series({(one.source, one.setting): one.lost for one in PUBLISHED})
    found = pd.DataFrame({("published, second hand", "not known"): published} | told).T[published.index]
    rows = [
        [*map(str, key), *(ABSENT if pd.isna(one) else f"{one:.1f}" for one in row)]
        for key, row in zip(found.index, found.to_numpy(), strict=True)
    ]
    sources = {PAPER: "the paper", BATCH_NORMS: "2305.18416"}
    settings = [f"{setting} ({sources[source]})" for source, setting in published.index]
    note = (
        "Above, points of accuracy lost, mean over the draws of the devices, by the rows of the crossbars. The paper's: "
        "both effects. Those of 2305.18416: VGG16 with a digital classifier, resistances alone; as it is, with "
        "statistics measured anew (BN), and with scale and shift tuned besides (norms). The second convention of each "
        "network is the nearest to the numbers without mitigation, of those tried. Below, the overall effects of C2 "
        "(points lost more than unpruned), C3 and C4 (points won back) on the largest crossbars, over n draws of the "
        "devices. Numbers: `published.csv` and `published_claims.csv` of each report."
    )
    return "\n\n".join(
        [
            tables.Table([*heads, *settings], rows, words=2).markdown(), note,
            tables.Table([heads[0], *both.columns], judged, words=5).markdown(),
        ]
    )  # fmt: skip


@_part("on-crossbar-training")
def _on_crossbar_training() -> str:
    table = _measured("on-crossbar-training")
    where = {
        steps: f"on crossbars, L = {steps}" if steps else "in software" for steps in table["refresh_steps"]
    }
    table["where"] = table["refresh_steps"].map(where)
    rows = _rows(table, ("{network} (width {width:g})", "{where}", "{ms_per_step:.3g}", "{ratio:.2f} x"))
    first = table.iloc[0]
    note = (
        f"Processor time of a step of {first['batch']} images, crossbars of {first['crossbar_size']} x "
        f"{first['crossbar_size']}, all phases not ideal, solutions of the circuits included, median of "
        f"{first['epochs']} epochs of {first['steps']} steps, in turns (`python benchmarks/on_crossbar_training.py`). "
        f"{first['machine']}."
    )
    return _noted(
        tables.Table(["network", "training", "ms", "over software"], rows, words=2).markdown(), note
    )


@_part("recipe")
def _recipe() -> str:
    """What each change of the few-epoch recipe does in software and on crossbars, beside how far trainings differ."""
    found = _measured("recipe-vgg11-0.25")
    measures = {
        "accuracy": "in software (%)", "wires": "lost to wires", "variation": "to variation", "both": "to both",
    }  # fmt: skip
    plain = found[found["variant"] == "recipe"]
    changes = found[found["variant"] != "recipe"].sort_values("both")
    rows = [
        [f"the recipe itself, {len(plain)} trainings", *(_spread(plain[name]) for name in measures)],
        *_rows(changes, ["{variant}", *(f"{{{name}:.1f}}" for name in measures)]),
    ]
    first, size = plain.iloc[0], int(plain["crossbar_size"].iloc[0])
    own = _table(TRAININGS, "evaluation").query(
        f"scheme == 'unpruned' and mitigation == 'none' and gain == 'layer' and crossbar_size == {size}"
    )
    software = _table(TRAININGS, "software").query("scheme == 'unpruned' and step == 'trained'")
    arithmetic = software["hardware"].str.split(", ").str[-1].iloc[0]
    own = own.assign(lost=own["software_accuracy"] - own["accuracy"])
    losses = own.pivot_table(index="experiment", columns="effects", values="lost")
    for experiment, accuracy in zip(software["experiment"], software["accuracy"], strict=True):
        section, lost = _params(TRAININGS).experiments[experiment], losses.loc[experiment]
        name = (
            f"in the report `{TRAININGS}`: {_params(TRAININGS).train.epochs} epochs, {arithmetic}, training seed "
            f"{section.training_seed}"
        )
        rows.append([name, *(f"{number:.1f}" for number in (accuracy, *lost[list(measures)[1:]]))])
    both = losses["both"]
    note = (
        f"Unpruned VGG11 (width 0.25), {first['epochs']} epochs and {first['precision']} unless said otherwise; points "
        f"of test accuracy lost on crossbars of {square(size)}, mean of {first['draws']} draws of the devices. Of the "
        "recipe itself: the mean and, in brackets, the least and the most of its trainings. The changes were trained "
        "once each, so a number within these brackets says nothing about the change. The other recipe is that of "
        "`cifar10-small`, for as many epochs (`reports/benchmarks/recipe-vgg11-0.25.csv`). The trainings of "
        f"`{TRAININGS}` lie {software['accuracy'].max() - software['accuracy'].min():.1f} points apart in software, and "
        f"lose from {both.min():.1f} to {both.max():.1f} points on the same crossbars and devices; in other arithmetic, "
        "the same seed is another training."
    )
    return _noted(tables.Table(["changed", *measures.values()], rows, words=1).markdown(), note)


def _spread(values: pd.Series[float]) -> str:
    return f"{values.mean():.1f} [{values.min():.1f}, {values.max():.1f}]"


NEIGHBOURS: Final = "ABSTN"
"""First letters of the statements about neighbours."""


def _duration(minutes: float) -> str:
    if minutes < 100:
        return f"{minutes:.1f} min" if minutes < 9.95 else f"{minutes:.0f} min"
    hours = minutes / 60
    return f"{hours:.1f} h" if hours < 9.95 else f"{hours:,.0f} h"


PARTS.update(commands=artifact.commands, claims=artifact.claims, installed=artifact.installed)


@command("readme")
def main() -> None:
    """Command line."""
    draw()
    print(f"changed: {', '.join(update()) or 'nothing'}")


if __name__ == "__main__":
    sys.exit(main())
