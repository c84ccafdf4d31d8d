"""C2, C3 and C4: what pruning costs on crossbars, and what R and WCT give back, paired by variation seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from xbarpaper.claims.judging import (
    RULE,
    Claim,
    Outcome,
    Verdict,
    conclude,
    corrected,
    effect_words,
    judge,
    p_words,
    with_summary,
)
from xbarpaper.params import Params
from xbarpaper.statistics import Effect, paired_effect

TEXTS: Final = {
    "C2": (
        "Mapped onto non-ideal crossbars, highly sparse networks lose more accuracy than the unpruned ones."
    ),
    "C3": "Crossbar column rearrangement (R), at mapping time and without training, reduces that loss.",
    "C4": "Weight-Constrained-Training (WCT) reduces that loss.",
}
_DEVICES = "points, paired by variation seed"
RULES: Final = {
    "C2": (
        "Effect: accuracy lost on the crossbars (software minus crossbar accuracy) by the pruned network, "
        f"minus that lost by the unpruned one, {_DEVICES}, without mitigation. {RULE}"
    ),
    "C3": (
        f"Effect: accuracy on the crossbars with R minus that without, {_DEVICES}: R against none, and "
        f"R+WCT against WCT. The overall verdict counts R against none. {RULE}"
    ),
    "C4": (
        f"Effect: accuracy on the crossbars with WCT minus that without, {_DEVICES}: WCT against none, and "
        "R+WCT against R. The overall verdict counts WCT against none. WCT trains on, which may raise the "
        "software accuracy by itself, so supported also needs the mean loss, each against its own "
        f"network's software accuracy, to fall; otherwise undecided. {RULE}"
    ),
}
# What each mitigation is compared with: the same without R (C3), the same without WCT (C4).
BASELINES: Final = {"C3": {"R": "none", "R+WCT": "WCT"}, "C4": {"WCT": "none", "R+WCT": "R"}}


@dataclass(frozen=True)
class Pairs:
    """Accuracies of two conditions on the same devices, one pair per variation seed, percent."""

    experiment: str
    network: str
    dataset: str
    crossbar_size: int
    scheme: str
    mitigation: str
    baseline: str
    accuracy_after: np.ndarray
    accuracy_before: np.ndarray
    software_after: float
    software_before: float

    @property
    def gained(self) -> np.ndarray:
        """Accuracy after minus before, points."""
        return np.asarray(self.accuracy_after - self.accuracy_before)

    @property
    def loss_reduced(self) -> np.ndarray:
        """Loss before minus loss after, each against its own software accuracy, points."""
        return np.asarray(self.gained - (self.software_after - self.software_before))


def mitigation_pairs(table: pd.DataFrame, mitigation: str, baseline: str) -> list[Pairs]:
    """Pairs of a mitigation and its baseline for every experiment, crossbar size and scheme that has both."""
    after, before = (table[table["mitigation"] == name] for name in (mitigation, baseline))
    return _pairs(after, before, ["experiment", "dataset", "network", "crossbar_size", "scheme"], baseline)


def pruning_pairs(table: pd.DataFrame) -> list[Pairs]:
    """Pairs of each pruned network and the unpruned one, without mitigation."""
    plain = table[table["mitigation"] == "none"]
    pruned, unpruned = plain[plain["scheme"] != "unpruned"], plain[plain["scheme"] == "unpruned"]
    return _pairs(pruned, unpruned, ["experiment", "dataset", "network", "crossbar_size"], "unpruned")


def _pairs(after: pd.DataFrame, before: pd.DataFrame, by: list[str], baseline: str) -> list[Pairs]:
    values = ["accuracy", "software_accuracy"]
    joined = after.merge(before[[*by, "seed", *values]], on=[*by, "seed"], suffixes=("", "_before"))
    keys = ["experiment", "crossbar_size", "scheme", "mitigation"]
    return [_pair(group, baseline) for _, group in joined.groupby(keys, sort=False)]


def _pair(group: pd.DataFrame, baseline: str) -> Pairs:
    first = group.iloc[0]
    return Pairs(
        experiment=str(first["experiment"]),
        network=str(first["network"]),
        dataset=str(first["dataset"]),
        crossbar_size=int(first["crossbar_size"]),
        scheme=str(first["scheme"]),
        mitigation=str(first["mitigation"]),
        baseline=baseline,
        accuracy_after=group["accuracy"].to_numpy(dtype=float),
        accuracy_before=group["accuracy_before"].to_numpy(dtype=float),
        software_after=float(group["software_accuracy"].mean()),
        software_before=float(group["software_accuracy_before"].mean()),
    )


def compared_rows(evaluation: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The rows that claims compare: both effects, at the readout's gain."""
    return evaluation[(evaluation["effects"] == "both") & (evaluation["gain"] == params.readout.gain)]


def effect_of(sample: np.ndarray, params: Params) -> Effect:
    """``paired_effect`` at the profile's confidence, resamples and seed."""
    claims = params.claims
    return paired_effect(sample, claims.confidence, resamples=claims.bootstrap_resamples, seed=claims.seed)


