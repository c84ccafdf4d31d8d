"""Figures: what their axes and legends say, that nothing overlaps, and that files and captions are stable and true."""

from __future__ import annotations

import itertools
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from synthetic_results import make_params, make_results

from tools.widths import loss_by_width
from xbarpaper import claims, figures
from xbarpaper.claims import regions
from xbarpaper.claims.published import distances, nearest, under_conventions
from xbarpaper.experiments.published.numbers import PUBLISHED
from xbarpaper.experiments.sensitivity.conventions import conventions
from xbarpaper.experiments.sensitivity.device_effects import device_effects
from xbarpaper.figures import network, style
from xbarpaper.figures.verdicts import ALGEBRA

ONE = make_params(1, (16, 32, 64), further=True)
TWO = make_params(2, (16, 32))
REPLICATES = make_params(1, (16, 32), training_seeds=(0, 1, 2))
TABLES = {
    name: (params, make_results(params))
    for name, params in (("one", ONE), ("two", TWO), ("three trainings", REPLICATES))
}
FURTHER = make_params(1, (16, 32), further=True)
MADE, LABELS = make_results(FURTHER), figures.Labels.of(FURTHER)
CHANCE = {"shapes10": 10.0}
UNIT = re.compile(
    r"\((%|1/255|points|×|µS|µJ|bits|nat|rows × columns|rows|s|quantile of \|w\||× the profile's|sigma/mu)\)$"
)
WITHOUT_UNIT = {
    "one readout gain per", "rank correlation", "error left, % of |W|²", "ON/OFF ratio of the devices",
    "time steps", "write non-linearity", "write noise, share of the range",
    "ON/OFF ratio",
}  # fmt: skip
OUTCOMES = {
    "accuracy_by_size": "evaluation", "compression": "evaluation", "mitigations": "evaluation",
    "loss_by_effect": "evaluation", "gain_sensitivity": "evaluation", "non_ideality": "layers",
    "training_curves": "training",
}  # fmt: skip
ACCURACIES = ("accuracy_by_size", "compression", "gain_sensitivity")


def draw(name: str, profile="two"):
    """A figure of a profile's tables, drawn once for all tests that look at it."""
    return _drawn(name, profile)


@cache
def _drawn(name: str, profile: str):
    params, tables = TABLES[profile]
    table, further = getattr(tables, OUTCOMES[name]), {"chance": CHANCE} if name in ACCURACIES else {}
    if name == "non_ideality":
        table = table.assign(share_nf_rho=table["low_conductance_share"] - 1)
    return getattr(figures, name)(table, figures.Labels.of(params), **further)


@cache
def examined(profile):
    params, tables = TABLES[profile]
    return claims.examine(tables, params)


def every_figure(profile):
    """Every figure of a profile's tables, by name."""
    params, tables = TABLES[profile]
    labels, report = figures.Labels.of(params), examined(profile)
    drawn = {name: draw(name, profile) for name in OUTCOMES} | {
        "forest": figures.forest({"made-up": report}),
        "loss_by_width": loss_by_width({"a": (params, tables.evaluation), "b": (params, tables.evaluation)}),
        "errors": figures.error_by_layer(labels.by_network(tables.errors)[0][1], labels),
        "losses": figures.layer_losses(labels.by_network(tables.layer_losses)[0][1], labels),
    }
    effects = {claim.id: figures.claim_effects(claim, labels) for claim in report.claims}
    drawn |= {name: figure for name, figure in effects.items() if figure is not None}
    if profile != "one":  # nothing else was measured
        return drawn
    measured = [tables.evaluation, tables.recovery]
    held = regions.regions(tables.device_effects, params.claims, 10)
    return drawn | {
        **{
            name: figures.along_axes(tables.sensitivity, conventions(params), params, name, 10)
            for name in ("loss", "C2")
        },
        **{name: figures.adversarial_accuracy(tables.adversarial, labels, name) for name in ("pgd", "fgsm")},
        "survival": figures.surviving(held, device_effects(params), params),
        "recovery": figures.mitigations(tables.recovery, labels),
        "adc-bits": figures.accuracy_by_bits(tables.converters, labels, params.periphery),
        "acdc": figures.acdc_beside_gradual(tables.acdc, labels),
        "energy-saved": figures.energy_saved(tables.energy, labels, params.costs),
        "energy-shares": figures.energy_shares(tables.energy, labels, params.costs),
        "accuracy-energy": figures.accuracy_against_energy(measured, tables.energy, labels, params.costs),
        "batch-norms": figures.batch_norm_limits(tables.batch_norms, labels),
        "spiking": figures.spiking_steps(tables.spiking, labels, params.spiking),
        "on-crossbar-training": figures.on_crossbar_training(
            tables.on_crossbar_training, labels, params.on_crossbar_training, params.devices
        ),
    }


