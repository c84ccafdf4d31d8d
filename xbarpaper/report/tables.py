"""The small tables of the report's page and of the README, as text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from xbarpaper.claims import Verdict
from xbarpaper.claims.in_words import ABSENT, head
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import MAPPED, SCHEME_NAMES
from xbarpaper.claims.schema import OwnClaim
from xbarpaper.figures.panels import means
from xbarpaper.support.words import square

_SHOWN: Final = {
    "none": "on crossbars", "R": "with R", "WCT": "with WCT", "PC": "with PC", "PC+norms": "with PC + norms",
    "PC/chip": "with PC/chip"
}  # fmt: skip
ACCURACY_COLUMNS: Final = ("network", "scheme", "crossbar", "saves", "in software", *_SHOWN.values())
"""Columns that ``accuracies`` may have, in their order."""
_COSTS: Final = ("training_images", "chip_images", "circuit_solutions", "chip_solutions")


@dataclass(frozen=True)
class Table:
    """A small table as text: columns, rows, and how many columns from the left are words, not numbers."""

    columns: list[str]
    rows: list[list[str]]
    words: int

    def markdown(self) -> str:
        """The table as Markdown has it."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def without_constant_words(self) -> Table:
        """The table without those of its columns of words that say the same in every row."""
        keep = [
            index
            for index in range(len(self.columns))
            if index >= self.words or len({row[index] for row in self.rows}) > 1
        ]
        words = sum(index < self.words for index in keep)
        return Table(
            [self.columns[at] for at in keep], [[row[at] for at in keep] for row in self.rows], words
        )


def accuracies(
    evaluation: pd.DataFrame, recovery: pd.DataFrame, labels: Labels, size: int | None = None
) -> Table:
    """Accuracy of every network in software, on crossbars, and with the mitigations that weigh most.

    Means with half of their intervals, over draws of the devices or over trainings; both effects act, at the profile's
    gain. Software accuracy is that before any mitigation.

    Args:
        evaluation: the tidy table of evaluations.
        recovery: the tidy table of further mitigations; it may be empty.
        labels: words of the profile.
        size: of the crossbars; all if not given.
    """
    columns = [*MAPPED, "mitigation", "gain", "seed", "accuracy", "software_accuracy"]
    both = evaluation[evaluation["effects"] == "both"]
    further = recovery[~recovery["mitigation"].isin(both["mitigation"].unique())]
    table = pd.concat([part for part in (both, further) if len(part)])
    chosen = table[(table["gain"] == labels.gain) & table["mitigation"].isin(_SHOWN)][columns]
    chosen = chosen if size is None else chosen[chosen["crossbar_size"] == size]
    found = means(chosen, [*MAPPED, "mitigation"], "accuracy", labels).set_index([*MAPPED, "mitigation"])
    plain = both[both["mitigation"] == "none"]
    software, rates = (
        means(plain, MAPPED, name, labels).set_index(MAPPED)["mean"]
        for name in ("software_accuracy", "compression_rate")
    )
    names = [name for name in _SHOWN if name in set(chosen["mitigation"])]
    rows = []
    for key in dict.fromkeys(index[:3] for index in found.index):
        experiment, scheme, crossbar = key
        cells = [found.loc[(*key, name)] if (*key, name) in found.index else None for name in names]
        words = [labels.trainings(str(experiment)), SCHEME_NAMES[str(scheme)], square(int(crossbar))]
        told = [ABSENT if one is None else _with_half(one) for one in cells]
        rows.append([*words, f"{rates[key]:.2f} ×", f"{software[key]:.1f}", *told])
    heads = [*ACCURACY_COLUMNS[:5], *(_SHOWN[name] for name in names)]
    return Table(heads, rows, words=3)


def software(table: pd.DataFrame, labels: Labels) -> Table:
    """Accuracy of every trained network on ideal hardware, step by step."""
    steps = list(table["step"].unique())
    rows = [
        [
            labels.network(str(experiment)), SCHEME_NAMES[str(scheme)], size(crossbar),
            *(number(group.set_index("step")["accuracy"].get(step)) for step in steps),
        ]
        for (experiment, scheme, crossbar), group in table.groupby(MAPPED, sort=False, dropna=False)
    ]  # fmt: skip
    heads = ["after WCT" if step == "wct" else step for step in steps]
    return Table(["network", "scheme", "pruned for", *heads], rows, words=3)


