"""Figures: what their axes and legends say, that nothing overlaps, and that files and captions are stable and true."""

from __future__ import annotations

import itertools
import json
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from synthetic_results import make_params, make_results, replicated

from xbarpaper import claims, figures
from xbarpaper.figures import mitigations, network, style

PARAMS = make_params(2, (16, 32))
TABLES = make_results(PARAMS)
LABELS = figures.Labels.of(PARAMS)
UNIT = re.compile(r"\((%|points|×|µS|nat|rows × columns|%-points)\)$")
WITHOUT_UNIT = {"pruning scheme", "one readout gain per", "non-ideality factor"}
RESULT_FIGURES = {
    "accuracy_by_size": "evaluation",
    "loss_by_effect": "evaluation",
    "gain_sensitivity": "evaluation",
    "compression": "evaluation",
    "non_ideality": "layers",
    "rearrangement": "evaluation",
    "constrained_training": "evaluation",
    "side_by_side": "evaluation",
    "training_curves": "training",
}


def draw(name, tables=TABLES, labels=LABELS):
    return getattr(figures, name)(getattr(tables, RESULT_FIGURES[name]), labels)


def verdict_figures(params=PARAMS, tables=TABLES):
    report = claims.examine(tables, params)
    table, labels = report.table(), figures.Labels.of(params)
    effects = [figures.claim_effects(claim, table, labels) for claim in report.claims]
    return [figures.verdict_overview(table, labels), *effects]


def panels(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def legend_entries(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def assert_readable(figure):
    """No text below 7 points, none over another one or out of the figure, and a width that a page holds."""
    canvas = FigureCanvasAgg(figure)
    figure.settle()
    renderer = canvas.get_renderer()
    assert figure.get_figwidth() <= style.PAGE_INCHES + 1e-9
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
    boxes = [(text.get_text(), text.get_window_extent(renderer).shrunk(0.9, 0.8)) for text in shown]
    assert min(text.get_fontsize() for text in shown) >= 7
    inside = figure.bbox.padded(3)
    boxes = [(text, box) for text, box in boxes if box.width > 0]
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        assert not first.overlaps(second), f"{one!r} lies over {other!r}"
    for text, box in boxes:
        assert inside.contains(box.x0, box.y0), f"{text!r} leaves the figure"
        assert inside.contains(box.x1, box.y1), f"{text!r} leaves the figure"


@pytest.mark.parametrize("name", RESULT_FIGURES)
def test_axes_name_what_they_show_with_its_unit(name):
    for panel in panels(draw(name)):
        for text in (panel.get_xlabel(), panel.get_ylabel()):
            known = not text or text in WITHOUT_UNIT or text.startswith("epoch") or UNIT.search(text)
            assert known, f"{text!r} has no unit"
        assert panel.get_xlabel() or name in ("rearrangement", "constrained_training")
    assert any(panel.get_ylabel() for panel in panels(draw(name)))


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("accuracy_by_size", ["unpruned", "C/F", "XCS", "XRS", "in software"]),
        ("loss_by_effect", ["wires only", "variation only", "both"]),
        ("gain_sensitivity", ["unpruned", "C/F", "XCS", "XRS"]),
        ("compression", ["C/F", "XCS", "XRS"]),
        ("non_ideality", ["unpruned", "C/F", "XCS", "XRS"]),
        ("rearrangement", ["without", "with R"]),
        ("constrained_training", ["without", "with WCT"]),
        ("side_by_side", ["no mitigation", "R", "WCT", "R+WCT"]),
        ("training_curves", ["unpruned", "C/F", "XCS", "XRS"]),
    ],
)
def test_legends_name_everything_once(name, entries):
    assert legend_entries(draw(name)) == entries


@pytest.mark.parametrize("name", ["compression", "loss_by_effect", "rearrangement", "side_by_side"])
def test_bars_start_at_zero(name):
    for panel in panels(draw(name)):
        low, high = panel.get_ylim()
        assert low <= 0 <= high
        assert all(bar.get_y() == 0 for bar in panel.patches)


def test_compression_bars_have_the_table_s_heights_and_labels():
    table = TABLES.evaluation.copy()
    table.loc[table["scheme"] == "xcs", "compression_rate"] = 2.5
    figure = figures.compression(table, LABELS)
    for panel in panels(figure):
        assert sorted({round(bar.get_height(), 6) for bar in panel.patches}) == [2.5, 4.0]
        assert {"2.50", "4.00"} <= {text.get_text() for text in panel.texts}
    assert "XCS 2.50 to 2.50" in figure.caption


