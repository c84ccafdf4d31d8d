"""Invented results with a known truth, for tests only: nothing here was measured."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from xbarpaper.claims import statements
from xbarpaper.claims.context import Context
from xbarpaper.experiments import results
from xbarpaper.experiments.published.batch_norms import disturbances
from xbarpaper.experiments.published.numbers import PUBLISHED, lost_under_devices
from xbarpaper.params import Effects, Params, load
from xbarpaper.params.names import SCHEDULES
from xbarpaper.support import files
from xbarpaper.support.validation import parse

Row = dict[str, Any]

SCHEMES = ("unpruned", "cf", "xcs", "xrs")
LOSSES = {"unpruned": 8.0, "cf": 14.0, "xcs": 11.0, "xrs": 12.0}
SHARES = {"unpruned": 0.55, "cf": 0.62, "xcs": 0.6, "xrs": 0.58}
SOFTWARE = {"unpruned": 90.0, "cf": 86.0, "xcs": 89.5, "xrs": 89.0}


def make_params(
    experiments: int = 2, sizes: tuple[int, ...] = (16, 32), *, seeds: int = 5,
    training_seeds: tuple[int, ...] = (0,), further: bool = False,
) -> Params:  # fmt: skip
    """The active profile with other experiments and sizes.

    Args:
        experiments: networks, VGG11 and VGG16 in turn.
        sizes: of crossbars.
        seeds: of device variation.
        training_seeds: each network is trained once with each of them.
        further: whether the first experiment has a sensitivity and mitigations beyond the paper's.
    """
    tree = load("params.yaml").model_dump(mode="json")
    first = {"dataset": "shapes10", "width": 0.25, "sparsity": 0.8}
    networks = itertools.cycle(["vgg11", "vgg16"])
    made = {
        f"made-up-{index}" + (f"-seed{seed}" if rank else ""): first
        | {"network": network, "training_seed": seed}
        for index, network in zip(range(experiments), networks, strict=False)
        for rank, seed in enumerate(training_seeds)
    }
    tree["profile"] = "made-up"
    tree["datasets"] = {"shapes10": tree["datasets"].get("shapes10", _SHAPES)}
    tree["experiments"] = made
    tree["mapping"]["crossbar_sizes"] = list(sizes)
    listed = list(made)[:1] if further else []
    for section in ("sensitivity", "effects"):
        tree[section] |= {"experiments": listed, "crossbar_size": sizes[0]}
    tree["beyond"]["experiments"] = listed
    tree["search"] |= {"experiments": listed, "crossbar_size": sizes[-1]}
    tree["published"] |= {
        "experiments": listed, "crossbar_sizes": [64, 128], "r_min_ohms": [20e3, 100e3],
        "read_sigmas": [0.05, 0.1, 0.15, 0.25, 0.35], "drift_seconds": [1e4, 1e10],
    }  # fmt: skip
    tree["periphery"]["experiments"] = listed
    tree["costs"]["experiments"] = listed
    tree["adversarial"] |= {"experiments": listed, "schemes": list(SCHEMES)}
    schemes = ["cf", "xcs", "unstructured"]
    tree["acdc"] |= {"experiments": listed, "schemes": schemes, "crossbar_size": sizes[-1]}
    tree["spiking"] |= {
        "experiments": listed, "crossbar_sizes": list(sizes), "steps": [1, 4, 16], "train_steps": 4,
        "variation_seeds": seeds,
    }  # fmt: skip
    tree["on_crossbar_training"] |= {
        "experiments": listed, "crossbar_size": sizes[-1], "write_nonlinearity": 0.1, "write_noise": 0.1,
        "write_nonlinearities": [0.0, 1.0], "write_noises": [0.0, 0.3], "on_off_ratios": [5.0, 100.0],
        "refresh_steps": 20, "training_seeds": seeds,
    }  # fmt: skip
    tree["evaluation"]["variation_seeds"] = seeds
    tree["evaluation"]["gains"] = ["none", "layer", "tile", "column"]
    tree["readout"]["gain"] = "layer"
    tree["claims"]["bootstrap_resamples"] = 200
    return parse(tree, "synthetic", Params)


def replicated(params: Params, seeds: int) -> Params:
    """The same networks, each trained ``seeds`` times."""
    tree = params.model_dump(mode="json")
    tree["experiments"] = {
        f"{name}-{seed}": experiment | {"training_seed": seed}
        for name, experiment in tree["experiments"].items()
        for seed in range(seeds)
    }
    return parse(tree, "synthetic", Params)


def context(params: Params, chance: float = 10.0) -> Context:
    """What statements are tested with on invented tables."""
    return Context(params, {"shapes10": chance}, _statements(), {"shapes10": 2000})


_statements = cache(statements.load)


_SHAPES = {"kind": "shapes10", "train_images": 100, "test_images": 2000, "noise_sigma": 0.1, "seed": 0}


def make_results(
    params: Params, *, rearrange_points: float = 0.5, wct_points: float = 1.2, wct_software_points: float = 0.2,
    wct_share: float = 0.1, losses: dict[str, float] | None = None, software: dict[str, float] | None = None,
    compression: float = 4.0, noise: float = 0.15,
) -> results.Results:  # fmt: skip
    """Tables whose effects have the sizes asked for, points of accuracy, with seed-to-seed ``noise``."""
    losses, software = losses or LOSSES, software or SOFTWARE
    random, usual = np.random.default_rng(1), params.readout.gain
    seeds = range(params.evaluation.variation_seeds)
    gains = {"R": rearrange_points, "WCT": wct_points, "R+WCT": rearrange_points + wct_points, "none": 0.0}
    evaluation, layers, trained, epochs = [], [], [], []
    for name, scheme in itertools.product(params.experiments, SCHEMES):
        whole, sizes = scheme == "unpruned", params.mapping.crossbar_sizes
        fewer, sparsity = (1.0, 0.0) if whole else (compression, params.experiments[name].sparsity)
        kept = dict(_named(params, name), scheme=scheme, sparsity=sparsity)
        for size in sizes:
            shared, loss = random.normal(0, 0.6, len(seeds)), losses[scheme] * (0.6 + 0.02 * size)
            for mitigation, gained in gains.items():
                wct = "WCT" in mitigation
                share = SHARES[scheme] + wct_share * wct
                place = dict(kept, crossbar_size=size, mitigation=mitigation)
                fixed = dict(
                    place, software_accuracy=software[scheme] + wct_software_points * wct, nf=0.2 + size / 400,
                    low_conductance_share=share, crossbars=int(4096 * 16**2 // size**2 / fewer), compression_rate=fewer,
                )  # fmt: skip
                runs = [("both", gain, seed) for gain in params.evaluation.gains for seed in seeds]
                if mitigation == "none":
                    runs += [*(("variation", usual, seed) for seed in seeds), ("wires", usual, np.nan)]
                for effects, gain, seed in runs:
                    offset = {"none": -30.0, "layer": 0.0, "tile": 0.5, "column": 1.0}[gain]
                    offset += {"both": 0.0, "variation": 0.8 * loss, "wires": 0.2 * loss}[effects]
                    jitter = 0.0 if np.isnan(seed) else shared[int(seed)] + random.normal(0, noise)
                    accuracy = round(software[scheme] - loss + gained + offset + jitter, 4)
                    evaluation.append(dict(fixed, effects=effects, gain=gain, seed=seed, accuracy=accuracy))
                layers += [
                    dict(
                        place, layer=f"features.{n}", rows=64 * n, columns=32 * n, kept_weights=400 * n, crossbars=4 * n,
                        crossbars_unpruned=int(4 * n * fewer), utilisation=0.9, compression_rate=fewer,
                        low_conductance_share=share - 0.02 * n, nf=0.25 + size / 400 - 0.3 * (share - 0.02 * n),
                    )
                    for n in range(1, 9)
                ]  # fmt: skip
        for step in ("trained",) if whole else ("pruned", "fine-tuned", "wct"):
            for size in (np.nan,) if scheme in ("unpruned", "cf") else sizes:
                place = dict(kept, crossbar_size=size, step=step)
                reached = software[scheme] - (20.0 if step == "pruned" else 0.0)
                trained.append(dict(place, accuracy=reached, test_images=2000, hardware="a made-up machine"))
                epochs += [
                    dict(
                        place, epoch=n, learning_rate=0.1 / n, train_loss=1.0 / n, train_accuracy=95 - 40 / n,
                        test_accuracy=software[scheme] - 30 / n,
                    )
                    for n in range(1, 5)
                    if step != "pruned"
                ]  # fmt: skip
    tables = {"evaluation": evaluation, "layers": layers, "software": trained, "training": epochs}
    tables |= {
        **_mechanism(params, losses), **_surveyed(params, software), **_beyond(params, losses, software),
        **_search(params, losses, software), **_published(params, losses, software),
        "converters": _converters(params, losses, software), "energy": _energy(params),
        "adversarial": _adversarial(params, losses, software), "acdc": _acdc(params, losses, software),
        **_spiking(params), "on_crossbar_training": _on_crossbar_training(params),
    }  # fmt: skip
    columns = {name: list(described.columns) for name, described in results.TABLES.items()}
    return results.Results(**{name: pd.DataFrame(tables[name], columns=columns[name]) for name in columns})


LAYERS = [*(f"features.{index}" for index in range(7)), "classifier"]
RECOVERED = {
    "none": 0.0, "R": 0.02, "WCT": 0.15, "R+WCT": 0.18, "R2D": 0.3, "BN": 0.55, "R2D+BN": 0.7, "tuned": 0.85,
    "tuned+BN": 0.95, "PC": 0.6, "PC+BN": 0.8, "norms": 0.6, "PC+norms": 0.85, "PC/chip": 0.75,
}  # fmt: skip
"""Share of the lost accuracy that each mitigation wins back, in the invented tables."""


def _named(params: Params, experiment: str) -> Row:
    section = params.experiments[experiment]
    return {"experiment": experiment, "dataset": section.dataset, "network": section.network}


def _networks(params: Params, experiments: Iterable[str]) -> Iterator[tuple[str, int, Row]]:
    """Every scheme of these experiments on crossbars of every size."""
    for experiment, scheme, size in itertools.product(experiments, SCHEMES, params.mapping.crossbar_sizes):
        yield scheme, size, dict(_named(params, experiment), scheme=scheme, crossbar_size=size)


def _losing(software: float, lost: float) -> Row:
    return {"accuracy": software - lost, "software_accuracy": software}


def _mechanism(params: Params, losses: dict[str, float]) -> dict[str, list[Row]]:
    random = np.random.default_rng(2)
    errors, exchanges, size = [], [], params.mapping.crossbar_sizes[-1]
    shares = {"attenuation": 0.3, "crossbars": 0.005, "columns": 0.004, "rows": 0.006, "rest": 0.01}
    for experiment, scheme in itertools.product(params.experiments, SCHEMES):
        common = dict(_named(params, experiment), scheme=scheme, crossbar_size=size)
        for layer, effects, (part, share) in itertools.product(LAYERS, get_args(Effects), shares.items()):
            own = {"layer": layer, "effects": effects, "part": part}
            errors.append(common | own | {"share": share * random.uniform(0.5, 2)})
        for seed, layer in itertools.product(range(2), LAYERS):
            lost = losses[scheme] / len(LAYERS) * random.uniform(0.2, 1.5)
            exchanges.append(dict(common, seed=seed, layer=layer, lost_alone=lost, won_back=1.2 * lost))
    return {"errors": errors, "layer_losses": exchanges}


def _surveyed(params: Params, software: dict[str, float]) -> dict[str, list[Row]]:
    places = [("on_off", "2", np.nan), ("on_off", "10", np.nan), ("gain", "layer", np.nan), ("map", "2", 0.5)]
    worse = [("levels", "any"), ("levels", "4"), ("stuck_low", "0"), ("stuck_low", "0.1")]
    return {
        "sensitivity": _at(params, places, software),
        "device_effects": _at(params, [(axis, value, np.nan) for axis, value in worse], software),
    }


def _at(params: Params, places: list[tuple[str, str, float]], software: dict[str, float]) -> list[Row]:
    settings = params.sensitivity
    return [
        dict(
            _named(params, experiment), axis=axis, value=value, second=second, scheme=scheme, sparsity=0.8, seed=seed,
            crossbar_size=settings.crossbar_size, mitigation="none", **_losing(software[scheme], 10 - seed),
        )
        for experiment, scheme in itertools.product(settings.experiments, SCHEMES)
        for (axis, value, second), seed in itertools.product(places, range(2))
    ]  # fmt: skip


def _beyond(params: Params, losses: dict[str, float], software: dict[str, float]) -> dict[str, list[Row]]:
    random, seeds = np.random.default_rng(3), range(params.evaluation.variation_seeds)
    recovery, costs = [], []
    for scheme, size, fixed in _networks(params, params.beyond.experiments):
        loss = losses[scheme] * (0.6 + 0.02 * size)
        for rank, (mitigation, share) in enumerate(RECOVERED.items()):
            place = dict(fixed, mitigation=mitigation)
            named = dict(place, sparsity=0.8, gain=params.readout.gain, software_accuracy=software[scheme])
            for seed in seeds:
                reached = software[scheme] - loss * (1 - share) + random.normal(0, 0.15)
                recovery.append(dict(named, seed=seed, accuracy=reached))
            made = {"training_images": 500 * rank, "chip_images": 10 * rank, "circuit_solutions": rank}
            costs.append(dict(place, **made, chip_solutions=0))
    return {"recovery": recovery, "costs": costs}


STRONGEST = {
    "none": 0.0, "R": 0.02, "best R": 0.1, "unmoved": 0.08, "WCT": 0.15, "best WCT": 0.3, "unlimited": 0.12,
}  # fmt: skip
"""Share of the lost accuracy that the forms of R and WCT win back, in the invented tables."""


def _search(params: Params, losses: dict[str, float], software: dict[str, float]) -> dict[str, list[Row]]:
    random, seeds = np.random.default_rng(4), range(params.evaluation.variation_seeds)
    space, strongest = [], []
    for experiment in params.search.experiments:
        common = dict(_named(params, experiment), crossbar_size=params.search.crossbar_size, pruned="trained")
        for rank in range(6):
            gained = {"gained": rank - 2.0, "gained_low": rank - 2.5, "gained_high": rank - 1.5}
            evaluated = dict(gained, accuracy=80.0 + rank, software_accuracy=90.0, draws=2)
            setting = dict(common, setting=f"setting {rank}", chosen=rank == 5, images=500)
            order = {"predicted_error": 4.0 - rank / 2, "range": "layer" if rank % 2 else "crossbar"}
            limit = {"cut_quantile": 0.8 + rank / 50, "range": ("old", "new")[rank % 2], "rounds": rank % 3}
            space.append(dict(setting, mitigation="R", **order, **(evaluated if rank else {})))
            space.append(dict(setting, mitigation="WCT", **limit, **evaluated))
        for scheme, mitigation, seed in itertools.product(SCHEMES, STRONGEST, seeds):
            lost = losses[scheme] * (1 - STRONGEST[mitigation]) + random.normal(0, 0.1)
            row = common | {"scheme": scheme, "sparsity": 0.8, "effects": "both", "gain": params.readout.gain}
            row |= {"mitigation": mitigation, "setting": mitigation, "seed": seed}
            strongest.append(row | _losing(software[scheme], lost))
    return {"search": space, "strongest": strongest}


def _published(params: Params, losses: dict[str, float], software: dict[str, float]) -> dict[str, list[Row]]:
    """Under 100 kΩ and no gain all is as published; otherwise ten points more are lost."""
    compared, like, limits = [], [], []
    settings, seeds = params.published, range(params.published.variation_seeds)
    for experiment in settings.experiments:
        named = _named(params, experiment)
        for one, r_min, gain in itertools.product(PUBLISHED, settings.r_min_ohms, settings.gains):
            lost = one.lost + (0.0 if (r_min, gain) == (100e3, "none") else 10.0)
            row = dict(
                named, source=one.source, setting=one.setting, scheme=one.scheme, crossbar_size=one.crossbar_size,
                mitigation=one.mitigation, effects=one.effects, digital_classifier=one.digital_classifier,
                published=one.lost, r_min_ohm=r_min, gain=gain, lost=lost, **_losing(software["unpruned"], lost),
            )  # fmt: skip
            compared += [dict(row, seed=seed) for seed in ([None] if one.effects == "wires" else seeds)]
        for scheme, mitigation, seed in itertools.product(SCHEMES, ("none", "R", "WCT"), seeds):
            lost = losses[scheme] - (0.1 * seed + 2.0 if mitigation == "WCT" else 0.0)
            row = named | {"scheme": scheme, "sparsity": 0.8, "seed": seed}
            row |= {"crossbar_size": max(params.mapping.crossbar_sizes)}
            row |= {"mitigation": mitigation, "effects": "both", "gain": "none", "r_min_ohm": 100e3}
            like.append(row | _losing(software[scheme], lost))
        for (axis, value, acting), size, mitigation in itertools.product(
            disturbances(settings), settings.crossbar_sizes, ("none", "BN", "norms")
        ):
            lost = {"none": 20 + 100 * value, "BN": 2 + 60 * value, "norms": 1 + 50 * value}[mitigation]
            parts = {"error": 0.1 + value / 2, "rest": value / 2}
            if axis == "drift":
                lost, parts = {"none": 60, "BN": 5, "norms": 2}[mitigation], {"error": 0.6, "rest": 0.01}
            row = dict(
                named, crossbar_size=size, r_min_ohm=100e3, gain="none", axis=axis, value=value, mitigation=mitigation,
                published=lost_under_devices(axis, value, size, mitigation), **parts,
            )  # fmt: skip
            for seed in seeds if acting else [None]:
                own = lost + (seed or 0) / 10 * (mitigation != "none" or axis == "read noise")
                limits.append(dict(row, seed=seed, lost=own, **_losing(software["unpruned"], own)))
    return {"published": compared, "published_like": like, "batch_norms": limits}


def _converters(params: Params, losses: dict[str, float], software: dict[str, float]) -> list[Row]:
    """Six bits are as good as ideal converters; each bit less costs ten points."""
    rows = []
    for scheme, _, place in _networks(params, params.periphery.experiments):
        for bits in (0, 4, 5, 6, 7):
            off = 10 * max(0, 6 - (bits or 6))
            row = dict(place, adc_bits=bits, images=1000, accuracy=software[scheme] - losses[scheme] - off)
            rows.append(dict(row, changed=off + (0.5 if bits else 0.0)))
    return rows


def _energy(params: Params) -> list[Row]:
    rows = []
    rates = {"unpruned": 1.0, "cf": 4.0, "xcs": 2.0, "xrs": 3.6}
    parts = {"adc_uj": 0.7, "driver_uj": 0.1, "array_uj": 0.05, "digital_uj": 0.05, "memory_uj": 0.1}
    usual = params.costs.adc, params.costs.columns
    for scheme, size, place in _networks(params, params.costs.experiments):
        rate = rates[scheme]
        for adc, columns in itertools.product(("isaac", "cimloop"), ("used", "all")):
            ratio = rate * (1.1 if columns == "used" and scheme == "xcs" else 0.8) * (1 + size / 500)
            energy = 80 / size / ratio
            rows += [
                dict(
                    place, mitigation=mitigation, adc=adc, columns=columns, crossbars=int(1000 / size / rate),
                    compression_rate=rate, macs=1000, conversions=500, drives=600, energy_uj=energy, adc_share=0.7,
                    area_mm2=1.0, latency_us=100.0, energy_ratio=ratio, area_ratio=rate, latency_ratio=1.0,
                    **{part: share * energy for part, share in parts.items()},
                )
                for mitigation in (("none", "R", "WCT", "PC") if (adc, columns) == usual else ("none",))
            ]  # fmt: skip
    return rows


def _adversarial(params: Params, losses: dict[str, float], software: dict[str, float]) -> list[Row]:
    """Crossbars give ten points where the attacker does not know them, fifteen where they are largest, else none.

    Pruned networks gain two points more than unpruned ones; FGSM is five points weaker than PGD.
    """
    settings, rows = params.adversarial, []
    by_attacker = {"SS": [None], "chip": range(settings.known_chips)}
    for scheme, size, place in _networks(params, settings.experiments):
        for attack, attacker in itertools.product(("fgsm", "pgd", "square"), ("SS", "SH", "HH", "chip")):
            chips = by_attacker.get(attacker, [] if attack == "square" else range(settings.variation_seeds))
            gained, spread = {"SH": (10.0, 0.1), "HH": (0.0, 0.05)}.get(attacker, (0.0, 0.0))
            if attacker == "SH" and size == max(params.mapping.crossbar_sizes):
                gained, spread = gained + 5.0, spread + 0.1
            if attacker == "SH" and scheme != "unpruned":
                gained, spread = gained + 2.0, spread + 0.05
            clean = software[scheme] - (0.0 if attacker == "SS" else losses[scheme])
            for epsilon in (settings.square_epsilon,) if attack == "square" else settings.epsilons:
                left = 40 - 1000 * epsilon + gained + {"fgsm": 5.0, "pgd": 0.0, "square": 8.0}[attack]
                row = dict(place, sparsity=0.8, attack=attack, epsilon=epsilon, attacker=attacker, images=50)
                rows += [
                    dict(row, seed=seed, accuracy=left + spread * ((seed or 0) - 1), clean_accuracy=clean)
                    for seed in chips
                ]
    return rows


def _acdc(params: Params, losses: dict[str, float], software: dict[str, float]) -> list[Row]:
    """AC/DC keeps six points more in software and loses three points less on crossbars."""
    rows, settings = [], params.acdc
    for experiment, scheme, schedule, seed in itertools.product(
        settings.experiments, settings.schemes, SCHEDULES, range(settings.variation_seeds)
    ):
        better = schedule == "AC/DC"
        lost = losses.get(scheme, 10.0) + 0.1 * seed - 3.0 * better + 0.05 * better * (seed % 2)
        row = _named(params, experiment) | {"scheme": scheme, "sparsity": 0.8}
        row |= {"crossbar_size": settings.crossbar_size}
        row |= {"schedule": schedule, "gain": params.readout.gain, "seed": seed}
        row |= {"crossbars": 100, "compression_rate": 4.0}
        rows.append(row | _losing(software.get(scheme, 85.0) + 6.0 * better, lost))
    return rows


def _spiking(params: Params) -> dict[str, list[Row]]:
    """Errors and losses grow with the logarithm of the steps; the converted network loses four times as much."""
    random, settings = np.random.default_rng(4), params.spiking
    rows, energy = [], []
    parts = ("adc_uj", "driver_uj", "array_uj", "digital_uj", "memory_uj")
    for experiment, kind, size, steps in itertools.product(
        settings.experiments, ("trained", "converted"), settings.crossbar_sizes, settings.steps
    ):
        place = dict(_named(params, experiment), kind=kind, coding="direct", crossbar_size=size, steps=steps)
        software = {"trained": 70.0, "converted": 80.0 if steps > 1 else 20.0}[kind]
        lost = {"trained": 3.0, "converted": 12.0}[kind] + np.log2(steps)
        for noise, seed in itertools.product(("none", "fresh"), range(settings.variation_seeds)):
            reached = _losing(software, lost + random.normal(0, 0.1))
            error = 0.1 + 0.01 * lost + random.normal(0, 0.001)
            found = {"read_noise": noise, "seed": seed, "spike_rate": 0.1, "output_error": error}
            rows.append(place | found | reached)
        energy.append(
            dict(
                place, conversions=100 * steps, energy_uj=1.0 * steps, latency_us=10.0 * steps,
                **dict.fromkeys(parts, 0.2 * steps),
            )
        )  # fmt: skip
    return {"spiking": rows, "spiking_energy": energy}


def _on_crossbar_training(params: Params) -> list[Row]:
    """Losses grow with non-linearity, noise, ON/OFF ratio and the number of phases, and not with the steps."""
    random, settings = np.random.default_rng(5), params.on_crossbar_training
    usual, rows = settings.usual(params.devices), []
    changes: list[Row] = [{"phases": phase} for phase in settings.phases]
    changes += [{}, {"refresh_steps": 1}]
    changes += [{"write_nonlinearity": value} for value in settings.write_nonlinearities]
    changes += [{"write_noise": value} for value in settings.write_noises]
    changes += [{"on_off_ratio": value} for value in settings.on_off_ratios]
    for experiment, change in itertools.product(settings.experiments, changes):
        case = usual | change
        lost = 5.0 if case["phases"] == usual["phases"] else 2.0
        lost += 10 * (case["write_nonlinearity"] - 0.1) + 20 * (case["write_noise"] - 0.1)
        lost += 2 * (case["on_off_ratio"] > 50)
        for seed in range(settings.training_seeds):
            reached = _losing(60.0 + seed, lost + random.normal(0, 0.05))
            place = _named(params, experiment) | {"crossbar_size": settings.crossbar_size, "seed": seed}
            rows.append(place | case | reached)
    return rows


def write_stages(folder: Path, params: Params, tables: results.Results) -> None:
    """Write tables as the stages would, mitigations and training steps apart."""
    step = {"trained": "01_train", "wct": "08_wct"}
    mitigation = {"R": "07_rearrange", "WCT": "08_wct", "R+WCT": "08_wct"}
    pruned = {"cf": "02_prune_cf", "xcs": "03_prune_xcs", "xrs": "04_prune_xrs"}
    for name, described in results.TABLES.items():
        table = getattr(tables, name)
        for experiment in described.experiments(params):
            own = table[table["experiment"] == experiment]
            if "step" in own:
                stages = own["step"].map(step).fillna(own["scheme"].map(pruned))
            else:
                stages = pd.Series(described.stages[0], own.index)
                if len(described.stages) > 1:
                    stages = own["mitigation"].map(mitigation).fillna(described.stages[0])
            for stage in described.stages:
                target = folder / experiment / stage / f"{described.file or name}.csv"
                files.write_table(target, own[stages == stage])
