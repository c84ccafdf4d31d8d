"""What attacks on the images leave of the accuracy, by how far they may change a pixel and what the attacker knows."""

from __future__ import annotations

from typing import Final

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import MAPPED, SCHEME_NAMES, present
from xbarpaper.figures.panels import bar_words, means, name_axes, points
from xbarpaper.figures.style import BLUE, PURPLE, VERMILION, ArtifactFigure, panel_grid, shared_legend
from xbarpaper.support.words import join, square

_LOOKS: Final = {"SS": ("#333333", "o"), "SH": (BLUE, "s"), "HH": (VERMILION, "^"), "chip": (PURPLE, "D")}
_WORDS: Final = {
    "SS": "SS: software attacked",
    "SH": "SH: its images, on crossbars",
    "HH": "HH: chips of the attacker",
    "chip": "chip: the very chip is known",
}
_INCHES: Final = 4.8  # of all panels and the legend together, at most


def adversarial_accuracy(table: pd.DataFrame, labels: Labels, attack: str) -> ArtifactFigure:
    """Accuracy against epsilon, a line for each attacker, a panel for each scheme and crossbar size.

    The attack is by gradients, ``fgsm`` or ``pgd``; the one without stands beside PGD.
    """
    own = table[table["attack"] == attack]
    clean = own.drop_duplicates([*MAPPED, "attacker", "seed"])
    clean = clean.assign(epsilon=0.0, accuracy=clean["clean_accuracy"])
    found = means(pd.concat([clean, own]), [*MAPPED, "attacker", "epsilon"], "accuracy", labels)
    asked = table[(table["attack"] == "square") & (attack == "pgd")]
    places = list(found[MAPPED].drop_duplicates().itertuples(index=False, name=None))
    networks, changes = found["experiment"].nunique(), sorted(found["epsilon"].unique())
    figure, panels = panel_grid(places, min(2.0, _INCHES / ((len(places) + 1) // 2)))
    for (experiment, scheme, size), panel in panels.items():
        title = f"{SCHEME_NAMES[scheme]}, {square(int(size))}"
        panel.set_title(title if networks == 1 else f"{labels.networks[experiment]}\n{title}")
        for attacker in present(tuple(_LOOKS), list(found["attacker"])):
            colour, marker = _LOOKS[attacker]
            rows, crosses = (
                _at(one, experiment, scheme, size, attacker) for one in (found, labels.pooled(asked))
            )
            points(panel, rows["epsilon"].map(changes.index), rows, colour=colour, marker=marker, label=_WORDS[attacker],
                   line="-", size=3)  # fmt: skip
            if len(crosses):
                x, y = crosses["epsilon"].map(changes.index), crosses["accuracy"]
                panel.plot(x, y, "x", color=colour, markersize=6, label="_")
        panel.plot(
            [], [], "x", color="0.3", markersize=6, label="Square: answers alone" if len(asked) else "_"
        )
        panel.set_xticks(range(len(changes)), [f"{255 * value:.3g}" for value in changes])
        panel.set_ylim(0, 100)
    name_axes(panels.values(), x="largest change (1/255)", y="accuracy (%)")
    shared_legend(figure, columns=2)
    figure.heading = f"Accuracy under attack ({attack.upper()})"
    figure.caption = _caption(own, asked, labels, attack)
    return figure


def _at(table: pd.DataFrame, experiment: str, scheme: str, size: int, attacker: str) -> pd.DataFrame:
    here = (table["experiment"] == experiment) & (table["scheme"] == scheme)
    return table[here & (table["crossbar_size"] == size) & (table["attacker"] == attacker)]


def _caption(own: pd.DataFrame, asked: pd.DataFrame, labels: Labels, attack: str) -> str:
    left = own.groupby("attacker")["accuracy"].mean()
    told = join([f"{name} {left[name]:.1f} %" for name in present(tuple(_LOOKS), list(left.index))])
    most = 255 * own["epsilon"].max()
    chips = own.loc[own["attacker"] == "chip", "seed"].nunique()
    beside = (
        f"Crosses: Square, which asks for answers alone, of the software and of the first chip, at "
        f"{255 * asked['epsilon'].iloc[0]:.3g}/255. "
        if len(asked)
        else ""
    )
    return (
        f"{labels.subject(own)}: accuracy on {int(own['images'].iloc[0])} test images after {attack.upper()} changed "
        f"each pixel by up to {most:.3g}/255, wires and variation acting. SS: software attacked by its own gradients; "
        "SH: the same images on crossbars; HH: the attacker follows the mean gradient over chips of his own; chip: he "
        f"knows the very chip ({chips} of them). {beside}Mean over networks and changes above 0: {told}. "
        f"{bar_words(own, labels)}"
    )