def test_accuracy_points_are_the_means_of_the_table():
    table = TABLES.evaluation
    rows = table[
        (table["experiment"] == "made-up-0") & (table["scheme"] == "cf") & (table["mitigation"] == "none")
    ]
    rows = rows[(rows["effects"] == "both") & (rows["gain"] == "layer")]
    expected = rows.groupby("crossbar_size")["accuracy"].mean().tolist()
    panel = panels(draw("accuracy_by_size"))[0]
    line = next(line for line in panel.lines if line.get_label() == "C/F")
    assert line.get_ydata().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("name", RESULT_FIGURES)
def test_captions_say_network_and_what_the_table_holds(name):
    figure = draw(name)
    assert figure.heading
    assert "VGG11 (width 0.25) and VGG16 (width 0.25)" in figure.caption
    if RESULT_FIGURES[name] != "training":
        assert "shapes10 (procedural)" in figure.caption
    if name not in ("compression", "non_ideality", "training_curves"):
        assert "5 variation seeds" in figure.caption
        assert "95 % intervals" in figure.caption


def test_caption_numbers_follow_the_table():
    table = TABLES.evaluation
    rows = table[(table["effects"] == "both") & (table["gain"] == "layer") & (table["mitigation"] == "none")]
    means = rows.groupby(["experiment", "scheme", "crossbar_size"])["accuracy"].mean()
    caption = draw("accuracy_by_size").caption
    assert (
        f"between {means.min():.1f} % (C/F, 32 × 32) and {means.max():.1f} % (unpruned, 16 × 16)" in caption
    )
    three = make_params(2, (16, 32), seeds=3)
    assert "3 variation seeds" in draw("accuracy_by_size", make_results(three)).caption


def test_nothing_overlaps_in_one_column():
    params = make_params(1, (16,))
    tables = make_results(params)
    labels = figures.Labels.of(params)
    for figure in [draw(name, tables, labels) for name in RESULT_FIGURES] + verdict_figures(params, tables):
        assert_readable(figure)


@pytest.mark.parametrize("experiments", [2, 4])
def test_nothing_overlaps_on_a_page(experiments):
    params = make_params(experiments, (16, 32, 64))
    tables = make_results(params)
    labels = figures.Labels.of(params)
    # The other figures have the grid of panels of one of these.
    names = ["rearrangement"] if experiments == 2 else ["accuracy_by_size", "side_by_side"]
    for figure in [draw(name, tables, labels) for name in names]:
        assert_readable(figure)
    if experiments == 2:
        overview, *_, c5 = verdict_figures(params, tables)
        assert_readable(overview)
        assert_readable(c5)


REPLICATES = make_params(1, (16, 32, 64), training_seeds=(0, 1, 2))
REPEATED = make_results(REPLICATES)


@pytest.mark.parametrize("name", RESULT_FIGURES)
def test_trainings_of_one_network_are_told_apart_or_pooled(name):
    figure = draw(name, REPEATED, figures.Labels.of(REPLICATES))
    assert "VGG11 (width 0.25, training seeds 0, 1 and 2)" in figure.caption
    titles = {panel.get_title().split("\n")[0] for panel in panels(figure)}
    apart = {f"VGG11 (width 0.25), training seed {seed}" for seed in (0, 1, 2)}
    assert titles in (apart, {"VGG11 (width 0.25), 3 trainings"})
    assert (titles == apart) == (name in ("accuracy_by_size", "compression", "training_curves"))
    assert_readable(figure)


def test_bars_of_several_trainings_are_means_of_their_means():
    table = REPEATED.evaluation
    rows = table[(table["mitigation"] == "R") & (table["scheme"] == "cf") & (table["crossbar_size"] == 32)]
    rows = rows[(rows["effects"] == "both") & (rows["gain"] == "layer")]
    lost = (rows["software_accuracy"] - rows["accuracy"]).groupby(rows["experiment"]).mean()
    figure = draw("side_by_side", REPEATED, figures.Labels.of(REPLICATES))
    panel = panels(figure)[1]
    heights = [bar.get_height() for bar in panel.patches]
    assert min(abs(height - lost.mean()) for height in heights) < 1e-9
    dots = [y for line in panel.lines if line.get_color() == "0.15" for y in line.get_ydata()]
    assert all(min(abs(dot - value) for dot in dots) < 1e-9 for value in lost)
    assert len(dots) == 3 * len(heights)