def panels(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def legend_entries(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def marks(panel, label: str):
    """Positions of the marks of a legend entry: x and y."""
    (bars,) = [one for one in panel.containers if one.get_label() == label and len(one[0].get_xdata())]
    return bars[0].get_xdata(), bars[0].get_ydata()


def assert_readable(figure, columns: int = 1):
    """No text below 7 points, none over another one or out of the figure, and a width that so many columns hold."""
    canvas = FigureCanvasAgg(figure)
    figure.settle()
    renderer = canvas.get_renderer()
    assert figure.get_figwidth() <= columns * style.COLUMN_INCHES + 1e-9
    ticks = [axis for panel in figure.findobj(Axes) for axis in (panel.xaxis, panel.yaxis)]
    every = {
        label for axis in ticks for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)
    }
    # Only the labels of ticks inside the axis' limits are drawn.
    drawn = {label for axis in ticks for tick in axis._update_ticks() for label in (tick.label1, tick.label2)}
    shown = [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and (text.axes is None or text.axes.get_visible())
    ]
    shown = [text for text in shown if text in drawn or text not in every]
    assert min(text.get_fontsize() for text in shown) >= 7
    boxes = [(text.get_text(), text.get_window_extent(renderer).shrunk(0.9, 0.8)) for text in shown]
    names, corners = zip(*((text, box.extents) for text, box in boxes if box.width > 0), strict=True)
    low, high = np.array(corners)[:, :2], np.array(corners)[:, 2:]
    meet = (low[:, None] <= high) & (low <= high[:, None])  # along both axes
    over = np.argwhere(np.triu(meet.all(-1), k=1))
    assert [(names[one], names[other]) for one, other in over] == []
    left, bottom, right, top = figure.bbox.padded(3).extents
    outside = (low < (left, bottom)) | (high > (right, top))
    assert [name for name, out in zip(names, outside.any(1), strict=True) if out] == []


CALCULATED = ("energy-saved", "energy-shares", "adc-bits")
"""Figures of what is calculated, or of one draw of the devices."""


@pytest.mark.parametrize("profile", TABLES)
def test_every_figure_fits_a_column_and_says_what_it_shows(profile: str) -> None:
    """A title in the figure, units on the axes, one kind of interval, and the network in the caption."""
    for name, figure in every_figure(profile).items():
        assert_readable(figure)
        assert figure.get_suptitle().replace("\n", " ") == figure.heading, name
        if name != "forest":
            assert ("VGG11 (width 0.25" in figure.caption) or name.startswith("C"), name
        intervals = name not in ("non_ideality", "training_curves", "errors", *CALCULATED)
        said = "95 % intervals" in figure.caption or "too few for intervals" in figure.caption
        assert said == intervals, name
        for panel in panels(figure):
            for text in (panel.get_xlabel(), panel.get_ylabel().replace("\n", " ")):
                known = not text or text in WITHOUT_UNIT or UNIT.search(text) or name[0] == "C"
                assert known or name == "forest", f"{name}: {text!r} has no unit"


def heights(figure):
    """Heights of all marks of a figure and of the ends of their bars."""
    drawn = [bars for panel in panels(figure) for bars in panel.containers]
    ends = [np.array(one.get_segments()).reshape(-1, 2)[:, 1] for bars in drawn for one in bars[2]]
    every = np.concatenate([*(bars[0].get_ydata() for bars in drawn), *ends]).astype(float)
    return every[np.isfinite(every)]


@pytest.mark.parametrize("name", ACCURACIES)
@pytest.mark.parametrize("where", ["in the middle", "near 100", "near chance"])
def test_axes_of_accuracies_hold_every_mark_and_are_mostly_full(name: str, where: str) -> None:
    """The line of chance is drawn, and on the axis, where it is near the marks."""
    params, tables = TABLES["two"]
    usual, near = heights(draw(name)), where == "near chance"
    moved = {
        "in the middle": 40 - usual.min(),
        "near 100": 100 - usual.max(),
        "near chance": 11 - usual.min(),
    }
    columns = tables.evaluation[["accuracy", "software_accuracy"]] + moved[where]
    table, labels = tables.evaluation.assign(**columns), figures.Labels.of(params)
    figure = getattr(figures, name)(table, labels, CHANCE)
    drawn = heights(figure)
    for panel in panels(figure):
        low, high = panel.get_ylim()
        assert -2 <= low < drawn.min() < drawn.max() < high <= 102
        assert np.ptp(drawn) > (high - low) / 2
        dotted = [line for line in panel.lines if line.get_linestyle() == ":" and len(line.get_xdata())]
        assert [set(line.get_ydata()) for line in dotted] == [{10.0}] * near
        assert low < 10 or not near
    assert ("chance" in legend_entries(figure)) == near
    assert "chance" not in legend_entries(getattr(figures, name)(table, labels))


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("accuracy_by_size", {"unpruned", "C/F", "XCS", "XRS", "in software"}),
        ("compression", {"unpruned", "C/F", "XCS", "XRS", "in software", "16 × 16", "32 × 32"}),
        ("loss_by_effect", {"wires only", "variation only", "both"}),
        ("gain_sensitivity", {"unpruned", "C/F", "XCS", "XRS"}),
        ("non_ideality", {"unpruned", "C/F", "XCS", "XRS"}),
        ("mitigations", {"unpruned", "C/F", "XCS", "XRS"}),
        ("training_curves", {"unpruned", "C/F", "XCS", "XRS"}),
    ],
)
def test_legends_name_everything_once(name: str, entries: list[tuple[str, int]]) -> None:
    found = legend_entries(draw(name))
    assert set(found) == entries
    assert len(found) == len(entries)


