"""How a report and the README open: what was found, in sentences, each with one number and its interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from xbarpaper.claims import Claim, ClaimReport
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.claims.schema import ALGEBRA, Outcome
from xbarpaper.support.statistics import mean_interval
from xbarpaper.support.words import join, signed, square

TERMS: Final = (
    ("crossbar", "a grid of wires with a device at each crossing: conductances hold a matrix of weights, currents of the "
     "columns are its products; here wires and drivers resist, and devices differ from chip to chip"),
    ("[low, high]", "the interval of the number before it; those of C1 to C5 are corrected for many comparisons, and "
     "verdicts are read from them; what is counted, not sampled, has none"),
    ("C/F, XCS, XRS", "ways to prune: whole filters with the channels that they feed (C/F), column segments (XCS) or row "
     "segments (XRS) as long as a crossbar"),
    ("T", "packs what pruning left onto fewer crossbars"),
    ("gain", "the digital readout's calibration: one factor per layer, unless said otherwise"),
    ("R", "rearranges a layer's columns by their conductance when the network is mapped"),
    ("WCT", "Weight-Constrained-Training: goes on training with the weights limited"),
    ("PC", "precompensation, not in the paper: programs devices to offset what wires and drivers take; PC/chip also "
     "knows each chip's devices"),
)  # fmt: skip
"""What the words of the paper mean."""


def _reduces(what: str) -> dict[str, str]:
    """Words for a claim that something reduces the loss that C2 is about."""
    return {
        "supported": f"{what} reduces that loss",
        "contradicted": f"{what} adds to that loss",
        "no effect": f"{what} has no effect on that loss",
        "": f"Whether {what[0].lower()}{what[1:]} reduces that loss",
    }


_FOUND: Final = {
    "C1": {
        "supported": "Pruning saves crossbars and keeps the software accuracy",
        "contradicted": "Pruning does not keep the software accuracy while it saves crossbars",
        "": "Whether pruning keeps the software accuracy while it saves crossbars",
    },
    "C2": {
        "supported": "On crossbars, pruned networks lose more accuracy than unpruned ones",
        "contradicted": "On crossbars, pruned networks lose less accuracy than unpruned ones",
        "no effect": "On crossbars, pruned networks lose as much accuracy as unpruned ones",
        "": "Whether pruned networks lose more accuracy on crossbars than unpruned ones",
    },
    "C3": _reduces("Rearranging columns when a network is mapped (R)"),
    "C4": _reduces("Training on with limited weights (WCT)"),
    "C5": {
        "supported": "Raising the share of low-conductance synapses is how R and WCT both work",
        "contradicted": "R and WCT do not both work by raising the share of low-conductance synapses (R only moves them)",
        "": "Whether raising the share of low-conductance synapses is how R and WCT both work",
    },
}
"""Words for a claim and its verdict; those of ``""`` are followed by the verdict itself."""
_STRONGEST: Final = {
    "PC/chip": "precompensation for each chip (PC/chip)",
    "PC+norms": "one for all chips, with batch norms tuned on a few hundred unlabelled images of each chip (PC+norms),",
}
_LOST, _LESS = "of software accuracy lost", ("less loss", "more loss")
_ADDED: Final = "added to that share by WCT"
_UNITS: Final = {
    "C1": (_LOST, _LOST),
    "C2": ("more loss", "less loss"),
    "C3": _LESS,
    "C4": _LESS,
    "C5": (_ADDED, _ADDED),
}
"""What the number of a claim is: as the paper has it, and turned round where the effect is below zero."""


def findings(reports: Mapping[str, ClaimReport], recovery: pd.DataFrame | None) -> list[str]:
    """A sentence for each claim: the number of the first report, and how many reports reach which verdict.

    Args:
        reports: by name, the one that weighs most first.
        recovery: the first report's tidy table of further mitigations, if it has one.
    """
    (first, main), *others = reports.items()
    sentences = []
    for claim in main.claims:
        row = next(top for top in claim.tops() if top.inference != ALGEBRA)
        words = _FOUND[claim.id].get(claim.overall) or f"{_FOUND[claim.id]['']} is {claim.overall}"
        name = row.mitigation.removeprefix("best ")
        if name != row.mitigation:
            words = words.replace(f"({name})", f"({name}, at the best of the settings searched)")
        claimed, opposite = _UNITS[claim.id]
        sign = -1 if row.effect < 0 and claimed != opposite else 1
        number = f"{signed(sign * row.effect)} {row.unit if claim.id == 'C5' else 'points'}"
        if not row.sampled:
            number += f" ({row.inference})"
        elif row.low is not None and row.high is not None:
            number += f" [{', '.join(map(signed, sorted((sign * row.low, sign * row.high))))}]"
        number += f" {claimed if sign > 0 else opposite}"
        if (tolerance := row.details.get("tolerance_points")) is not None:
            number += f", {tolerance:g} tolerated"
        parts = [*_by_size(claim), *_by_scheme(claim), *_by_gain(main, claim)]
        number += "".join(f"; {part}" for part in parts)
        where = f" (`{first}`; {_counts(claim.id, reports)})" if others else ""
        sentences.append(f"{claim.id}: {words}: {number}{where}.")
    if recovery is not None and (parts := _won_back(recovery, main.confidence)):
        where = f" (`{first}`)" if others else ""
        sentences.append(
            f"Beyond the paper: {'; '.join(parts)} of what the crossbars took from pruned networks{where}."
        )
    return sentences


def _won_back(recovery: pd.DataFrame, confidence: float) -> list[str]:
    """What the strongest further mitigations win back: knowing each chip's devices, and knowing none of them."""
    parts: list[str] = []
    for name, words in _STRONGEST.items():
        if name in set(recovery["mitigation"]):
            share, low, high = recovered_share(recovery, name, confidence)
            interval = f" [{low:.1f}, {high:.1f}]" if low is not None and high is not None else ""
            subject = words if parts or name == "PC/chip" else f"precompensation, {words}"
            parts.append(f"{subject} wins back {share:.1f} %{interval}")
    return parts