def test_one_training_keeps_its_intervals_beside_several():
    params = make_params(2, (16,), training_seeds=(0, 1))
    only = [name for name in params.experiments if name != "made-up-1-seed1"]
    params = params.model_copy(update={"experiments": {name: params.experiments[name] for name in only}})
    labels = figures.Labels.of(params)
    figure = draw("side_by_side", make_results(params), labels)
    assert set(labels.replicates) == {"made-up-0", "made-up-0-seed1"}
    assert (
        "95 % intervals of the mean (Student's t); of several trainings of a network the mean"
        in figure.caption
    )
    assert [panel.get_title().split("\n")[0] for panel in panels(figure)] == [
        "VGG11 (width 0.25), 2 trainings",
        "VGG16 (width 0.25)",
    ]


def test_mechanism_averages_trainings():
    labels = figures.Labels.of(REPLICATES)
    for name, rows in labels.by_network(REPEATED.errors):
        assert name == "made-up-0"
        figure = figures.error_by_layer(rows, labels.subject(rows))
        assert "Mean over 3 trainings; dots: each of them" in figure.caption
        assert_readable(figure)
        one = rows[
            (rows["scheme"] == "cf") & (rows["effects"] == "variation") & (rows["layer"] == "features.2")
        ]
        left = 100 * one.loc[one["part"] != "attenuation", "share"].sum() / 3
        heights = [bar.get_height() for bar in panels(figure)[1].patches]
        assert min(abs(height - left) for height in heights) < 1e-9
    ((_, rows),) = labels.by_network(REPEATED.layer_losses)
    figure = figures.layer_losses(rows, labels.subject(rows))
    assert "mean over 2 draws of variation of each of 3 trainings" in figure.caption
    assert_readable(figure)


def test_paired_differences_match_seeds_whatever_the_order_of_rows():
    rows = [("none", 0, 70.0), ("none", 1, 71.0), ("R", 1, 71.5), ("R", 0, 70.25), ("R", 2, 99.0)]
    table = pd.DataFrame(rows, columns=["mitigation", "seed", "accuracy"])
    table = table.assign(experiment="one", scheme="cf", crossbar_size=16)
    found = mitigations._paired_differences(table, "R", "none", "accuracy").set_index("seed")["difference"]
    assert found.to_dict() == {0: 0.25, 1: 0.5}


def test_verdict_overview_marks_every_comparison():
    overview, c1, *_ = verdict_figures()
    table = claims.examine(TABLES, PARAMS).table()
    marks = sum(
        len(line.get_xdata())
        for panel in panels(overview)
        for line in panel.lines
        if line.get_marker() != "None"
    )
    singles = table[table["level"] == "comparison"]
    networks, wholes = (sum(table["level"] == level) for level in ("network", "overall"))
    # Each panel shows the verdict on all networks too.
    assert marks == len(singles) + networks + len(panels(overview)) * wholes
    assert legend_entries(overview) == list(style.VERDICT_COLOURS)
    told = singles.loc[singles["counted"], "verdict"].value_counts()
    assert f"{told['supported']} supported" in overview.caption
    assert "Dotted: the tolerance of 2 points" in c1.caption


def test_effects_of_a_claim_stand_where_the_table_has_them():
    """Joined effects on top and large, comparisons below; every effect and interval once."""
    _, _, c2, c3, *_ = verdict_figures()
    table = claims.examine(TABLES, PARAMS).table()
    for figure, claim in ((c2, "C2"), (c3, "C3")):
        own = table[table["claim"] == claim]
        points = [
            (float(line.get_xdata()[0]), line.get_markersize())
            for panel in panels(figure)
            for line in panel.lines
            if line.get_marker() != "None" and len(line.get_xdata())
        ]
        assert sorted(x for x, _ in points) == pytest.approx(sorted(own["effect"]))
        assert sum(size > 5 for _, size in points) == sum(own["level"] != "comparison")
        bars = [
            tuple(line.get_xdata())
            for panel in panels(figure)
            for line in panel.lines
            if line.get_marker() == "None" and line.get_color() in style.VERDICT_COLOURS.values()
        ]
        assert sorted(low for low, _ in bars) == pytest.approx(sorted(own["low"]))
        assert sorted(high for _, high in bars) == pytest.approx(sorted(own["high"]))


def test_claims_of_three_trainings_and_three_sizes_are_readable():
    params = replicated(make_params(1, (16, 32, 64)), 3)
    tables = make_results(params)
    overview, _, _, _, c4, c5 = verdict_figures(params, tables)
    for figure in (overview, c4, c5):
        assert_readable(figure)


def test_files_and_captions_are_the_same_twice(tmp_path):
    saved = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        captions = figures.Captions()
        figure = figures.save(
            draw("compression"), folder, "rate", command="dvc repro figures@x", captions=captions
        )
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