def test_correlations_of_layers_are_those_of_share_and_current_kept() -> None:
    """Above zero where crossbars with more low conductances lose less; layers without a correlation are left out."""
    params, tables = TABLES["one"]
    layers, labels = tables.layers, figures.Labels.of(params)
    first, *others = layers["layer"].unique()
    rho = {name: -0.1 * rank for rank, name in enumerate(others)}  # none for the first
    figure = figures.non_ideality(layers.assign(share_nf_rho=layers["layer"].map(rho)), labels)
    panel = panels(figure)[0]
    assert [text.get_text() for text in panel.get_xticklabels()] == others
    assert marks(panel, "C/F")[1].tolist() == pytest.approx([-value for value in rho.values()])
    assert first not in figure.caption
    assert figures.non_ideality(layers.assign(share_nf_rho=float("nan")), labels) is None
    assert figures.non_ideality(layers, labels) is None


def test_marks_are_the_means_of_the_table() -> None:
    evaluation = TABLES["two"][1].evaluation
    everything = evaluation.query("effects == 'both' and gain == 'layer' and mitigation == 'none'")
    rows = everything.query("experiment == 'made-up-0' and scheme == 'cf'")
    expected = rows.groupby("crossbar_size")["accuracy"].mean().tolist()
    assert marks(panels(draw("accuracy_by_size"))[0], "C/F")[1].tolist() == pytest.approx(expected)
    caption = draw("accuracy_by_size").caption
    assert "5 draws of device variation" in caption
    means = everything.groupby(["experiment", "scheme", "crossbar_size"])["accuracy"].mean()
    least, most = f"{means.min():.1f} % (C/F, 32 × 32)", f"{means.max():.1f} % (unpruned, 16 × 16)"
    assert f"between {least} and {most}" in caption


def test_mitigations_are_named_beside_their_marks_which_count_from_software() -> None:
    params, tables = TABLES["one"]
    figure = figures.mitigations(tables.recovery, figures.Labels.of(params))
    panel = panels(figure)[0]
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names == ["no mitigation", "R", "WCT", "BN", "norms", "tuned", "PC", "PC + norms", "PC/chip"]
    assert panel.get_xlim()[0] <= 0
    rows = tables.recovery[(tables.recovery["crossbar_size"] == 16) & (tables.recovery["scheme"] == "xrs")]
    software = rows.loc[rows["mitigation"] == "none", "software_accuracy"].iloc[0]
    x, y = marks(panel, "XRS")
    for name, at in (("none", 0), ("BN", 3), ("PC+norms", 7), ("PC/chip", 8)):
        value = x[np.abs(y - at).argmin()]
        lost = software - rows.loc[rows["mitigation"] == name, "accuracy"].mean()
        assert value == pytest.approx(lost)


def test_intervals_of_several_trainings_are_over_trainings() -> None:
    evaluation = TABLES["three trainings"][1].evaluation
    figure = draw("accuracy_by_size", "three trainings")
    assert "3 trainings, 5 draws of device variation each" in figure.caption
    chosen = "scheme == 'cf' and mitigation == 'none' and effects == 'both' and gain == 'layer'"
    rows = evaluation.query(f"{chosen} and crossbar_size == 32")
    each = rows.groupby("experiment")["accuracy"].mean()
    (panel,) = panels(figure)
    (bars,) = [one for one in panel.containers if one.get_label() == "C/F"]
    low, high = sorted(point[1] for point in bars[2][0].get_segments()[1])
    assert (low + high) / 2 == pytest.approx(each.mean())
    t = 4.302653  # of 97.5 %, 2 degrees
    assert (high - low) / 2 == pytest.approx(t * each.std() / np.sqrt(3), rel=1e-5)


@pytest.mark.parametrize(
    ("few", "says"),
    [
        ({"seeds": 2}, "Means over 2 draws of device variation, too few for intervals."),
        ({"training_seeds": (0, 1)}, "Means over 2 trainings, 5 draws of device variation each: too few trainings for"),
    ],
)  # fmt: skip
def test_two_draws_or_trainings_are_told_to_be_too_few_for_intervals(few, says: str) -> None:
    params = make_params(1, (16,), **few)
    for draw_one in (figures.gain_sensitivity, figures.accuracy_by_size):
        caption = draw_one(make_results(params).evaluation, figures.Labels.of(params)).caption
        assert says in caption
        assert "95 % intervals" not in caption


