"""``python -m tools.readme``: make the parts of README.md that come from results.

They are the verdicts, the table of figures and their commands, the costs, and the counted faults.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from xbarpaper.claims import Claim, ClaimReport, statements
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import read_json, read_table

PROFILES: Final = ("cifar10-seeds", "cifar10-small", "cifar10-vgg16", "quick")
"""Profiles whose reports are in git, the one that weighs most first."""

COSTED: Final = ("cifar10-seeds", "cifar10-small", "cifar10-vgg16", "paper")
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
    ("where the claims live: every convention varied", "10_sensitivity", "sensitivity@<e>"),
    ("further mitigations: R2D, batch norm re-estimated, tuning, precompensation", "11_beyond", "beyond@<e>"),
    (
        "accuracy of a network of one's own, by crossbar size and gain",
        "12_own_network",
        "own_network@<dataset>",
    ),
    (
        "accuracy by size, compression rate, NF against share, R, WCT, side by side",
        "90_figures",
        "figures@<p>",
    ),
    ("verdicts and effects", "91_claims", "claims@<p>"),
    ("the report", "", "publish@<p>"),
)


def update(path: Path | str = "README.md") -> bool:
    """Make the generated parts anew; returns whether the file changed.

    Raises:
        ArtifactError: a part's marks are missing, or a report that it is made from is.
    """
    path = Path(path)
    before = path.read_text(encoding="utf-8")
    after = before
    for name, part in (
        ("results", _results()),
        ("recovered", _recovered()),
        ("stages", _stages()),
        ("costs", _costs()),
        ("solver", _solver()),
        ("reliability", _reliability()),
    ):
        after = _between(after, name, part)
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after != before


def _between(text: str, name: str, part: str) -> str:
    pattern = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ArtifactError(f"README.md: no part between <!-- {name}: ... --> and <!-- /{name} -->")
    return pattern.sub(lambda marks: f"{marks[1]}\n{part}\n\n{marks[2]}", text)


def _results() -> str:
    lines = []
    texts = statements.load()
    for profile in PROFILES:
        found = ClaimReport.read(Path("reports") / profile / "claims.json")
        lines += [
            f"**`{profile}`**: {'; '.join(found.data)}.",
            "",
            "| claim | verdict | effect, 95 % interval | comparisons |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {claim.id} {texts[claim.id].text} | {claim.overall} | {_effects(claim)} | {_counts(claim)} |"
            for claim in found.claims
        ]
        lines += ["", found.conventions_summary, ""]
    return "\n".join(lines).rstrip()


def _effects(claim: Claim) -> str:
    """The overall effects that the verdict rests on, with their intervals where there are any."""
    told = []
    for row in claim.tops():
        name = f"{row.mitigation}: " if len(claim.main) > 1 else ""
        interval = f" [{row.low:+.2f}, {row.high:+.2f}]" if row.low is not None else ""
        told.append(f"{name}{row.effect:+.2f}{interval} {row.unit}")
    return "; ".join(told) or "–"


def _counts(claim: Claim) -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in claim.counts.items() if number)


def _recovered() -> str:
    path = Path(f"reports/{PROFILES[0]}/tables/recovered.csv")
    table = read_table(path)
    table = table[table["mitigation"] != "none"]
    sizes = sorted(set(table["crossbar_size"]))
    heads = [f"{size} x {size}" for size in sizes]
    costs = {
        "training_images": "training images",
        "chip_images": "images for each chip",
        "circuit_solutions": "circuit solutions",
        "chip_solutions": "circuit solutions for each chip",
    }
    lines = [
        f"| mitigation | {' | '.join([*heads, *costs.values()])} |",
        f"|---|{'---|' * (len(heads) + len(costs))}",
    ]
    for mitigation, rows in table.groupby("mitigation", sort=False):
        shares = [rows.loc[rows["crossbar_size"] == size, "share"] for size in sizes]
        cells = [f"{round(share.min())} to {round(share.max())} %" for share in shares]
        cells += [f"{rows[cost].max():,.0f}" for cost in costs]
        lines.append(f"| {str(mitigation).replace('+', ' + ')} | {' | '.join(cells)} |")
    note = (
        "Training images are shown with labels, once for all chips, images for each chip without; circuit solutions are "
        f"of all crossbars of a network. Numbers: `{path}`."
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
            cells.append(f"{one['ratio_float32']:.0f} x")
        for name in ("vgg11", "vgg16"):
            found = networks[(networks["network"] == name) & (networks["size"] == size)]
            shown = [f"{one.solve_s:.1f} s, {one.peak_gb:.1f} GB" for one in found.itertuples()]
            cells.append(shown[0] if shown else "")
        lines.append(f"| {' | '.join(cells)} |")
    machine = tiles["machine"].iloc[0]
    note = (
        "Time per crossbar; crossbars per second in float32 over those of the peer; full-width networks: seconds for all "
        f"crossbars of both signs, and peak memory, float32. {machine}."
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


def _duration(minutes: float) -> str:
    if minutes < 100:
        return f"{minutes:.1f} min" if minutes < 9.95 else f"{minutes:.0f} min"
    hours = minutes / 60
    return f"{hours:.1f} h" if hours < 9.95 else f"{hours:,.0f} h"


def main() -> int:
    """Command line; returns the exit code: 0, or 1 after an error told in one line."""
    try:
        print(f"README.md: {'updated' if update() else 'nothing to update'}")
    except ArtifactError as error:
        print(f"readme: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