def test_two_svgs_share_no_identifier(tmp_path):
    captions = figures.Captions()
    for name in ("one", "two"):
        figures.save(draw("compression"), tmp_path, name, command="x", captions=captions)
    found = [
        set(re.findall(r'clipPath id="(\w+)"', (tmp_path / f"{name}.svg").read_text()))
        for name in ("one", "two")
    ]
    assert found[0]
    assert not found[0] & found[1]


def test_a_figure_without_words_is_refused(tmp_path):
    with pytest.raises(ValueError, match="needs a title and a caption"):
        figures.save(matplotlib.figure.Figure(), tmp_path, "x", command="x", captions=figures.Captions())
    assert not list(tmp_path.iterdir())


def test_a_notebook_shows_the_same_bytes_twice():
    figure = figures.heat_map(np.arange(12.0).reshape(3, 4), "A layer", "µS", "conductance")
    assert figure._repr_png_() == figure._repr_png_()
    assert b"Software" not in figure._repr_png_()


def test_pruning_masks_give_each_layer_s_sparsity():
    masks = {"first": np.array([[1, 0], [0, 0]]), "second": np.ones((3, 2), dtype=bool)}
    figure = figures.pruning_masks(masks)
    titles = [panel.get_title() for panel in panels(figure)]
    assert titles == ["first\n2 × 2, 75.0 % removed", "second\n3 × 2, 0.0 % removed"]
    assert "Of 10 weights 3 (30.0 %) were removed" in figure.caption
    assert legend_entries(figure) == ["kept", "removed"]
    assert_readable(figure)


def test_pruning_masks_need_a_layer():
    with pytest.raises(ValueError, match="no layers"):
        figures.pruning_masks({})


def test_tile_map_counts_tiles_removed_weights_and_padding():
    owner = np.add.outer(np.arange(64) // 16 * 3, np.arange(48) // 16)
    owner[:, 5:8] = -1
    figure = figures.tile_map(owner, padding=7)
    assert "on 12 crossbars" in figure.caption
    assert f"T removed {3 * 64} weights" in figure.caption
    assert "padding, not shown (7 cells)" in legend_entries(figure)
    assert_readable(figure)


def test_neighbouring_tiles_differ_in_colour_even_across_removed_columns():
    # As many tile columns as colours: colouring by number alone would paint whole columns alike.
    owner = np.add.outer(np.arange(40) // 8 * 6, np.arange(48) // 8)
    owner[:, 8:10] = -1
    colours = network._tile_colours(owner)
    assert (colours[owner < 0] == 0).all()
    assert (colours[owner >= 0] > 0).all()
    assert all(len(np.unique(colours[owner == tile])) == 1 for tile in range(30))
    assert (colours[7::8][:-1][:, 12:] != colours[8::8][:, 12:]).all()
    assert (colours[:, 7] != colours[:, 10]).all()


def test_conductance_histograms_show_programmed_devices_in_microsiemens():
    before = {"first": np.array([[5e-6, 0.0], [15e-6, 10e-6]]), "second": np.full(4, 20e-6)}
    after = {name: 0.5 * values for name, values in before.items()}
    figure = figures.conductance_histograms(before, after, names=("none", "WCT"))
    assert "none 15.00 µS and WCT 7.50 µS" in figure.caption
    assert legend_entries(figure) == ["none", "WCT"]
    assert panels(figure)[-1].get_xlabel() == "conductance (µS)"
    assert_readable(figure)
    assert legend_entries(figures.conductance_histograms(before)) == []


def test_heat_maps_share_one_scale_and_name_the_unit():
    matrices = {"before R": np.array([[1.0, np.nan]]), "after R": np.array([[4.0, 2.0]])}
    figure = figures.heat_maps(matrices, "A layer", "µS", "conductance")
    first, second, bar = figure.axes
    assert first.images[0].get_clim() == second.images[0].get_clim() == (1.0, 4.0)
    assert bar.get_ylabel() == "conductance (µS)"
    assert "before R 1, after R 3" in figure.caption


def test_learning_curve_ends_where_the_table_ends():
    table = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [2.0, 1.0, 0.5],
            "train_accuracy": [40.0, 60.0, 71.25],
            "test_accuracy": [35.0, 55.0, 66.5],
        }
    )
    figure = figures.learning_curve(table)
    assert "71.25 %" in figure.caption
    assert "66.50 %" in figure.caption
    upper, lower = panels(figure)
    assert upper.get_ylabel() == "accuracy (%)"
    assert lower.get_ylim()[0] == 0
    assert_readable(figure)
