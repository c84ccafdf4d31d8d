"""What compression saves in energy, where it goes, what accuracy it buys, and how many bits the converters need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import MAPPED, SCHEME_NAMES, present, sizes
from xbarpaper.figures.panels import accuracy_axis, at, bar_words, means, name_axes, points, span_words
from xbarpaper.figures.style import (
    MITIGATION_NAMES,
    SCHEME_COLOURS,
    SCHEME_MARKERS,
    ArtifactFigure,
    panel_grid,
    shared_legend,
)
from xbarpaper.params import SCHEMES, HardwareCosts, Periphery
from xbarpaper.params.names import ADC_TITLES
from xbarpaper.support.words import square

# From dark to light, so that neighbours differ in lightness, whatever the eye makes of their hues.
_PARTS: Final = {
    "adc": ("#10263c", "converters"),
    "driver": ("#2f6ea5", "row drivers"),
    "array": ("#86b5dc", "array (circuit)"),
    "digital": ("#d4e4f3", "shift, hold, add"),
    "memory": ("#f5e0c3", "buffers and wires"),
}
_COUNTED: Final = {"used": "empty columns skipped", "all": "all columns converted"}
_MITIGATION_LOOKS: Final = {"none": ("o", True), "R": ("s", False), "WCT": ("^", False), "PC": ("D", False)}
"""Marker, and whether it is hollow."""


def energy_saved(energy: pd.DataFrame, labels: Labels, settings: HardwareCosts) -> ArtifactFigure:
    """Energy ratio without mitigation against compression rate, a panel for each way of counting columns.

    Marks are for the converter of the profile; lines reach over all converters.
    """
    shown = energy[(energy["mitigation"] == "none") & (energy["scheme"] != "unpruned")]
    counted = [name for name in _COUNTED if name in set(shown["columns"])]
    figure, panels = panel_grid(counted, 2.6)
    every = sizes(shown)
    for name, panel in panels.items():
        panel.set_title(_COUNTED[name])
        for _, rows in shown[shown["columns"] == name].groupby(MAPPED, sort=False):
            scheme, size = str(rows["scheme"].iloc[0]), int(rows["crossbar_size"].iloc[0])
            rate, rank = float(rows["compression_rate"].iloc[0]), every.index(size)
            own = rows.loc[rows["adc"] == settings.adc, "energy_ratio"]
            colour = SCHEME_COLOURS[scheme]
            ratios, label = rows["energy_ratio"], SCHEME_NAMES[scheme] if rank == 0 else "_"
            panel.vlines(rate, ratios.min(), ratios.max(), color=colour, linewidth=1)
            marker, area = SCHEME_MARKERS[scheme], 3 + 1.6 * rank
            panel.plot([rate], own, marker, color=colour, markersize=area, label=label)
        most = 1.08 * float(shown[["compression_rate", "energy_ratio"]].to_numpy().max())
        for rank, size in enumerate(every):
            panel.plot([], [], "o", color="0.3", markersize=3 + 1.6 * rank, label=square(size))
        panel.plot([0, most], [0, most], color="0.4", linewidth=0.8, linestyle="--", label="equal")
        panel.set_xlim(0, most)
        panel.set_ylim(0, most)
    name_axes(panels.values(), x="compression rate (×)", y="energy saved (×)")
    shared_legend(figure, columns=4)
    figure.heading = "What a compression rate saves in energy"
    told = span_words(shown[shown["columns"] == "used"], "energy_ratio")
    figure.caption = (
        f"{labels.subject(shown)}: energy of one image on the unpruned network divided by that on the pruned one, at one "
        f"crossbar size, against the crossbars' compression rate, {_circumstances(settings)}; lines: the same with the "
        f"converters of {shown['adc'].nunique()} sources. Calculated. Empty columns skipped: {told}."
    )
    return figure


def energy_shares(energy: pd.DataFrame, labels: Labels, settings: HardwareCosts) -> ArtifactFigure:
    """Shares of the energy of one image, stacked, a panel for each crossbar size.

    Shown are rows without mitigation, of the profile's converter and columns.
    """
    shown = _chosen(energy, settings)
    shown = shown[shown["mitigation"] == "none"]
    schemes, every = present(SCHEMES, list(shown["scheme"])), sizes(shown)
    figure, panels = panel_grid(every, 3.0, columns=3)
    columns = [*(f"{part}_uj" for part in _PARTS), "energy_uj"]
    for size, panel in panels.items():
        panel.set_title(square(size))
        mean = shown[shown["crossbar_size"] == size].groupby("scheme")[columns].mean().loc[schemes]
        bottom = np.zeros(len(schemes))
        for part, (colour, name) in _PARTS.items():
            height = (100 * mean[f"{part}_uj"] / mean["energy_uj"]).to_numpy()
            panel.bar(
                range(len(schemes)), height, 0.7, bottom=bottom, color=colour, edgecolor="0.2", label=name
            )
            bottom += height
        names = [f"{SCHEME_NAMES[str(name)]} {spent:.3g} µJ" for name, spent in mean["energy_uj"].items()]
        panel.set_xticks(range(len(schemes)), names, rotation=90)
        panel.set_ylim(0, 100)
        panel.grid(visible=False, axis="x")
    name_axes(panels.values(), x="", y="share of the energy (%)")
    shared_legend(figure, columns=3)
    figure.heading = "Where the energy goes"
    share = 100 * shown["adc_share"]
    others = energy.loc[
        (energy["mitigation"] == "none") & (energy["columns"] == settings.columns), "adc_share"
    ]
    figure.caption = (
        f"{labels.subject(shown)}: energy of one image, {_circumstances(settings)}, {_COUNTED[settings.columns]}. "
        f"The converters take {share.min():.0f} to {share.max():.0f} %; with the converters of other sources "
        f"{100 * others.min():.0f} to {100 * others.max():.0f} %. The array's part is the power of the supplies in the "
        "solved circuits. Calculated; controllers, traffic off the chip and leakage are left out."
    )
    return figure


def accuracy_against_energy(
    accuracies: Sequence[pd.DataFrame], energy: pd.DataFrame, labels: Labels, settings: HardwareCosts
) -> ArtifactFigure:
    """Accuracy on crossbars, networks in the order of energy per image, mitigations side by side, a panel for each size.

    Args:
        accuracies: the tables of evaluations and of further mitigations; the first that has a row counts.
        energy: rows of the profile's converter and columns are shown.
        labels: words of the profile.
        settings: of the costs.
    """
    cost = _chosen(energy, settings)
    keys = [*MAPPED, "mitigation"]
    both = [one[one["effects"] == "both"] if "effects" in one else one for one in accuracies]
    columns = [*keys, "dataset", "gain", "seed", "accuracy"]
    together = pd.concat([one[columns] for one in both if len(one)], ignore_index=True)
    chosen = together[
        (together["gain"] == labels.gain) & together["experiment"].isin(cost["experiment"].unique())
    ]
    chosen = chosen[chosen["mitigation"].isin(cost["mitigation"].unique())].drop_duplicates([*keys, "seed"])
    found = means(chosen, keys, "accuracy", labels)
    spent = labels.pooled(cost).groupby(keys)["energy_uj"].mean().rename("energy_uj").reset_index()
    found = found.merge(spent, on=keys)
    mitigations = present(tuple(_MITIGATION_LOOKS), list(found["mitigation"]))
    experiments = list(found["experiment"].unique())
    places = [(experiment, size) for size in sizes(found) for experiment in experiments]
    figure, panels = panel_grid(places, 2.5, columns=1)
    for (experiment, size), panel in panels.items():
        network = f"{labels.networks[experiment]}, " if len(experiments) > 1 else ""
        panel.set_title(network + square(size))
        rows = at(found, (experiment, size))
        networks = rows.groupby("scheme")["energy_uj"].mean().sort_values()
        for place, scheme in enumerate(map(str, networks.index)):
            own = rows[rows["scheme"] == scheme]
            for mitigation, one in own.groupby("mitigation"):
                marker, hollow = _MITIGATION_LOOKS[str(mitigation)]
                aside = 0.18 * (mitigations.index(str(mitigation)) - (len(mitigations) - 1) / 2)
                points(
                    panel, [place + aside], one, colour=SCHEME_COLOURS[scheme], marker=marker, label="_",
                    hollow=hollow, size=4,
                )  # fmt: skip
        names = [f"{SCHEME_NAMES[str(scheme)]}\n{spent:.3g}" for scheme, spent in networks.items()]
        panel.set_xticks(range(len(networks)), names)
        panel.set_xlim(-0.5, len(networks) - 0.5)
        panel.grid(visible=False, axis="x")
    accuracy_axis(panels.values())
    for name in mitigations:
        marker, hollow = _MITIGATION_LOOKS[name]
        figure.axes[0].plot(
            [], [], marker, color="0.3", markerfacecolor="white" if hollow else "0.3", label=MITIGATION_NAMES[name]
        )  # fmt: skip
    name_axes(panels.values(), x="network, and its energy per image (µJ)", y="test accuracy (%)")
    shared_legend(figure, columns=4)
    figure.heading = "Accuracy against energy"
    best = found.sort_values("mean").iloc[-1]
    figure.caption = (
        f"{labels.subject(chosen)}: mean test accuracy on crossbars, wires and variation acting, of networks in the "
        f"order of their energy for one image, {_circumstances(settings)}, {_COUNTED[settings.columns]}. A mitigation "
        f"changes a network's energy by {_moved(found)} at most, as only the array's part changes. The highest mean: "
        f"{best['mean']:.1f} % ({SCHEME_NAMES[best['scheme']]}, {square(int(best['crossbar_size']))}, "
        f"{MITIGATION_NAMES[best['mitigation']]}, {best['energy_uj']:.2f} µJ). {bar_words(chosen, labels)}"
    )
    return figure


def _chosen(energy: pd.DataFrame, settings: HardwareCosts) -> pd.DataFrame:
    return energy[(energy["adc"] == settings.adc) & (energy["columns"] == settings.columns)]


def _moved(found: pd.DataFrame) -> str:
    """The largest change of a network's energy by a mitigation."""
    of_one = found.groupby(MAPPED)["energy_uj"].agg(["min", "max"])
    return f"{100 * float((of_one['max'] / of_one['min'] - 1).max()):.2g} %"