def test_compression_shows_rates_beside_accuracies() -> None:
    params, tables = TABLES["one"]
    table = tables.evaluation.copy()
    table.loc[table["scheme"] == "xcs", "compression_rate"] = 2.5
    figure = figures.compression(table, figures.Labels.of(params))
    assert "XCS 2.50, XRS 4.00" in figure.caption
    (panel,) = panels(figure)
    found = {float(x) for bars in panel.containers for x in bars[0].get_xdata()}
    off_the_scale, *ticks = panel.get_xticks()
    assert found == {off_the_scale, 2.5, 4.0}
    assert [text.get_text() for text in panel.get_xticklabels()] == ["1", *(f"{tick:g}" for tick in ticks)]
    assert np.ptp([2.5, 4.0]) > np.ptp(panel.get_xlim()) / 2
    # So near that the unpruned network needs no strip of its own.
    table.loc[table["scheme"] == "xcs", "compression_rate"] = 1.1
    (panel,) = panels(figures.compression(table, figures.Labels.of(params)))
    assert {float(x) for bars in panel.containers for x in bars[0].get_xdata()} == {1.0, 1.1, 4.0}


def test_sensitivity_says_images_and_draws_and_leaves_the_sparsity_out() -> None:
    params, tables = TABLES["one"]
    moved = tables.sensitivity[tables.sensitivity["axis"] == "on_off"].assign(axis="sparsity", value="0.5")
    figure = figures.along_axes(pd.concat([tables.sensitivity, moved]), conventions(params), params, "C2", 10)
    names = [panel.get_xlabel() for panel in panels(figure)]
    assert names == ["ON/OFF ratio of the devices", "one readout gain per"]
    images = f"{params.sensitivity.test_images} random test images"
    assert all(text in figure.caption for text in ("2 draws", images, "The sparsity is left out"))
    assert len({panel.get_ylim() for panel in panels(figure)}) == 1
    unpruned = tables.sensitivity["scheme"] == "unpruned"
    guessing = (tables.sensitivity["value"] == "2") & ~unpruned
    at_chance = tables.sensitivity.assign(accuracy=tables.sensitivity["accuracy"].mask(guessing, 10.5))
    left = figures.along_axes(at_chance, conventions(params), params, "C2", 10)
    assert [label.get_text() for label in panels(left)[0].get_xticklabels()] == ["10"]


def test_where_all_networks_guess_the_figures_say_so() -> None:
    params, tables = TABLES["one"]
    guessing = tables.sensitivity.assign(accuracy=10.5)
    one = guessing[guessing["axis"] == "on_off"]
    pair = one.assign(axis="on_off_by_w_max", second=1.0)
    drawn = (
        figures.along_axes(guessing, conventions(params), params, "C2", 10),
        figures.over_pair(pair, conventions(params), params, "on_off_by_w_max", 10),
    )
    for figure in drawn:
        assert "nothing can be tested" in figure.axes[0].texts[0].get_text()
        assert "No effect is left." in figure.caption


@pytest.mark.parametrize("seeds", [2, 3])
def test_what_survives_is_a_mark_for_each_verdict_below_the_profile_s_own_point(seeds: int) -> None:
    params, tables = TABLES["one"]
    effects = params.effects.model_copy(update={"variation_seeds": seeds})
    params = params.model_copy(update={"effects": effects})
    held = regions.regions(tables.device_effects, params.claims, 10)
    columns = ["verdict", "effect", "low", "high"]
    held.loc[held["value"] == "4", columns] = ["contradicted", -3.0, -4.0, -2.0]
    held.loc[held["value"] != "4", columns] = ["supported", 3.0, 1.0, 5.0]
    figure = figures.surviving(held, device_effects(params), params)
    (panel,) = panels(figure)
    assert [label.get_text() for label in panel.get_yticklabels()] == [
        "as it is", "levels", "4", "stuck at g_min (share)", "0.1",
    ]  # fmt: skip
    drawn = {tuple(line.get_xdata()): line.get_ydata()[0] for line in panel.lines if len(line.get_ydata())}
    assert drawn[-3.0,] == 2
    assert ((-4.0, -2.0) in drawn) == (seeds > 2)
    assert legend_entries(figure) == ["supported", "contradicted"]
    said = "C2 is supported as it is and at 1 of 2 strengths; not with 4 levels (contradicted)."
    assert said in figure.caption


def test_panels_of_smaller_effects_say_how_much_they_are_zoomed() -> None:
    params, tables = TABLES["one"]
    params = params.model_copy(update={"effects": params.effects.model_copy(update={"variation_seeds": 3})})
    wide = regions.regions(tables.device_effects, params.claims, 10)
    wide[["verdict", "effect", "low", "high"]] = ["undecided", 0.0, -20.0, 30.0]
    narrow = wide.assign(claim="C3", low=-1.0, high=1.4)
    held = pd.concat([wide, narrow], ignore_index=True)
    figure = figures.surviving(held, device_effects(params), params)
    one, other = panels(figure)
    assert [panel.get_title() for panel in (one, other)] == ["C2: pruning\n", "C3: R\n20 × zoom"]
    assert np.ptp(one.get_xlim()) == pytest.approx(20 * np.ptp(other.get_xlim()))
    assert [panel.get_xlabel() for panel in (one, other)] == ["effect\n(points)"] * 2
    assert "The panels differ in scale: beside the widest, C3 20 times larger." in figure.caption
    assert_readable(figure)


