"""AC/DC: its rules by worked numbers, its phases, its training to the last bit, and a comparison from end to end."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import MakeNetwork, MakeParams
from subjects import bits, same
from synthetic_results import context, make_results
from synthetic_results import make_params as make_synthetic
from torch import Tensor

from xbarpaper.claims.acdc import acdc_statements
from xbarpaper.data import ImageSet
from xbarpaper.experiments import acdc, pruned, trained
from xbarpaper.experiments.experiment import Experiment, Variant
from xbarpaper.experiments.results import TABLES
from xbarpaper.networks import Network
from xbarpaper.networks.runs import Run
from xbarpaper.networks.training import train
from xbarpaper.params import AcDc as Section
from xbarpaper.params import Prune, PrunedSchemeName
from xbarpaper.pruning import AcDc, masked, scheme_named
from xbarpaper.support.errors import ArtifactError

NAME = "tiny-vgg11"
EVERYWHERE = Prune(first_convolution=True, classifier=True)
CHANGES = (1, 2, 4)
"""Dense, compressed, dense for two epochs, compressed for two."""


@pytest.mark.parametrize(
    ("epochs", "phases", "expected"),
    [
        # The published schedule on CIFAR-100: compressed 10-29, 50-69, 90-109, 130-149, 170-199.
        (200, 5, (10, 30, 50, 70, 90, 110, 130, 150, 170)),
        (40, 5, (2, 6, 10, 14, 18, 22, 26, 30, 34)),
        (12, 5, (1, 2, 3, 4, 5, 7, 8, 9, 10)),
        (20, 1, (17,)),
        (2, 1, (1,)),
    ],
)
def test_the_shares_of_the_phases_are_the_published_ones(
    epochs: int, phases: int, expected: tuple[int, ...]
) -> None:
    found = Section(compressed_phases=phases).changes(epochs)
    assert found == expected
    assert (epochs - found[-1]) / epochs >= 0.15  # it ends compressed


@pytest.mark.parametrize(("epochs", "phases"), [(10, 5), (1, 1), (40, 40)])
def test_a_phase_without_an_epoch_is_refused(epochs: int, phases: int) -> None:
    with pytest.raises(ValueError, match=f"compressed_phases = {phases} must be fewer: in {epochs} epochs"):
        Section(compressed_phases=phases).changes(epochs)


@pytest.mark.parametrize(("weights", "sparsity", "kept"), [(1000, 0.9, 99), (10, 0.75, 2)])
def test_strictly_more_than_the_kth_largest_stay(weights: int, sparsity: float, kept: int) -> None:
    class Plain(Network):
        """One layer, as far as pruning looks."""

        def __init__(self) -> None:
            torch.nn.Module.__init__(self)

        def matrices(self) -> dict[str, Tensor]:
            return {"layer": torch.randperm(weights).reshape(-1, 5) - weights / 2 + 0.25}

        def placements(self) -> dict[str, object]:
            matrix = torch.ones(weights // 5, 5, dtype=torch.bool)
            return {"layer": type("Whole", (), {"whole": lambda _: matrix})()}

        @classmethod
        def groups(cls, width: float) -> dict[str, int]:
            return {}

    mask = scheme_named("unstructured").masks(Plain(), frozenset({"layer"}), sparsity, 8)["layer"]
    assert int(mask.sum()) == kept


def test_unstructured_pruning_has_one_threshold_for_all_layers(make_network: MakeNetwork) -> None:
    network = make_network()
    result = masked(network, scheme_named("unstructured"), EVERYWHERE, 0.7, 8)
    before = network.matrices()
    kept = min(float(before[name].abs()[mask].min()) for name, mask in result.masks.items())
    gone = max(float(before[name].abs()[~mask].max()) for name, mask in result.masks.items())
    assert kept > gone
    with pytest.raises(ArtifactError, match="would lose all its weights; lower the sparsity"):
        masked(network, scheme_named("unstructured"), EVERYWHERE, 0.9999, 8)


def schedule_of(name: PrunedSchemeName) -> AcDc:
    return AcDc(scheme_named(name), EVERYWHERE, 0.6, 8, CHANGES)


def run_of(make_params: MakeParams, schedule: AcDc, resume: Path | None, average: float = 0.0) -> Run:
    settings = make_params(train={"average_decay": average}).train
    return Run("tiny", settings, 6, 0.05, 7, resume, schedule=schedule)


@pytest.mark.parametrize("name", ["cf", "xcs", "xrs", "unstructured"])
def test_masks_come_and_go_and_the_end_is_compressed(
    name: PrunedSchemeName, make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    network, schedule, seen = make_network(), schedule_of(name), list[dict[str, Tensor]]()
    free: list[bool] = []

    def look(_: int) -> None:
        seen.append({layer: weight.detach() != 0 for layer, weight in network.weights().items()})
        free.append(not schedule.masks)

    train(network, tiny_images, run_of(make_params, schedule, None), look)
    assert free == [True, False, True, True, False, False]
    living = [sum(int(mask.sum()) for mask in alive.values()) for alive in seen]
    assert living[0] >= living[3] >= living[2] > living[1]  # filters without an activation stay dead
    assert living[4] == living[5] < living[2]
    assert all(torch.equal(mask, seen[4][layer]) for layer, mask in seen[5].items())  # held in a phase
    result = schedule.pruned(network)
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():  # float32, sums in another order where filters are gone
        torch.testing.assert_close(result.network.eval()(images), network(images), rtol=1e-3, atol=1e-3)
    for layer, matrix in result.network.matrices().items():
        assert not matrix[~result.masks[layer]].any()


def test_weights_come_back_without_momentum(
    make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    momenta = list[float]()
    step = torch.optim.SGD.step

    def steps(self: torch.optim.SGD, *arguments: object) -> object:
        buffers = [state["momentum_buffer"] for state in self.state.values() if "momentum_buffer" in state]
        momenta.append(max((float(one.abs().max()) for one in buffers), default=0.0))
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.SGD, "step", steps)
    train(make_network(), tiny_images, run_of(make_params, schedule_of("xcs"), None))
    per_epoch = len(momenta) // 6
    silent = [number for number, largest in enumerate(momenta) if largest == 0]
    assert silent == [0, 2 * per_epoch]  # at the start, and as the dense phase begins


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_training_killed_again_and_again_goes_on_to_the_same_bytes(
    average: float, make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet, tmp_path: Path
) -> None:
    whole, schedule = make_network(), schedule_of("xrs")
    train(whole, tiny_images, run_of(make_params, schedule, None, average))
    told = list[list[int]]()

    def note(epochs: int) -> None:
        told[-1].append(epochs)
        if epochs in (1, 2, 3, 5):
            raise KeyboardInterrupt

    for _ in range(5):
        told.append([])
        resumed, again = make_network(), schedule_of("xrs")
        run = run_of(make_params, again, tmp_path / "run.safetensors", average)
        with suppress(KeyboardInterrupt):
            train(resumed, tiny_images, run, note)
    assert told == [[1], [2], [3], [4, 5], [6]]
    assert same(bits(resumed), bits(whole))
    assert same(again.masks, schedule.masks)
    for name, weight in resumed.weights().items():  # an average spans no change of the masks either
        assert not weight[~again.masks[name]].any()


def test_another_schedule_is_another_run(
    make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet, tmp_path: Path
) -> None:
    path, told = tmp_path / "run.safetensors", list[int]()
    train(make_network(), tiny_images, run_of(make_params, schedule_of("xrs"), path))
    other = AcDc(scheme_named("xrs"), EVERYWHERE, 0.5, 8, CHANGES)
    train(make_network(), tiny_images, run_of(make_params, other, path), told.append)
    assert told == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("with_images")
def test_an_experiment_compares_both_schedules_on_the_same_devices(make_params: MakeParams) -> None:
    params = make_params(acdc={"schemes": ("xcs", "unstructured")})
    work = Experiment(NAME, params)
    trained.train(work)
    gradual = pruned.prune(work, "xcs", (8,))[0]
    alternated = acdc.train(work)
    assert [len(one.training) for one in alternated] == [params.pruned_epochs] * 2
    phases = acdc.by_phase(params, alternated)
    assert phases["phase"].tolist() == ["dense", "compressed"]
    assert phases["xcs"].iloc[-1] == alternated[0].software["accuracy"].iloc[0]
    table = acdc.compare(work, alternated)
    assert tuple(table.columns) == TABLES["acdc"].columns
    assert table["schedule"].tolist() == (["gradual"] * 2 + ["AC/DC"] * 2) * 2
    assert table["software_accuracy"].iloc[0] == gradual.run.checkpoint.metadata.software_accuracy
    crossbars = table.groupby("scheme")["crossbars"].max()
    assert crossbars["xcs"] < crossbars["unstructured"]
    trainings = (alternated, acdc.train(work))
    first, again = ([one.checkpoint.metadata.tensors_digest for one in made] for made in trainings)
    assert first == again
    assert work.checkpoint_path(Variant("xcs", 8)).exists()


def judged(table: pd.DataFrame) -> dict[str, tuple[str, float]]:
    found = acdc_statements(context(make_synthetic(1, (16,), further=True)), table)
    return {one.id: (one.overall, one.cases[-1].effect or 0.0) for one in found}


def test_b1_and_b2_are_read_from_intervals() -> None:
    table = make_results(make_synthetic(1, (16,), further=True)).acdc
    b1, b2 = pytest.approx(6.0), pytest.approx(2.98, abs=0.01)
    assert judged(table) == {"B1": ("supported", b1), "B2": ("supported", b2)}
    by_acdc = table["schedule"] == "AC/DC"
    # Worse in software by as much, and it still loses less: B2 is about the better of the two, whichever it is.
    worse = table.assign(**{one: table[one] - 12.0 * by_acdc for one in ("accuracy", "software_accuracy")})
    b1, b2 = pytest.approx(-6.0), pytest.approx(-2.98, abs=0.01)
    assert judged(worse) == {"B1": ("contradicted", b1), "B2": ("contradicted", b2)}
    alike = table.assign(software_accuracy=90.0, accuracy=80.0 + 0.1 * table["seed"])
    assert judged(alike) == {"B1": ("undecided", 0.0), "B2": ("no effect", 0.0)}
    guessing = table.assign(software_accuracy=90.0, accuracy=10.0)
    assert judged(guessing)["B2"][0] == "not testable"
    assert judged(table[:0]) == {}