def pruning_costs(evaluation: pd.DataFrame, params: Params) -> Claim:
    """Test C2 by ``RULES``, for every pruned network and crossbar size."""
    pairs = pruning_pairs(compared_rows(evaluation, params))
    # A pruned network that loses more has a negative "loss reduced" against the unpruned one.
    effects = [effect_of(-pair.loss_reduced, params) for pair in pairs]
    verdicts = []
    for pair, effect, p in zip(pairs, effects, corrected(effects, ["C2"] * len(effects)), strict=True):
        verdict = _verdict(pair, effect, p, judge(effect, p, params.claims.confidence), "points of loss")
        pruned, unpruned = (
            pair.software_after - pair.accuracy_after.mean(),
            pair.software_before - pair.accuracy_before.mean(),
        )
        verdicts.append(
            with_summary(
                verdict,
                f"{verdict.place}: loses {pruned:.2f} points on the crossbars, unpruned {unpruned:.2f}; "
                f"difference {effect_words(effect, params.claims.confidence)}, corrected {p_words(p)}: "
                f"{verdict.verdict}.",
            )
        )
    return conclude("C2", TEXTS["C2"], RULES["C2"], verdicts, main=["none"])


def mitigation_helps(identity: str, evaluation: pd.DataFrame, params: Params) -> Claim:
    """Test C3 (R) or C4 (WCT) by ``RULES``, for every network, crossbar size and scheme.

    Args:
        identity: ``C3`` or ``C4``.
        evaluation: the tidy table of evaluations.
        params: the profile.
    """
    table = compared_rows(evaluation, params)
    baselines = BASELINES[identity]
    pairs = [pair for name, baseline in baselines.items() for pair in mitigation_pairs(table, name, baseline)]
    effects = [effect_of(pair.gained, params) for pair in pairs]
    losses = [effect_of(pair.loss_reduced, params) for pair in pairs]
    families = corrected(effects, [pair.mitigation for pair in pairs])
    verdicts = [
        _mitigated(identity, *members, params)
        for members in zip(pairs, effects, losses, families, strict=True)
    ]
    disagree = [
        pair for pair, effect, loss in zip(pairs, effects, losses, strict=True) if _opposed(effect, loss)
    ]
    note = (
        f"In {len(disagree)} of {len(pairs)} the accuracy rises but the loss against the network's own "
        "software accuracy does not fall: there the gain may come from training on."
    )
    main = [name for name, baseline in baselines.items() if baseline == "none"]
    return conclude(
        identity, TEXTS[identity], RULES[identity], verdicts, main=main, notes=[note] if disagree else []
    )


def _mitigated(
    identity: str, pair: Pairs, effect: Effect, loss: Effect, p: float | None, params: Params
) -> Verdict:
    outcome = judge(effect, p, params.claims.confidence)
    opposed = identity == "C4" and _opposed(effect, loss)
    if opposed and outcome == "supported":
        outcome = "undecided"
    verdict = _verdict(pair, effect, p, outcome, "points", loss)
    confidence = params.claims.confidence
    sentence = (
        f"{verdict.place}: {pair.mitigation} changes the accuracy on the crossbars from "
        f"{pair.accuracy_before.mean():.2f} % ({pair.baseline}) to {pair.accuracy_after.mean():.2f} %, "
        f"{effect_words(effect, confidence)}, corrected {p_words(p)}: {outcome}."
    )
    if identity == "C4":
        sentence += (
            f" Software accuracy went from {pair.software_before:.2f} to {pair.software_after:.2f} %; "
            f"against its own software accuracy, the loss is reduced by {effect_words(loss, confidence)}"
            + (", so the two measures disagree." if opposed else ".")
        )
    return with_summary(verdict, sentence)


def _opposed(effect: Effect, loss: Effect) -> bool:
    """Does the accuracy rise without the loss falling?"""
    return effect.effect > 0 and loss.effect <= 0


def _verdict(
    pair: Pairs, effect: Effect, p_holm: float | None, outcome: Outcome, unit: str, loss: Effect | None = None
) -> Verdict:
    return Verdict(
        experiment=pair.experiment,
        network=pair.network,
        dataset=pair.dataset,
        crossbar_size=pair.crossbar_size,
        scheme=pair.scheme,
        mitigation=pair.mitigation,
        verdict=outcome,
        effect=effect.effect,
        low=effect.low,
        high=effect.high,
        p=effect.p,
        p_holm=p_holm,
        n=effect.n,
        unit=unit,
        summary="",
        details={
            "baseline": pair.baseline,
            "bootstrap_low": effect.bootstrap_low,
            "bootstrap_high": effect.bootstrap_high,
            "sign_flip_p": effect.sign_flip_p,
            "loss_reduced": None if loss is None else loss.effect,
            "loss_reduced_low": None if loss is None else loss.low,
            "loss_reduced_high": None if loss is None else loss.high,
        },
    )