def test_pairs_of_axes_have_a_line_for_each_value_of_the_second() -> None:
    params, tables = TABLES["one"]
    first = tables.sensitivity[tables.sensitivity["axis"] == "on_off"]
    everywhere = itertools.product((0.95, 1.0), ("none", "R", "WCT", "R+WCT"))
    parts = [first.assign(axis="on_off_by_w_max", second=one, mitigation=name) for one, name in everywhere]
    pair = pd.concat(parts)
    figure = figures.over_pair(pair, conventions(params), params, "on_off_by_w_max", 10)
    assert [panel.get_title() for panel in panels(figure)] == [
        "effect of pruning", "effect of R", "effect of WCT", "effect of R + WCT",
    ]  # fmt: skip
    assert legend_entries(figure) == ["w_max 0.95", "w_max 1"]
    assert_readable(figure)


def test_errors_by_layer_are_told_apart_by_lightness() -> None:
    """What a reader without one kind of cones sees: bars that differ in lightness or in their hatch."""
    params, tables = TABLES["two"]
    ((_, rows), *_) = figures.Labels.of(params).by_network(tables.errors)
    figure = figures.error_by_layer(rows, figures.Labels.of(params))
    colours = {tuple(bar.get_facecolor()) for bar in panels(figure)[0].patches if not bar.get_hatch()}
    lightness = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue, _ in colours)
    assert len(lightness) == 4
    assert min(np.diff(lightness)) > 0.1


def test_curves_of_trainings_end_where_those_of_every_crossbar_size_do() -> None:
    params, tables = TABLES["two"]
    table = tables.training.copy()
    of_one = table["scheme"].eq("xcs") & table["crossbar_size"].eq(32) & table["step"].eq("fine-tuned")
    table.loc[of_one & table["epoch"].eq(4), "test_accuracy"] = 1.5
    figure = figures.training_curves(table, figures.Labels.of(params))
    assert "At their ends it lies between 1.5 and" in figure.caption


def test_forest_shows_every_overall_effect_once_with_its_corrected_interval() -> None:
    reports = {name: examined(name) for name in TABLES}
    figure = figures.forest(reports)
    assert_readable(figure)
    tops = [row for report in reports.values() for claim in report.claims for row in claim.tops()]
    tops = [row for row in tops if row.inference != ALGEBRA]
    bars = [
        tuple(line.get_xdata())
        for panel in panels(figure)
        for line in panel.lines
        if line.get_marker() == "None" and line.get_color() in style.VERDICT_COLOURS.values()
    ]
    known = [(row.low, row.high) for row in tops if row.low is not None]
    np.testing.assert_allclose(sorted(bars), sorted(known))
    texts = {text.get_text() for panel in panels(figure) for text in panel.texts}
    for row in tops:
        assert any(text.startswith(f"{row.effect:+.2f}") for text in texts)
    assert set(legend_entries(figure)) == {row.verdict for row in tops} | {"tolerance", "margin of no effect"}


def test_effects_of_a_claim_stand_where_the_report_has_them() -> None:
    claim = examined("two").claims[1]
    figure = figures.claim_effects(claim, figures.Labels.of(TWO))
    lines = [line for panel in panels(figure) for line in panel.lines if len(line.get_xdata())]
    points = {float(line.get_xdata()[0]) for line in lines if line.get_marker() != "None"}
    assert points >= {row.effect for row in claim.verdicts if row.mitigation in claim.main}
    assert f"Of {sum(claim.counts.values())} comparisons" in figure.caption


def test_panels_of_unlike_rows_have_labels_of_their_own() -> None:
    claim = examined("two").claims[2]
    rows = [row for row in claim.verdicts if row.mitigation == "R" and row.low is not None]
    rows = [row for row in rows if row.experiment == rows[0].experiment]
    fewer = [row.model_copy(update={"mitigation": "best R"}) for row in rows[::2]]
    beside = claim.model_copy(update={"verdicts": [*rows, *fewer], "levels": [], "main": ["best R"]})
    figure = figures.claim_effects(beside, figures.Labels.of(TWO))
    shown = [[text.get_text() for text in panel.get_yticklabels()] for panel in panels(figure)]
    assert [len(names) for names in shown] == [len(rows), len(fewer)]
    assert set(shown[1]) < set(shown[0])
    assert "" not in shown[1]
    assert_readable(figure)


def test_reports_of_other_recipes_are_not_joined_and_the_caption_says_which_share_one() -> None:
    params, tables = TABLES["one"]
    longer = params.model_copy(update={"train": params.train.model_copy(update={"epochs": 77})})
    experiments = {name: one.model_copy(update={"width": 0.125}) for name, one in params.experiments.items()}
    narrow = params.model_copy(update={"experiments": experiments})
    every = {"a": params, "b": longer, "narrow": narrow}
    figure = loss_by_width({name: (one, tables.evaluation) for name, one in every.items()})
    first = panels(figure)[0]
    places = [label.get_text().partition(":")[0] for label in first.get_xticklabels()]
    assert places == ["1/8", "1/4", "1/4"]
    assert first.get_xticklabels()[2].get_text() == "1/4: lossless, 77 epochs"
    assert {bars[0].get_linestyle() for bars in first.containers} == {"None"}
    assert "The same images: a, b and narrow. The same training and pruning: a and narrow." in figure.caption
    assert_readable(figure)
    alone = loss_by_width({name: (every[name], tables.evaluation) for name in ("a", "b")})
    assert "The same training and pruning: no two of them." in alone.caption


