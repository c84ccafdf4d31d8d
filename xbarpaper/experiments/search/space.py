"""The settings of R and WCT that are compared: every combination that the section ``search`` names."""

from __future__ import annotations

from itertools import product
from typing import Final

from xbarpaper.mitigation import NONE, Mitigation, Rearranged, TrainingUnderLimits
from xbarpaper.params import Params, Rearrange, Wct
from xbarpaper.support.words import count

UNMOVED: Final = "unmoved"
UNLIMITED: Final = "unlimited"
Settings = Rearrange | Wct


def rearrangements(params: Params) -> list[Rearrange]:
    """The settings of R: first the profile's own, last ranges for each crossbar where no column moves."""
    search = params.search
    every = product(search.keys, search.orders, search.groupings, search.scopes, search.arrays, search.ranges)
    found = [
        Rearrange(key=key, order=order, grouping=grouping, scope=scope, arrays=arrays, range=own)
        for key, order, grouping, scope, arrays, own in every
        if order != "none" and not (arrays == "signs" and own == "crossbar")
    ]
    alone = [Rearrange(order="none", range=own) for own in search.ranges if own != "layer"]
    return list(dict.fromkeys([params.rearrange, *found, *alone]))


def trainings(params: Params) -> list[Wct]:
    """The settings of WCT: the profile's own, other limits, none but the largest |w|, and rounds."""
    search, own = params.search, params.wct
    cuts, rate = (*search.cut_quantiles, 1.0), search.rounds_learning_rate
    found = [own.model_copy(update={"cut_quantile": cut, "rounds": 0}) for cut in cuts]
    found += [
        Wct(cut_quantile=own.cut_quantile, epochs=1, learning_rate=rate, rounds=one) for one in search.rounds
    ]
    return list(dict.fromkeys([own, *_in_ranges(found, params)]))


def refined(params: Params, best: Wct) -> list[Wct]:
    """The settings of the best limit with other epochs and learning rates, and in other ranges of the devices."""
    search = params.search
    found = [
        best.model_copy(update={"epochs": epochs, "learning_rate": rate})
        for epochs, rate in product(search.epochs, search.learning_rates)
        if not best.rounds
    ]
    return [one for one in _in_ranges(found, params) if one not in trainings(params)]


def _in_ranges(settings: list[Wct], params: Params) -> list[Wct]:
    ranges = params.search.wct_ranges
    return [one.model_copy(update={"range": own}) for one in settings for own in ranges]


def mitigation_of(settings: Settings) -> Mitigation:
    """R or WCT with these settings, named after them; trainings that differ in the range alone share their files."""
    if isinstance(settings, Rearrange):
        return Mitigation(f"R: {words_of(settings)}", arranges=Rearranged(settings))
    told = (settings.cut_quantile, settings.epochs, settings.learning_rate, settings.rounds)
    part = TrainingUnderLimits(settings, name="wct-" + "-".join(f"{one:g}" for one in told), has_stage=False)
    return Mitigation(f"WCT: {words_of(settings)}", trains=part)


def words_of(settings: Settings) -> str:
    """What tables call the settings."""
    if isinstance(settings, Rearrange):
        own_range = ["w_max of each crossbar"] if settings.range == "crossbar" else []
        if settings.order == "none":
            return ", ".join(["no column moves", *own_range])
        own_order = ["an order for each sign"] if settings.arrays == "signs" else []
        told = [settings.key, settings.order, settings.grouping, f"per {settings.scope}"]
        return ", ".join([*told, *own_order, *own_range])
    if settings.rounds:
        trained = f"{count(settings.rounds, 'round')} of clipping, then Adam at {settings.learning_rate:g}"
    else:
        trained = f"{count(settings.epochs, 'epoch')} at {settings.learning_rate:g}"
    limit = f"{100 * settings.cut_quantile:g} % quantile" if settings.cut_quantile < 1 else "no limit"
    return f"{limit}, {settings.range} range, {trained}"


def tested(params: Params, best_r: Rearrange, best_wct: Wct) -> dict[str, tuple[str, Mitigation]]:
    """What is evaluated on the test set: the profile's settings and the best, and what tells their parts apart.

    Returns:
        The words and the object of each mitigation, by the name that tables call it: ``unmoved`` has the ranges of the
        best R and moves nothing, ``unlimited`` the training of the best WCT without its limit.
    """
    chosen: dict[str, Settings] = {"R": params.rearrange, "best R": best_r}
    if best_r.range != "layer":
        chosen[UNMOVED] = Rearrange(order="none", range=best_r.range)
    chosen |= {"WCT": params.wct, "best WCT": best_wct}
    chosen[UNLIMITED] = best_wct.model_copy(update={"cut_quantile": 1.0})
    found = {name: (words_of(settings), mitigation_of(settings)) for name, settings in chosen.items()}
    return {NONE.name: ("", NONE)} | found
