"""D1 to D3 on invented tables whose truth is known, and what must hold for any of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_results import SCHEMES, context, make_params, make_results

from xbarpaper import claims
from xbarpaper.claims import ClaimReport, hardware, hardware_tables
from xbarpaper.claims.schema import OUTCOMES

PARAMS = make_params(1, (16,), further=True)
TABLES = make_results(PARAMS)
CONTEXT = context(PARAMS)
BITS = (8, 7, 6, 5, 4, 3)


def energies(rates: dict[str, float], ratios: dict[str, dict[str, float]]) -> pd.DataFrame:
    """A table of energies: the rate of each scheme, and by converter what each saves."""
    rows = [
        {"adc": adc, "scheme": scheme, "compression_rate": rates[scheme], "energy_ratio": ratio}
        for adc, own in ratios.items()
        for scheme, ratio in own.items()
    ]
    place = {"experiment": "made-up-0", "crossbar_size": 16, "columns": "used", "mitigation": "none"}
    return pd.DataFrame(rows).assign(**place)


def converters(needed: dict[str, int], images: int, lost: float = 20.0, changed: float = 0.2) -> pd.DataFrame:
    """A table of networks that lose a tenth of a point from so many bits on, and ``lost`` points with fewer."""
    rows = []
    for scheme, enough in needed.items():
        rows.append({"scheme": scheme, "adc_bits": 0, "accuracy": 80.0, "changed": 0.0})
        for bits in BITS:
            off = 0.1 if bits >= enough else lost
            measured = {"accuracy": 80.0 - off, "changed": off + changed}
            rows.append({"scheme": scheme, "adc_bits": bits} | measured)
    return pd.DataFrame(rows).assign(experiment="made-up-0", crossbar_size=16, images=images)


def test_orders_count_pairs_and_ties() -> None:
    rates = {"unpruned": 1, "cf": 4, "xcs": 2, "xrs": 4}
    table = energies(rates, {"isaac": {"unpruned": 1, "cf": 3, "xcs": 3.5, "xrs": 3}})
    (row,) = hardware_tables.orders(table).to_dict("records")
    # cf and xrs tie in both; xcs is before them by rate and behind them by energy
    assert (row["pairs"], row["same_order"], row["same"]) == (6, 4, False)
    assert row["by_energy"] == "unpruned < C/F < XRS < XCS"
    assert row["by_rate"] == "unpruned < XCS < C/F < XRS"


@given(
    st.lists(st.integers(1, 40), min_size=4, max_size=4, unique=True),
    st.lists(st.integers(0, 1), min_size=1, max_size=4),
)
def test_energy_follows_compression_where_it_does_so_for_every_converter(
    rates: list[int], turned: list[int]
) -> None:
    """A converter whose energy rises with the rate agrees, one whose energy falls with it does not."""
    by_scheme = dict(zip(SCHEMES, map(float, rates), strict=True))
    ratios = {
        f"converter {number}": {scheme: 1 / rate if off else rate**0.5 for scheme, rate in by_scheme.items()}
        for number, off in enumerate(turned)
    }
    found = hardware.energy_order(CONTEXT, energies(by_scheme, ratios))
    expected = "supported" if not any(turned) else "contradicted" if all(turned) else "undecided"
    assert found.overall == expected
    (case,) = found.cases
    assert case.low <= case.effect <= case.high <= 6
    assert f"in {turned.count(0)} of {len(turned)} cases" in found.summary


@pytest.mark.parametrize(
    ("needed", "images", "expected"),
    [
        ({"unpruned": 7, "cf": 5, "xcs": 6}, 100_000, "supported"),
        ({"unpruned": 5, "cf": 6, "xcs": 7}, 100_000, "contradicted"),
        ({"unpruned": 6, "cf": 6, "xcs": 6}, 100_000, "no effect"),
        ({"unpruned": 7, "cf": 5, "xcs": 6}, 50, "undecided"),
        ({"unpruned": 9, "cf": 5, "xcs": 6}, 100_000, "supported"),  # more than were tried
        ({"unpruned": 6, "cf": 9, "xcs": 6}, 100_000, "contradicted"),
        ({"unpruned": 9, "cf": 9, "xcs": 9}, 100_000, "not testable"),
    ],
)
def test_sparsity_saves_bits_as_far_as_the_images_tell(
    needed: dict[str, int], images: int, expected: str
) -> None:
    found = hardware.bits_saved(CONTEXT, converters(needed, images))
    assert found.overall == found.cases[0].verdict == expected
    assert len(found.cases) == len(needed)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=len(BITS), max_size=len(BITS)),
    st.integers(100, 10_000),
    st.floats(0.5, 0.99),
)
def test_needed_bits_lie_in_their_range(moves: list[tuple[int, int]], images: int, confidence: float) -> None:
    """Images that went wrong and images that went right, by the bits of a conversion."""
    rows = [{"adc_bits": 0, "accuracy": 70.0, "changed": 0.0}]
    for bits, (wrong, right) in zip(BITS, moves, strict=True):
        accuracy = 70 - 100 * (wrong - right) / images
        rows.append({"adc_bits": bits, "accuracy": accuracy, "changed": 100 * (wrong + right) / images})
    table = pd.DataFrame(rows).assign(experiment="e", scheme="cf", crossbar_size=16, images=images)
    found, surer = (
        hardware_tables.needed(table, PARAMS.periphery, level).fillna(99).iloc[0]
        for level in (confidence, (1 + confidence) / 2)
    )
    assert surer["lowest_bits"] <= found["lowest_bits"] <= found["needed_bits"] <= found["highest_bits"]
    assert found["highest_bits"] <= surer["highest_bits"]


@pytest.mark.parametrize("images", [80, 1000])
def test_the_interval_of_a_loss_on_the_same_images_holds_as_often_as_it_says(images: int) -> None:
    shares = np.array([0.08, 0.03, 0.89])  # right to wrong, wrong to right, the same
    draws = np.random.default_rng(0).multinomial(images, shares, 4000) / images * 100
    held = 0
    for wrong, right, _ in draws:
        low, high = hardware_tables.paired_loss(wrong - right, wrong + right, images, 0.95)
        held += low <= 5.0 <= high
    assert 0.93 <= held / len(draws) <= 0.99


@pytest.mark.parametrize(
    ("plain", "there", "expected"),
    [
        ("supported", "supported", "supported"),
        ("no effect", "no effect", "supported"),
        ("supported", "contradicted", "contradicted"),
        ("supported", "no effect", "contradicted"),
        ("contradicted", "undecided", "undecided"),
        ("supported", "not testable", "not testable"),
        ("undecided", "supported", "not testable"),
        ("not testable", "supported", "not testable"),
    ],
)
def test_what_survives(plain: str, there: str, expected: str) -> None:
    assert hardware.survived(plain, there) == expected


def on_devices(lost: dict[str, float]) -> pd.DataFrame:
    """Three draws: pruned networks lose so many points more than the unpruned one, by the strength of an effect."""
    rows = []
    for value, more in lost.items():
        for scheme in SCHEMES:
            for seed, jitter in enumerate((-0.1, 0.0, 0.1)):
                off = 5.0 + (more + jitter if scheme != "unpruned" else 0.0)
                place = {"axis": "stuck_low", "value": value, "second": np.nan, "mitigation": "none"}
                reached = {"accuracy": 90.0 - off, "software_accuracy": 90.0}
                rows.append({**place, "scheme": scheme, "sparsity": 0.8, "seed": seed, **reached})
    named = {"experiment": "made-up-0", "dataset": "shapes10", "network": "vgg11", "crossbar_size": 16}
    return pd.DataFrame(rows).assign(**named)


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ({"0": 6.0, "0.1": 9.0}, "supported"),
        ({"0": 6.0, "0.1": 9.0, "0.2": -6.0}, "contradicted"),
        ({"0": 0.3, "0.1": 6.0}, "not testable"),
    ],
)
def test_a_finding_survives_where_its_verdict_does(lost: dict[str, float], expected: str) -> None:
    found = hardware.survival(CONTEXT, on_devices(lost))
    assert found.overall == expected
    assert len(found.cases) == len(lost) - 1


def test_a_report_holds_them_where_they_were_measured(tmp_path: Path) -> None:
    report = claims.examine(TABLES, PARAMS)
    assert [one.id for one in report.own if one.id.startswith("D")] == ["D1", "D2", "D3"]
    assert all(one.cases and one.overall in OUTCOMES for one in report.own)
    assert all(report.rules[one.id] == one.rule for one in report.own)
    path, _ = report.write(tmp_path)
    again = ClaimReport.read(path).own
    assert [(one.overall, one.summary) for one in again] == [(one.overall, one.summary) for one in report.own]
    others = (
        "energy", "device_effects", "adversarial", "acdc", "spiking", "on_crossbar_training", "batch_norms",
    )  # fmt: skip
    nothing = {name: getattr(TABLES, name).iloc[:0] for name in others}
    assert [one.id for one in claims.examine(replace(TABLES, **nothing), PARAMS).own] == ["D2"]