def test_files_and_captions_are_the_same_twice(tmp_path: Path) -> None:
    saved = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        captions = figures.Captions()
        drawn, command = _drawn.__wrapped__("compression", "two"), "dvc repro figures@x"
        figure = figures.save(drawn, folder, "rate", command=command, captions=captions)
        captions.write(folder / "captions.json")
        saved.append({path.name: path.read_bytes() for path in folder.iterdir()})
        assert figure.heading == captions.entries["rate"].title
    assert saved[0] == saved[1]
    assert sorted(saved[0]) == ["captions.json", "rate.png", "rate.svg"]
    assert b"Software" not in saved[0]["rate.png"]
    assert b"<dc:date>" not in saved[0]["rate.svg"]
    (entry,) = json.loads(saved[0]["captions.json"])
    assert set(entry) == {"name", "title", "caption", "command"}
    assert entry["command"] == "dvc repro figures@x"
    # Beside it in a page, another figure's identifiers must be others.
    figures.save(figure, tmp_path, "other", command="x", captions=figures.Captions())
    own, others = (
        set(re.findall(rb'clipPath id="(\w+)"', svg))
        for svg in (saved[0]["rate.svg"], (tmp_path / "other.svg").read_bytes())
    )
    assert own
    assert not own & others


def test_a_figure_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a title and a caption"):
        figures.save(figures.ArtifactFigure(), tmp_path, "x", command="x", captions=figures.Captions())
    assert not list(tmp_path.iterdir())


def test_a_notebook_shows_the_same_bytes_twice() -> None:
    figure = figures.heat_maps({"": np.arange(12.0).reshape(3, 4)}, "A layer", "µS", "conductance")
    assert figure._repr_png_() == figure._repr_png_()
    assert b"Software" not in figure._repr_png_()


def test_pruning_masks_give_each_layer_s_sparsity() -> None:
    masks = {"first": np.array([[1, 0], [0, 0]]), "second": np.ones((3, 2), dtype=bool)}
    figure = figures.pruning_masks(masks)
    titles = [panel.get_title() for panel in panels(figure)]
    assert titles == ["first\n2 × 2, 75.0 % removed", "second\n3 × 2, 0.0 % removed"]
    assert "Of 10 weights 3 (30.0 %) were removed" in figure.caption
    assert legend_entries(figure) == ["kept", "removed"]
    assert_readable(figure)


def test_pruning_masks_need_a_layer() -> None:
    with pytest.raises(ValueError, match="no layers"):
        figures.pruning_masks({})


def test_tile_map_counts_tiles_removed_weights_and_padding() -> None:
    owner = np.add.outer(np.arange(64) // 16 * 3, np.arange(48) // 16)
    owner[:, 5:8] = -1
    figure = figures.tile_map(owner, padding=7)
    assert "on 12 crossbars" in figure.caption
    assert f"T removed {3 * 64} weights" in figure.caption
    assert "padding, not shown (7 cells)" in legend_entries(figure)
    assert_readable(figure)


def test_neighbouring_tiles_differ_in_colour_even_across_removed_columns() -> None:
    # As many tile columns as colours: colouring by number alone would paint whole columns alike.
    owner = np.add.outer(np.arange(40) // 8 * 6, np.arange(48) // 8)
    owner[:, 8:10] = -1
    colours = network._tile_colours(owner)
    assert (colours[owner < 0] == 0).all()
    assert (colours[owner >= 0] > 0).all()
    assert all(len(np.unique(colours[owner == tile])) == 1 for tile in range(30))
    assert (colours[7::8][:-1][:, 12:] != colours[8::8][:, 12:]).all()
    assert (colours[:, 7] != colours[:, 10]).all()


def test_conductance_histograms_show_programmed_devices_in_microsiemens() -> None:
    before = {"first": np.array([[5e-6, 0.0], [15e-6, 10e-6]]), "second": np.full(4, 20e-6)}
    after = {name: 0.5 * values for name, values in before.items()}
    figure = figures.conductance_histograms(before, after, names=("none", "WCT"))
    assert "none 15.00 µS and WCT 7.50 µS" in figure.caption
    assert legend_entries(figure) == ["none", "WCT"]
    assert panels(figure)[-1].get_xlabel() == "conductance (µS)"
    assert_readable(figure)
    assert legend_entries(figures.conductance_histograms(before)) == []


@pytest.mark.parametrize("shape", [(8, 1), (1, 1), (3, 40)])
def test_cells_are_counted_in_whole_numbers(shape: tuple[int, int]) -> None:
    figure = figures.heat_maps(
        {"": np.arange(float(np.prod(shape))).reshape(shape)}, "A layer", "µS", "conductance"
    )
    (panel,) = (one for one in panels(figure) if one.images)
    for axis, limits in ((panel.xaxis, panel.get_xlim()), (panel.yaxis, panel.get_ylim())):
        seen = [tick for tick in axis.get_majorticklocs() if min(limits) <= tick <= max(limits)]
        assert seen
        assert all(tick == round(tick) for tick in seen)


def test_heat_maps_share_one_scale_and_name_the_unit() -> None:
    matrices = {"before R": np.array([[1.0, np.nan]]), "after R": np.array([[4.0, 2.0]])}
    figure = figures.heat_maps(matrices, "A layer", "µS", "conductance")
    first, second, bar = figure.axes
    assert first.images[0].get_clim() == second.images[0].get_clim() == (1.0, 4.0)
    assert bar.get_xlabel() == "conductance (µS)"
    assert "before R 1, after R 3" in figure.caption


def test_learning_curve_ends_where_the_table_ends() -> None:
    accuracies = {"train_accuracy": [40.0, 60.0, 71.25], "test_accuracy": [35.0, 55.0, 66.5]}
    table = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [2.0, 1.0, 0.5], **accuracies})
    figure = figures.learning_curve(table)
    assert all(text in figure.caption for text in ("71.25 %", "66.50 %"))
    upper, lower = panels(figure)
    assert upper.get_ylabel() == "accuracy (%)"
    assert lower.get_ylim()[0] == 0
    assert_readable(figure)