def recovered_share(
    recovery: pd.DataFrame, mitigation: str, confidence: float
) -> tuple[float, float | None, float | None]:
    """The share of the lost accuracy that a mitigation wins back on pruned networks, percent, with its interval.

    What is won back and what was lost are summed over schemes and crossbar sizes first; the mean and its interval
    (Student's t) are over trainings where there are three or more, and over draws of the devices otherwise.

    Args:
        recovery: the tidy table of further mitigations.
        mitigation: one of them.
        confidence: level of the interval.
    """
    keys = ["experiment", "scheme", "crossbar_size", "gain", "seed"]
    pruned = recovery[recovery["scheme"] != "unpruned"]
    plain = pruned[pruned["mitigation"] == "none"].set_index(keys)
    after = pruned[pruned["mitigation"] == mitigation].set_index(keys)
    sums = pd.DataFrame(
        {
            "won": after["accuracy"] - plain["accuracy"],
            "lost": plain["software_accuracy"] - plain["accuracy"],
        }
    )
    over = "experiment" if recovery["experiment"].nunique() >= 3 else "seed"
    each = sums.groupby(over).sum()
    return mean_interval(100 * each["won"] / each["lost"], confidence)


def _by_size(claim: Claim) -> list[str]:
    """The verdicts at the crossbar sizes, where they are not all that of the claim."""
    sizes = _sizes(claim)
    return [f"by crossbar size: {_each(sizes)}"] if set(sizes) - {claim.overall} else []


def _by_scheme(claim: Claim) -> list[str]:
    """The verdicts of C2 at the largest crossbars, where the schemes of one network disagree."""
    rows = [row for row in claim.verdicts if row.counted and row.crossbar_size] if claim.id == "C2" else []
    size = max((row.crossbar_size or 0 for row in rows), default=0)
    found: dict[Outcome, list[str]] = {}
    for row in rows:
        if row.crossbar_size == size:
            found.setdefault(row.verdict, []).append(SCHEME_NAMES.get(row.scheme or "", row.scheme or ""))
    one = len({row.experiment for row in rows}) == 1
    return [f"at {square(size)} by scheme: {_each(found)}"] if one and len(found) > 1 else []


def _each(found: Mapping[Outcome, Sequence[str]]) -> str:
    return ", ".join(f"{join(names)} {verdict}" for verdict, names in found.items())


def _by_gain(report: ClaimReport, claim: Claim) -> list[str]:
    """At which gain modes of the readout C2 has another verdict than at the report's own, on the same comparisons."""
    known = {claim.overall, "not testable", *(one.verdict for one in report.conventions if one.chosen)}
    found: dict[Outcome, list[str]] = {}
    for one in report.conventions if claim.id == "C2" else ():
        if one.verdict not in known:
            found.setdefault(one.verdict, []).append(one.gain)
    return [f"{verdict} {_gains(names)}" for verdict, names in found.items()]


def _gains(names: Sequence[str]) -> str:
    """Gain modes in a few words: ``with no gain or a gain per tile or column``."""
    told = ["no gain"] if "none" in names else []
    told += [f"a gain per {' or '.join(own)}"] if (own := [name for name in names if name != "none"]) else []
    return f"with {' or '.join(told)}"


def _sizes(claim: Claim) -> dict[Outcome, list[str]]:
    """The crossbar sizes by their verdict, of what the claim is about."""
    found: dict[Outcome, list[str]] = {}
    for row in claim.levels:
        if row.level == "size" and row.mitigation == claim.tops()[0].mitigation and row.crossbar_size:
            found.setdefault(row.verdict, []).append(square(row.crossbar_size))
    return found


def _counts(claim_id: str, reports: Mapping[str, ClaimReport]) -> str:
    """How many of the reports reach which verdict, the verdict of the first one first."""
    verdicts = [
        claim.overall for report in reports.values() for claim in report.claims if claim.id == claim_id
    ]
    if len(set(verdicts)) == 1:
        return f"the same in all {len(verdicts)} reports"
    return f"of {len(verdicts)} reports {', '.join(f'{n} {verdict}' for verdict, n in Counter(verdicts).items())}"