def recovered(table: pd.DataFrame) -> Table:
    """What each mitigation wins back and leaves lost, lowest to highest of schemes and trainings, and what it takes.

    Args:
        table: what ``claims.recovery_table`` gives.
    """
    sizes = sorted(int(one) for one in table["crossbar_size"].unique())
    table, rows = table.assign(left=(table["lost"] - table["recovered"]).where(table["share"].notna())), []
    for mitigation, own in table[table["mitigation"] != "none"].groupby("mitigation", sort=False):
        by_size = [own[own["crossbar_size"] == one] for one in sizes]
        cells = [
            f"{_range(one['share'])} %, {_range(one['left'], 1)} left"
            if one["share"].notna().any()
            else ABSENT
            for one in by_size
        ]
        rows.append([str(mitigation).replace("+", " + "), *cells, *(_range(own[cost]) for cost in _COSTS)])
    return Table(["mitigation", *map(square, sizes), *map(head, _COSTS)], rows, words=1)


def under_conventions(table: pd.DataFrame) -> Table:
    """C2 to C4 under this artifact's convention and the one nearest to published losses, a row for each convention.

    Args:
        table: what ``claims.published.under_conventions`` gives.
    """
    # By where its claims begin: the nearest may be our own, measured on other draws.
    conventions = table.groupby((table["claim"] == table["claim"].iloc[0]).cumsum())
    rows = [
        [
            str(own["convention"].iloc[0]),
            *(
                f"{one['verdict']}: {number(one['effect'])} {_ends(one['low'], one['high'])}, n = {one['n']:.0f}"
                for one in own.to_dict("records")
            ),
        ]
        for _, own in conventions
    ]
    return Table(["convention", *table["claim"].unique()], rows, words=4)


def effects(rows: list[Verdict], labels: Labels) -> Table:
    """Effects of a claim with their verdicts and intervals, a row for each."""
    lines, undecided = list[list[str]](), any(row.needed_seeds for row in rows)
    for row in rows:
        network = labels.trainings(row.experiment) if row.experiment else "all networks"
        joined = {"overall": "overall", "unpruned": "unpruned networks"}
        place = joined.get(row.level) or size(row.crossbar_size)
        scheme = SCHEME_NAMES.get(row.scheme or "", "all schemes" if row.level != "comparison" else ABSENT)
        over = f"{row.n} {row.inference}s" if row.n is not None and row.n > 1 else row.inference or ABSENT
        effect = f"{number(row.effect)} {row.unit}"
        lines.append([network, place, scheme, row.compared, row.verdict, effect, interval(row), over])
        if undecided:
            lines[-1].append(row.needed_seeds or ABSENT)
    heads = ["network", "crossbars", "scheme", "compared", "verdict", "effect"]
    heads += [f"{labels.percent} interval", "over"]
    return Table([*heads, "would decide it"] if undecided else heads, lines, words=5)


def cases(claim: OwnClaim) -> Table:
    """What a statement of our own is decided on, a row for each case."""
    rows = [
        [one.what, one.verdict, f"{number(one.effect)} {one.unit}", _ends(one.low, one.high), one.over]
        for one in claim.cases
    ]
    return Table(["case", "verdict", "effect", "interval or range", "over"], rows, words=2)


def interval(row: Verdict) -> str:
    """The corrected interval of an effect; what is not sampled has none."""
    return _ends(row.low, row.high) if row.sampled else ABSENT


def _ends(low: float | None, high: float | None) -> str:
    return ABSENT if low is None or high is None else f"[{number(low)}, {number(high)}]"


def size(value: Any) -> str:
    """A crossbar size, or ``any size`` where there is none."""
    return "any size" if pd.isna(value) else square(int(value))


def number(value: float | None) -> str:
    """Three digits or so; zero has no sign."""
    if value is None or pd.isna(value):
        return ABSENT
    return f"{round(value, 2) + 0.0:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _with_half(row: pd.Series) -> str:
    half = (row["high"] - row["low"]) / 2
    return f"{row['mean']:.1f}" + ("" if math.isnan(half) else f" ± {half:.1f}")


def _range(values: pd.Series, decimals: int = 0) -> str:
    """The least and the most, or the one that all have."""
    known = values.dropna()
    if known.empty:
        return ABSENT
    return " to ".join(dict.fromkeys(f"{value + 0.0:,.{decimals}f}" for value in (known.min(), known.max())))