def test_settings_searched_are_points_of_the_table_and_the_best_is_ringed() -> None:
    space = MADE.search
    figure = figures.searched_settings(space, LABELS)
    assert_readable(figure)
    for panel, (_, rows) in zip(panels(figure), space.groupby("mitigation", sort=False), strict=True):
        shown = [y for bars in panel.containers for y in bars[0].get_ydata()]
        ringed = next(line for line in panel.lines if line.get_label() == "best").get_ydata()
        assert sorted(shown) == sorted(rows["gained"].dropna())
        assert list(ringed) == rows.loc[rows["chosen"], "gained"].tolist()
    assert "12 settings, of which 11 were evaluated" in figure.caption
    assert "Best: R, setting 5 (+3.00 points, +2.50 to +3.50); WCT, setting 5 (+3.00 points" in figure.caption


def test_published_losses_stand_beside_ours_and_the_nearest_convention_is_named() -> None:
    far = distances(MADE.published)
    assert nearest(MADE.published) == (100e3, "none")
    assert far.iloc[0]["all"] == pytest.approx(0)
    assert far.iloc[1:]["all"].tolist() == pytest.approx([10.0] * (len(far) - 1))
    figure = figures.beside_published(MADE.published, far, LABELS)
    assert_readable(figure)
    assert "Nearest to the numbers without mitigation: R_min of 100 kΩ with no gain" in figure.caption
    (panel,) = panels(figure)
    told = sorted(one.lost for one in PUBLISHED)
    bars = [np.asarray(line.get_xdata(), dtype=float) for line in panel.lines if line.get_linewidth() == 2]
    assert sorted(float(bar[0]) for bar in bars if len(bar)) == told
    like = under_conventions(MADE.evaluation, MADE.published_like, FURTHER, CHANCE)
    verdicts = like.set_index(["convention", "claim"])["verdict"]
    assert verdicts["R_min 100 kΩ, no gain", "C4"] == "supported"
    assert verdicts["R_min 100 kΩ, no gain", "C3"] == "no effect"
    told = ["R_min 20 kΩ, a gain per layer", "R_min 100 kΩ, no gain"]
    assert list(dict.fromkeys(like["convention"])) == told


def test_published_losses_stand_beside_any_number_of_resistances() -> None:
    table = pd.concat([MADE.published.assign(r_min_ohm=1e4 * rank) for rank in range(1, 7)])
    figure = figures.beside_published(table, distances(table), LABELS)
    told = [label for label in legend_entries(figure) if label.startswith("R_min")]
    assert told == [f"R_min {10 * rank} kΩ" for rank in range(1, 7)]


def test_what_batch_norms_win_back_stands_beside_what_is_published() -> None:
    table, settings = MADE.batch_norms, FURTHER.published
    every = panels(figures.batch_norm_limits(table, LABELS))
    mean = table.groupby(["crossbar_size", "axis", "value", "mitigation"])["lost"].mean()
    for rank, size in enumerate((64, 128)):
        for name in ("none", "BN", "norms"):
            label = "as they are" if name == "none" else name
            x, y = marks(every[rank], label)
            assert list(x) == [0.0, *settings.read_sigmas]
            assert list(y) == [mean[size, "read noise" if sigma else "none", sigma, name] for sigma in x]
            x, y = marks(every[2 + rank], label)
            assert list(x) == list(settings.drift_seconds)
            assert list(y) == [mean[size, "drift", seconds, name] for seconds in x]
        stars = {line.get_label(): line for line in every[rank].lines if "published" in str(line.get_label())}
        assert stars["as they are, published"].get_ydata().tolist() == [26.34 if size == 64 else 60.76]
        assert stars["BN, published"].get_xdata().tolist() == [0.15]
        placed = {tuple(bars[0].get_transform().transform((0.1, 0))) for bars in every[rank].containers[:3]}
        assert len(placed) == 3  # of the same data, so that none hides another
        rests = [x for bars in every[4 + rank].containers for x in bars[0].get_xdata()]
        assert sorted(set(np.round(rests, 6))) == [0.0, 1.0, 2.5, 5.0, 7.5, 12.5, 17.5]