def accuracy_by_bits(table: pd.DataFrame, labels: Labels, settings: Periphery) -> ArtifactFigure:
    """Accuracy on the crossbars against the bits of a conversion, a line per scheme, a panel per crossbar size.

    Trainings are averaged.
    """
    figure, panels = panel_grid(sizes(table), 2.3)
    average = table.groupby(["crossbar_size", "scheme", "adc_bits"])["accuracy"].mean()
    widths = sorted(int(bits) for bits in table["adc_bits"].unique() if bits)
    schemes = present(SCHEMES, list(table["scheme"]))
    for size, panel in panels.items():
        panel.set_title(square(size))
        for scheme in schemes:
            own = average.loc[size, scheme]
            panel.axhline(own[0], color=SCHEME_COLOURS[scheme], linestyle=":", linewidth=0.9)
            panel.plot(
                widths, own[widths], SCHEME_MARKERS[scheme] + "-", color=SCHEME_COLOURS[scheme],
                markersize=3.5, label=SCHEME_NAMES[scheme],
            )  # fmt: skip
        panel.plot([], [], ":", color="0.3", label="ideal converters")
        panel.set_xticks(widths)
        panel.set_ylim(0, 100)
    name_axes(panels.values(), x="conversion (bits)", y="test accuracy (%)")
    shared_legend(figure, columns=3)
    figure.heading = "How many bits the converters need"
    inputs = (
        f"{settings.input_bits} input bits, {settings.dac_bits} at a time"
        if settings.input_bits
        else "analog inputs"
    )
    figure.caption = (
        f"{labels.subject(table)}: accuracy on {int(table['images'].iloc[0])} test images, wires and one draw of device "
        f"variation acting, {inputs}, {_weights(settings)}; every column of every crossbar is converted in each read, "
        f"in a range set for each {settings.range_scope} from training images (quantile {settings.range_quantile:g} of "
        "its currents). Dotted: the same with ideal converters."
    )
    return figure


def _weights(settings: HardwareCosts | Periphery) -> str:
    slices = settings.weight_slices
    return "analog weights" if slices == 1 else f"{slices} slices of a weight"


def _circumstances(settings: HardwareCosts) -> str:
    return (
        f"{settings.input_bits} input bits one after another, {_weights(settings)}, conversions of "
        f"{settings.adc_bits} bits (converter: {ADC_TITLES.get(settings.adc, settings.adc)})"
    )
