"""A1 to A4: whether crossbars protect from attacks on the images, and from whom.

PGD decides, averaged over its epsilons, by what is left of the accuracy. The adversarial loss stands beside: it falls
where a network has less accuracy to lose, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd

from xbarpaper.claims.context import Context
from xbarpaper.claims.effects import COMPARISON, Place, Question, interval_words, tested
from xbarpaper.claims.schema import Case, OwnClaim
from xbarpaper.support.words import join, square

_NETWORK: Final = ["experiment", "dataset", "scheme", "crossbar_size"]
_REPLICATE: Final = [*COMPARISON, "training_seed", "seed"]
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


def adversarial_statements(context: Context, table: pd.DataFrame) -> list[OwnClaim]:
    """A1 to A4 on the tidy table ``adversarial``, each where it has what the statement is about."""
    if table.empty:
        return []
    rows = context.trained_rows(gained(table))
    clean = rows.groupby([*COMPARISON, "attacker"])["clean_accuracy"].transform("mean")
    rows = rows.assign(testable=clean > context.limits(rows))
    by = {str(name): own for name, own in rows.groupby("attacker", sort=False)}
    unknown, known = by["SH"], by["HH"]
    fgsm = gained(table, "fgsm")
    whose = "unpruned" if "unpruned" in set(fgsm["scheme"]) else "pruned"  # those that the verdict is about
    fgsm = fgsm[(fgsm["scheme"] == "unpruned") == (whose == "unpruned")]
    by_fgsm = fgsm.groupby("attacker")["effect"].mean()
    epsilons = join([f"{255 * value:.3g}" for value in sorted(table["epsilon"].unique())])
    changes = f"PGD, mean over largest changes of {epsilons} / 255"
    everywhere = f"{changes} and all networks"
    found = {
        "A1": (_cases(context, unknown),
               f"{everywhere}: {_left(unknown)}. FGSM, {whose} networks: {by_fgsm['SH']:+.2f} points."),
        "A2": (_cases(context, _against(unknown, "crossbar_size")), f"{everywhere}: {_by_size(unknown)}."),
        "A3": ([*_cases(context, known), *_cases(context, by["chip"], ", chip known")],
               f"{everywhere}: {_left(known)}. Where the very chip is known: {_left(by['chip'])}. "
               f"FGSM, {whose} networks: {by_fgsm['HH']:+.2f} points, chip known {by_fgsm['chip']:+.2f}."),
        "A4": (_cases(context, _against(unknown, "scheme")), f"{changes}, pruned networks against unpruned ones."),
    }  # fmt: skip
    return [
        OwnClaim.of(context.texts[identity], cases[0].verdict, " ".join([summary, *_joint_words(cases)]), cases)
        for identity, (cases, summary) in found.items()
        if cases
    ]  # fmt: skip


def _against(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """What the largest crossbars gain minus what the smallest do, or pruned networks minus the unpruned one.

    Args:
        rows: of one attacker.
        column: ``crossbar_size`` or ``scheme``.
    """
    smallest = rows["crossbar_size"].min() if column == "crossbar_size" else "unpruned"
    first, others = rows[rows[column] == smallest], rows[rows[column] != smallest]
    if column == "crossbar_size":
        others = others[others[column] == rows[column].max()]
    keys = [name for name in _REPLICATE if name != column]
    before = first[[*keys, "effect", "testable"]]
    both = others.merge(before, on=keys, suffixes=("", "_before"), validate="many_to_one")
    testable = both["testable"] & both["testable_before"]
    return both.assign(effect=both["effect"] - both["effect_before"], testable=testable)


def _cases(context: Context, rows: pd.DataFrame, beside: str = "") -> list[Case]:
    """The unpruned networks together, the pruned ones together, then each network on crossbars of each size."""
    plain = rows["scheme"] == "unpruned"
    joint = {"unpruned networks": rows[plain], "pruned networks": rows[~plain]}
    found = [
        _case(context, name + beside, Place("overall", own, _JOINT))
        for name, own in joint.items()
        if len(own)
    ]
    groups = list(rows.groupby(COMPARISON, sort=False))
    for key, own in groups:
        place = Place("comparison", own, len(groups), str(key[0]), int(str(key[1])), str(key[2]))
        found.append(_case(context, place.words(context.labels) + beside, place))
    return found


def _case(context: Context, what: str, place: Place) -> Case:
    testable = place.rows[place.rows["testable"]]
    shown = (testable if len(testable) else place.rows)[[*_REPLICATE, "effect", "testable"]]
    question = Question("", "", shown, margin=context.settings.equivalence_points)
    return tested(question, replace(place, rows=shown), context.settings).case(what)


def _joint_words(cases: list[Case]) -> list[str]:
    """The verdicts on unpruned and on pruned networks, a sentence for each."""
    return [
        f"{case.what.capitalize()}: {interval_words(case.effect or 0.0, case.low, case.high)}, {case.over}: "
        f"{case.verdict}."
        for case in cases
        if case.what.startswith(("unpruned", "pruned"))
    ]


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
