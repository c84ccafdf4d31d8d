"""How many bits the converters of each scheme need."""

from __future__ import annotations

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present, sizes
from xbarpaper.figures.panels import name_axes
from xbarpaper.figures.style import (
    SCHEME_COLOURS,
    SCHEME_MARKERS,
    ArtifactFigure,
    panel_grid,
    shared_legend,
)
from xbarpaper.params import SCHEMES, Periphery
from xbarpaper.support.words import square


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
    weights = (
        "analog weights" if settings.weight_slices == 1 else f"{settings.weight_slices} slices of a weight"
    )
    figure.caption = (
        f"{labels.subject(table)}: accuracy on {int(table['images'].iloc[0])} test images, wires and one draw of device "
        f"variation acting, {inputs}, {weights}; every column of every crossbar is converted in each read, in a range "
        f"set for each {settings.range_scope} from training images (quantile {settings.range_quantile:g} of its "
        "currents). Dotted: the same with ideal converters."
    )
    return figure