def test_spiking_networks_are_followed_step_by_step() -> None:
    figure = figures.spiking_steps(MADE.spiking, LABELS, FURTHER.spiking)
    values, noises = ["accuracy", "output_error"], {"fresh": "crossbars", "none": "no read noise"}
    mean = MADE.spiking.groupby(["crossbar_size", "kind", "read_noise", "steps"])[values].mean()
    for panel, (value, size) in zip(panels(figure), itertools.product(values, (16, 32)), strict=True):
        factor = 1 if value == "accuracy" else 100
        for kind, (noise, words) in itertools.product(("trained", "converted"), noises.items()):
            x, y = marks(panel, f"{kind}, {words}")
            assert list(x) == [1, 4, 16]
            assert list(y) == pytest.approx(list(factor * mean.loc[size, kind, noise][value]))


def test_training_on_crossbars_is_shown_by_phase_and_with_one_thing_changed() -> None:
    settings, table = FURTHER.on_crossbar_training, MADE.on_crossbar_training
    figure = figures.on_crossbar_training(table, LABELS, settings, FURTHER.devices)
    by_phase, *axes = panels(figure)
    lost = (table["software_accuracy"] - table["accuracy"]).groupby(table["phases"]).mean()
    x, _ = marks(by_phase, "_")
    assert list(x[:3]) == pytest.approx([lost[phase] for phase in settings.phases])
    told = [text.get_text() for text in by_phase.get_yticklabels()]
    assert told == [*settings.phases, "all, L = 20", "all, L = 1"]
    shown = [[text.get_text() for text in panel.get_xticklabels()] for panel in axes]
    assert shown == [["0", "0.1", "1"], ["0", "0.1", "0.3"], ["5", "10", "100"]]
    for panel, step in zip(axes, (9.0, 4.0, 2.0), strict=True):
        _, y = marks(panel, "_")
        assert y[2] - y[1] == pytest.approx(step, abs=0.3)


def test_energies_are_points_of_the_table() -> None:
    table, costs = MADE.energy, FURTHER.costs
    energy = table[(table["mitigation"] == "none") & (table["scheme"] != "unpruned")]
    saved = figures.energy_saved(table, LABELS, costs)
    for panel, columns in zip(panels(saved), ("used", "all"), strict=True):
        rows = energy[(energy["columns"] == columns) & (energy["adc"] == costs.adc)]
        single = (line for line in panel.lines if len(line.get_xdata()) == 1)
        marked = {(*line.get_xdata(), *line.get_ydata()) for line in single}
        assert marked == set(zip(rows["compression_rate"], rows["energy_ratio"], strict=True))
    accuracy = figures.accuracy_against_energy([MADE.evaluation, MADE.recovery], table, LABELS, costs)
    placed = [float(x) for bars in panels(accuracy)[0].containers for x in bars[0].get_xdata()]
    own = table[(table["adc"] == "isaac") & (table["columns"] == "used") & (table["crossbar_size"] == 16)]
    assert len(placed) == len(own)
    assert np.diff(sorted(placed)).min() > 0.1  # no mark hides another
    told = [label.get_text().split("\n")[1] for label in panels(accuracy)[0].get_xticklabels()]
    assert told == [f"{spent:.3g}" for spent in sorted(own.groupby("scheme")["energy_uj"].mean())]
    for bars in panels(figures.energy_shares(table, LABELS, costs)):
        assert sum(patch.get_height() for patch in bars.patches) == pytest.approx(400)


def test_each_scheme_stands_by_acdc_beside_gradual_pruning() -> None:
    table = MADE.acdc
    software, lost = panels(figures.acdc_beside_gradual(table, LABELS))
    drawn = {
        name: sorted(float(x) for box in panel.containers for x in box.lines[0].get_xdata())
        for name, panel in {"software_accuracy": software, "lost": lost}.items()
    }
    table = table.assign(lost=table["software_accuracy"] - table["accuracy"])
    for name, found in drawn.items():
        assert found == pytest.approx(sorted(table.groupby(["scheme", "schedule"])[name].mean()))
    low, high = software.get_xlim()
    assert low < min(drawn["software_accuracy"]) < max(drawn["software_accuracy"]) < high
    assert np.ptp(drawn["software_accuracy"]) > (high - low) / 2
    assert [text.get_text() for text in software.get_yticklabels()] == ["C/F", "XCS", "unstructured"]
