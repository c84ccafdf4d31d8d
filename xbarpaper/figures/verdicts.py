"""The verdicts on the paper's statements: all of them in one forest plot, and each claim's effects with intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.claims.rules import MAIN, counted_words
from xbarpaper.claims.schema import ALGEBRA, OUTCOMES, Claim, ClaimReport, Verdict
from xbarpaper.figures.style import (
    VERDICT_COLOURS,
    VERDICT_MARKERS,
    ArtifactFigure,
    new_figure,
    panel_grid,
    shared_legend,
)
from xbarpaper.params import Claims
from xbarpaper.support.words import join, signed, square

_ROW_INCHES: Final = 0.15
_TEXT: Final[dict[str, Any]] = {"fontsize": 7, "va": "center", "clip_on": False, "zorder": 6}
_LETTER: Final = 0.0143  # of a name, share of the width
_BAND: Final = "#d6e6f5"
_PAPER: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
_MEASURES: Final = {
    "C1": "software accuracy that pruning costs",
    "C2": "loss on crossbars, pruned minus unpruned",
    "C3": "loss that R takes away",
    "C4": "loss that WCT takes away",
    "C5 percentage points": "share of low conductances that WCT adds",
    "C5 rank correlation": "share and current kept, by crossbar",
    "C5": "share of low conductances",
}
"""What the effects of a claim are, where needed by their unit."""


def forest(reports: Mapping[str, ClaimReport], margins: Claims | None = None) -> ArtifactFigure:
    """The overall effect of every claim with its interval and verdict, a line for each report.

    Each claim has an axis of its own: the wide intervals of one would hide the narrow ones of another.

    Args:
        reports: by the name that stands beside their lines, in the order of the lines.
        margins: settings of the claims, whose margins of equivalence are drawn, by default the usual ones.
    """
    margins = margins or Claims()
    rows = [
        (claim.id, _who(name if len(reports) > 1 else "", row, claim), row)
        for claim in next(iter(reports.values())).claims
        for name, report in reports.items()
        for row in next(one for one in report.claims if one.id == claim.id).tops()
        if row.inference != ALGEBRA
    ]
    by_axis: dict[tuple[str, str], list[tuple[str, str, Verdict]]] = {}
    for claim, label, verdict in rows:
        by_axis.setdefault((claim, _scale(verdict)), []).append((claim, label, verdict))
    groups = list(by_axis.values())
    units = [_scale(own[0][2]) for own in groups]
    named = [after != unit for unit, after in zip(units, [*units[1:], ""], strict=True)]
    gaps = [0.5 if last else 0.3 for last in named]
    heights = [_ROW_INCHES * (len(own) + 1) for own in groups]
    # Names stand left of the axes and numbers right of them, so their places are given, not found.
    whole = sum(heights) + sum(gaps) + 0.75
    figure, axes = new_figure(len(groups), 1, height=whole / len(groups))
    figure.set_layout_engine(None)
    left, right, top = max(0.27, 0.04 + _LETTER * max(len(label) for _, label, _ in rows)), 0.57, whole - 0.3
    for rank, (own, panel) in enumerate(zip(groups, axes, strict=True)):
        panel.set_position((left, (top - heights[rank]) / whole, right - left, heights[rank] / whole))
        top -= heights[rank] + gaps[rank]
        head = f"{own[0][0]}  {_measure(own[0][0], {own[0][2].unit})}"
        lines: list[tuple[str, Verdict | None]] = [(head, None), *((label, one) for _, label, one in own)]
        _lines(panel, lines, units[rank] if named[rank] else "", margins)
        panel.xaxis.set_major_locator(MaxNLocator(nbins=3))  # more would meet where panels are this narrow
        panel.spines[["left", "right", "top"]].set_visible(False)  # names of claims would cross them
        panel.set_ylim(top=-0.2)  # and the ends of the grid
        for y, (label, row) in enumerate(lines):
            across = blended_transform_factory(figure.transFigure, panel.transData)
            if row is None:
                panel.text(0.01, y, label, transform=across, fontweight="bold", **_TEXT, bbox=_PAPER)
            else:
                panel.text(0.59, y, _number(row), transform=across, **_TEXT)
    _legend(figure, [row for _, _, row in rows])
    figure.heading = "The paper's statements, tested"
    confidence = next(iter(reports.values())).confidence
    about = "; ".join(f"{name}: {', '.join(report.data)}" for name, report in reports.items())
    figure.caption = (
        f"Overall effects of C1 to C5, means over schemes and sizes, with their {100 * confidence:g} % intervals, "
        "corrected for many comparisons, and verdicts. C1 is judged against its tolerance (dotted), the others against "
        f"zero; each has an axis of its own. {_margin_words(units, margins)} C5 asks for R too, which cannot change the "
        f"share; without a bar: counted, not sampled. {about}. Bars of one training speak of other draws of its "
        "devices, those of several trainings of other trainings."
    )
    return figure


def claim_effects(claim: Claim, labels: Labels, margins: Claims | None = None) -> ArtifactFigure | None:
    """A claim's effects with their corrected intervals, by verdict: a panel per network and mitigation.

    On grey stand joined effects; below them a line for every comparison. A claim without comparisons has no figure.

    Args:
        claim: its main mitigations are shown, and the profile's own settings beside the best.
        labels: words of the profile.
        margins: settings of the claims, whose margins of equivalence are drawn, by default the usual ones.
    """
    margins = margins or Claims()
    shown = {*claim.main, *MAIN[claim.id]}
    singles = [row for row in claim.verdicts if row.mitigation in shown and row.low is not None]
    if not singles:
        return None
    grouped: dict[tuple[str, str], list[Verdict]] = {}
    for row in singles:
        grouped.setdefault((row.mitigation, row.experiment or ""), []).append(row)
    tall = max(map(len, grouped.values()))
    figure, panels = panel_grid(grouped, 0.9 + _ROW_INCHES * (tall + 4), share_y=False)
    networks, drawn, left = {experiment for _, experiment in grouped}, list[Verdict](), list[str]()
    for rank, ((mitigation, experiment), panel) in enumerate(panels.items()):
        own = sorted(grouped[mitigation, experiment], key=lambda row: not row.counted)
        joined = [
            row
            for level in ("overall", "network", "size", "unpruned")
            for row in claim.levels
            if (row.level, row.mitigation) == (level, mitigation) and row.experiment in (None, experiment)
        ]
        sizes = {row.crossbar_size for row in own}
        if len(networks) == len(sizes) == 1:  # then the joined unpruned network is the single one
            joined = [row for row in joined if row.level != "unpruned"]
        lines = [(_place(row), row) for row in (*joined, *own)]
        panel.axhspan(-0.6, len(joined) - 0.5, color="0.92", zorder=0)
        _lines(panel, lines, _scale(own[0]), margins)
        drawn += [row for _, row in lines]
        names = [name for name, _ in lines]
        if rank % 2 and names == left:  # one set of labels serves both
            panel.set_yticks(range(len(lines)), [""] * len(lines))
        left = names
        title = [labels.networks.get(experiment, experiment)] if len(networks) > 1 else []
        if len({name for name, _ in grouped}) > 1:
            title.append("no mitigation" if mitigation == "none" else mitigation)
        panel.set_title("\n".join(title))
    _legend(figure, drawn)
    tolerance = {row.details.get("tolerance_points") for row in singles} - {None}
    figure.heading = f"{claim.id}: {_measure(claim.id, {row.unit for row in singles})}"
    ranges = []
    for unit in dict.fromkeys(row.unit for row in singles):
        effects = [row.effect for row in singles if row.unit == unit]
        ranges.append(f"between {min(effects):+.2f} and {max(effects):+.2f} {unit}")
    figure.caption = (
        f"{claim.id}: {claim.text} On grey, effects joined; below, single comparisons, "
        f"{join(ranges)}. Bars: {labels.percent} intervals, corrected for many comparisons."
        + "".join(f" Dotted: the tolerance of {value:g} points." for value in tolerance)
        + ("" if tolerance else f" {_margin_words({row.unit for row in singles}, margins)}")
        + f" Of {sum(claim.counts.values())} comparisons that count for the verdict, {counted_words(claim.verdicts)}."
    )
    return figure


def _who(name: str, row: Verdict, claim: Claim) -> str:
    """Name of a line: the report, where there are several, and the mitigation, where the head leaves it open."""
    beside = [one for one in claim.tops() if one.inference != ALGEBRA and one.unit == row.unit]
    what = row.mitigation if row.mitigation != "none" else "crossbars" if claim.id == "C5" else "pruning"
    if name and len(beside) == 1:
        return f"{name}, best" if what.startswith("best ") else name
    return f"{name}, {what}" if name else what


def _measure(claim: str, units: Collection[str]) -> str:
    """What effects of these units are."""
    (first, *others), whole = units, _MEASURES[claim]
    return whole if others else _MEASURES.get(f"{claim} {first}", whole)


def _scale(row: Verdict) -> str:
    return "points of accuracy" if row.unit.startswith("points") else row.unit


def _margin(unit: str, margins: Claims) -> float:
    return margins.equivalence_correlation if unit == "rank correlation" else margins.equivalence_points


def _margin_words(units: Collection[str], margins: Claims) -> str:
    """What the band around zero is."""
    told = [f"{margins.equivalence_points:g} points"] if {*units} - {"rank correlation"} else []
    told += (
        [f"{margins.equivalence_correlation:g} of a rank correlation"] if "rank correlation" in units else []
    )
    return f"An interval within the light band, {join(told)} on either side, is no effect."


def _lines(panel: Axes, lines: Sequence[tuple[str, Verdict | None]], unit: str, margins: Claims) -> None:
    """One line for each effect, downwards: its interval, its mark, zero, and what the verdict hangs on."""
    for y, (_, row) in enumerate(lines):
        if row is not None:
            colour, tolerance = VERDICT_COLOURS[row.verdict], row.details.get("tolerance_points")
            if tolerance is not None:
                panel.vlines(float(tolerance), y - 0.5, y + 0.5, color="0.3", linestyle=":", linewidth=1)
            else:
                margin = _margin(row.unit, margins)
                panel.fill_betweenx([y - 0.5, y + 0.5], -margin, margin, color=_BAND, linewidth=0, zorder=0.5)
            if row.low is not None and row.high is not None:
                panel.plot([row.low, row.high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
            panel.plot([row.effect], [y], VERDICT_MARKERS[row.verdict], color=colour, markersize=3.6)
    panel.axvline(0, color="0.3", linewidth=0.8)
    panel.margins(x=0.06)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=4))
    panel.set_ylim(len(lines) - 0.4, -0.6)
    panel.set_yticks([y for y, (_, row) in enumerate(lines) if row], [label for label, row in lines if row])
    panel.grid(visible=False, axis="y")
    panel.set_xlabel(unit)


def _legend(figure: ArtifactFigure, rows: Sequence[Verdict]) -> None:
    for name in OUTCOMES:
        if name in {row.verdict for row in rows}:
            figure.axes[0].plot([], [], VERDICT_MARKERS[name], color=VERDICT_COLOURS[name], label=name)
    with_tolerance = ["tolerance_points" in row.details for row in rows]
    if any(with_tolerance):
        figure.axes[0].plot([], [], ":", color="0.3", linewidth=1, label="tolerance")
    if not all(with_tolerance):
        figure.axes[0].fill_betweenx([], [], color=_BAND, linewidth=0, label="margin of no effect")
    shared_legend(figure, columns=3)


def _number(row: Verdict) -> str:
    if not row.sampled:
        return f"{signed(row.effect)} ({row.inference})"
    effect, *ends = [signed(value) for value in (row.effect, row.low, row.high) if value is not None]
    return f"{effect} [{', '.join(ends)}]" if ends else effect


def _place(row: Verdict) -> str:
    if row.level == "comparison":
        return f"{row.crossbar_size}, {SCHEME_NAMES.get(row.scheme or '', row.scheme or '')}"
    names = {"overall": "overall", "unpruned": "unpruned", "network": "this network"}
    return names.get(row.level) or f"all of {square(row.crossbar_size or 0)}"
