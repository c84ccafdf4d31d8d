"""A1 to A4: whether crossbars protect from attacks on the images, and from whom.

PGD decides, averaged over its epsilons, by what is left of the accuracy. The adversarial loss stands beside: it falls
where a network has less accuracy to lose, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from xbarpaper.claims.effects import (
    COMPARISON,
    bounds_of,
    corrected_level,
    interval_words,
    replicates,
    trained_rows,
)  # fmt: skip
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.claims.rules import judge
from xbarpaper.claims.schema import Case, OwnClaim
from xbarpaper.claims.statements import Statement
from xbarpaper.params import Claims, Params
from xbarpaper.support.words import count, join, square

_NETWORK: Final = ["experiment", "dataset", "scheme", "crossbar_size"]
_REPLICATE: Final = [*COMPARISON, "training_seed", "seed"]
_UNITS: Final = {"training_seed": "training seed", "seed": "variation seed"}
_JOINT: Final = 4  # overall effects that share one error rate


def gained(table: pd.DataFrame, attack: str = "pgd") -> pd.DataFrame:
    """What crossbars add to the accuracy that an attack leaves in software, mean over epsilon.

    Args:
        table: the tidy table ``adversarial``.
        attack: fgsm or pgd.

    Returns:
        A row per network, attacker (SH, HH, chip) and chip: experiment, dataset, scheme, crossbar_size, attacker, seed,
        accuracy, clean_accuracy, accuracy_software, clean_accuracy_software (percent), effect (points).
    """
    own, values = table[table["attack"] == attack], ["accuracy", "clean_accuracy"]
    software = own[own["attacker"] == "SS"].groupby(_NETWORK, sort=False)[values].mean().reset_index()
    chips = own[own["attacker"] != "SS"].groupby([*_NETWORK, "attacker", "seed"], sort=False)[values].mean()
    both = chips.reset_index().merge(
        software, on=_NETWORK, suffixes=("", "_software"), validate="many_to_one"
    )
    return both.assign(effect=both["accuracy"] - both["accuracy_software"])


def adversarial_statements(
    texts: Mapping[str, Statement], table: pd.DataFrame, params: Params, chance: Mapping[str, float]
) -> list[OwnClaim]:
    """A1 to A4, each where the profile measured what it is about.

    Args:
        texts: the statements by id.
        table: the tidy table ``adversarial``.
        params: the profile.
        chance: dataset -> accuracy of guessing, percent.
    """
    labels, settings = Labels.of(params), params.claims
    rows = trained_rows(gained(table), params, labels)
    limits = rows["dataset"].map(chance) + settings.chance_distance_points
    rows = rows.assign(
        testable=rows.groupby([*COMPARISON, "attacker"])["clean_accuracy"].transform("mean") > limits
    )
    by = {str(name): own for name, own in rows.groupby("attacker", sort=False)}
    unknown, known = by["SH"], by["HH"]
    fgsm = gained(table, "fgsm")
    whose = "unpruned" if "unpruned" in set(fgsm["scheme"]) else "pruned"  # those that the verdict is about
    by_fgsm = (
        fgsm[(fgsm["scheme"] == "unpruned") == (whose == "unpruned")].groupby("attacker")["effect"].mean()
    )
    epsilons = join([f"{255 * value:.3g}" for value in sorted(table["epsilon"].unique())])
    changes = f"PGD, mean over largest changes of {epsilons} / 255"
    everywhere = f"{changes} and all networks"
    found = [
        _concluded(
            texts["A1"], _cases(unknown, labels, settings),
            f"{everywhere}: {_left(unknown)}. FGSM, {whose} networks: {by_fgsm['SH']:+.2f} points.",
        ),
        _concluded(
            texts["A2"], _cases(_against(unknown, "crossbar_size"), labels, settings),
            f"{everywhere}: {_by_size(unknown)}.",
        ),
        _concluded(
            texts["A3"], [*_cases(known, labels, settings), *_cases(by["chip"], labels, settings, ", chip known")],
            f"{everywhere}: {_left(known)}. Where the very chip is known: {_left(by['chip'])}. "
            f"FGSM, {whose} networks: {by_fgsm['HH']:+.2f} points, chip known {by_fgsm['chip']:+.2f}.",
        ),
        _concluded(
            texts["A4"], _cases(_against(unknown, "scheme"), labels, settings),
            f"{changes}, pruned networks against unpruned ones.",
        ),
    ]  # fmt: skip
    return [one for one in found if one is not None]


def _against(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """What the largest crossbars gain minus what the smallest do, or pruned networks minus the unpruned one.

    Args:
        rows: of one attacker.
        column: ``crossbar_size`` or ``scheme``.
    """
    smallest = rows["crossbar_size"].min() if column == "crossbar_size" else "unpruned"
    first = rows[rows[column] == smallest]
    others = rows[rows[column] != smallest]
    if column == "crossbar_size":
        others = rows[(rows[column] == rows[column].max()) & (rows[column] != smallest)]
    keys = [name for name in _REPLICATE if name != column]
    before = first[[*keys, "effect", "testable"]]
    both = others.merge(before, on=keys, suffixes=("", "_before"), validate="many_to_one")
    return both.assign(
        effect=both["effect"] - both["effect_before"], testable=both["testable"] & both["testable_before"]
    )


def _cases(rows: pd.DataFrame, labels: Labels, settings: Claims, beside: str = "") -> list[Case]:
    """The unpruned networks together, the pruned ones together, then each network on crossbars of each size."""
    plain = rows["scheme"] == "unpruned"
    joint = {"unpruned networks": rows[plain], "pruned networks": rows[~plain]}
    found = [_case(f"{name}{beside}", own, _JOINT, settings) for name, own in joint.items() if len(own)]
    groups = list(rows.groupby(COMPARISON, sort=False))
    for key, own in groups:
        experiment, size, scheme = str(key[0]), int(str(key[1])), str(key[2])
        what = f"{labels.trainings(experiment)}, {square(size)}, {SCHEME_NAMES[scheme]}{beside}"
        found.append(_case(what, own, len(groups), settings))
    return found


def _case(what: str, rows: pd.DataFrame, family: int, settings: Claims) -> Case:
    testable = rows[rows["testable"]]
    shown = testable if len(testable) else rows
    over, sample = replicates(shown[[*_REPLICATE, "effect"]], "seed")
    low, high = bounds_of(sample["effect"].to_numpy(), corrected_level(settings, family))
    verdict = judge(low, high, settings.equivalence_points)
    if not len(testable):
        verdict, low, high = "not testable", None, None
    effect = float(sample["effect"].mean())
    return Case(
        what=what, verdict=verdict, effect=effect, low=low, high=high, unit="points",
        over=count(len(sample), _UNITS[over]),
    )  # fmt: skip


def _concluded(statement: Statement, cases: Sequence[Case], summary: str) -> OwnClaim | None:
    """The first case decides; None where there is none."""
    if not cases:
        return None
    told = [
        f"{case.what.capitalize()}: {interval_words(case.effect or 0.0, case.low, case.high)}, {case.over}: "
        f"{case.verdict}."
        for case in cases
        if case.what.startswith(("unpruned", "pruned"))
    ]
    return OwnClaim(
        id=statement.id, text=statement.text, rule=statement.rule, overall=cases[0].verdict,
        summary=" ".join([summary, *told]), cases=list(cases),
    )  # fmt: skip


def _left(rows: pd.DataFrame) -> str:
    """Accuracy left and adversarial loss, in software and on crossbars, mean over all networks."""
    mean = rows[["accuracy", "clean_accuracy", "accuracy_software", "clean_accuracy_software"]].mean()
    lost = mean["clean_accuracy"] - mean["accuracy"]
    lost_software = mean["clean_accuracy_software"] - mean["accuracy_software"]
    return (
        f"{mean['accuracy_software']:.1f} % left in software, {mean['accuracy']:.1f} % on crossbars; adversarial loss "
        f"{lost_software:.1f} and {lost:.1f} points"
    )


def _by_size(rows: pd.DataFrame) -> str:
    by_size = rows.groupby("crossbar_size")["effect"].mean()
    return "gained " + join(
        [f"{value:+.1f} points at {square(int(str(size)))}" for size, value in by_size.items()]
    )
