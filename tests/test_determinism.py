"""The same code, parameters and machine give the same bytes, and what is measured does so on any number of threads.

Whole pipelines run twice in test_pipeline.py; here are a tiny experiment's stages, once in this process and once in one
of their own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import DEVICES, MakeNetwork, MakeParams
from subjects import mapped, of_one_size, threads

from xbarpaper import data
from xbarpaper.data import ImageSet, normalised
from xbarpaper.experiments.evaluation import Case, disturbed
from xbarpaper.hardware.circuit import Parasitics
from xbarpaper.mitigation import columns_ordered
from xbarpaper.params import GAINS, Params, Rearrange
from xbarpaper.pruning import unpruned

TRAINING = """
done = trained.train(work)
work.write("01_train", training=done.training, software=done.software)
for scheme in ("cf", "xcs", "xrs"):
    for one in pruned.prune(work, scheme, work.params.mapping.crossbar_sizes):
        work.write(f"pruned-{scheme}", training=one.run.training, layers=one.layers)
for run in trained_on.train_all(work, WCT):
    work.write(f"constrained-{run.variant.label}", training=run.training)
"""

MEASURING = """
from xbarpaper.params import SCHEMES
work.write("05_map", layers=crossbars.layer_table(work, (NONE,)))
for stage, mitigation in (("06_evaluate", NONE), ("08_wct", R + WCT)):
    table = sweeps.evaluate(work, stage, (mitigation,), ("both",))
    work.write(stage, evaluation=table)
bench, size = bench_of(work), 16
subjects = [crossbars.mapped(work, scheme, size) for scheme in SCHEMES]
work.write("09_mechanism", error=mechanism.error_table(subjects, bench))
arranged = [crossbars.mapped(work, scheme, size, R2D) for scheme in ("unpruned", "xrs")]
work.write("11_beyond", error=mechanism.error_table(arranged, bench))
"""

START = """
from pathlib import Path
from xbarpaper.experiments import crossbars, mechanism, pruned, sweeps, trained, trained_on
from xbarpaper.experiments.bench import bench as bench_of
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.mitigation import NONE, R2D, WCT, R
from xbarpaper.params import Params
import torch
# Set here: torch takes no more than the machine's real cores from OMP_NUM_THREADS, and two processors may share one.
torch.set_num_threads(threads)
assert torch.get_num_threads() == threads
work = Experiment("tiny-vgg11", Params.model_validate_json(Path("params.json").read_text()))
"""


@pytest.fixture(scope="module")
def settings(make_params: MakeParams) -> Params:
    return make_params(
        evaluation={"gains": ("none", "layer", "tile", "column"), "variation_seeds": 2}, **of_one_size(16)
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, settings: Params, tiny_images: ImageSet) -> Path:
    """A folder in which every network of the tiny experiment was trained, on one thread."""
    return run_here(prepared(tmp_path_factory.mktemp("trained"), settings, tiny_images), TRAINING)


def prepared(folder: Path, settings: Params, images: ImageSet) -> Path:
    data.save(images, folder / "data" / "datasets" / "tiny.safetensors")
    (folder / "params.json").write_text(settings.model_dump_json(), encoding="utf-8")
    return folder


def run_here(folder: Path, stages: str) -> Path:
    """Run stages in this process, on one thread."""
    with threads(1), contextlib.chdir(folder):
        exec(START + stages, {"threads": 1})
    return folder


def run_apart(folder: Path, stages: str, number: int) -> Path:
    """Run stages in a fresh process, as the pipeline does; its sets and dicts of names have another order."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(number),
        "OMP_WAIT_POLICY": "passive",  # beside other tests, threads that spin while they wait take their time
        "PYTHONPATH": str(Path(data.__file__).parents[2]),
    }
    command = [sys.executable, "-c", f"threads = {number}\n{START}{stages}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Checkpoints and tables; what interrupted runs resume from is no result."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for part in ("checkpoints", "results")
        for path in sorted((folder / "data" / part).rglob("*"))
        if path.is_file()
    }


def test_training_twice_gives_the_same_bytes(
    trained: Path, tmp_path: Path, settings: Params, tiny_images: ImageSet
) -> None:
    again = contents(run_apart(prepared(tmp_path, settings, tiny_images), TRAINING, 1))
    assert len([name for name in again if name.endswith(".safetensors")]) == 8
    assert again == contents(trained)


def test_what_is_measured_does_not_depend_on_the_number_of_threads(trained: Path, tmp_path: Path) -> None:
    """Mapping, the circuits, what reads them out, and inference, also in bfloat16 where the machine has it."""
    one, two = (shutil.copytree(trained, tmp_path / name) for name in ("one", "two"))
    tables = contents(run_here(one, MEASURING))
    assert len([name for name in tables if name.endswith("evaluation.csv")]) == 2
    assert contents(run_apart(two, MEASURING, 2)) == tables


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_inference_at_the_width_of_quick_does_not_depend_on_the_number_of_threads(
    make_network: MakeNetwork, tiny_images: ImageSet, dtype: torch.dtype
) -> None:
    network, images = make_network("vgg16", 0.125), normalised(tiny_images.test, tiny_images, "cpu")
    outputs = []
    for number in (1, 2):
        autocast = torch.autocast("cpu", dtype, enabled=dtype is not torch.float32)
        with threads(number), torch.inference_mode(), autocast:
            outputs.append(network(images))
    assert torch.equal(*outputs)


def test_what_reads_crossbars_out_depends_on_threads_in_the_gain_of_a_layer_alone(
    make_network: MakeNetwork,
) -> None:
    """A layer's gain is one sum over all its weights, which torch splits between threads from 32,768 on."""
    network = unpruned(make_network("vgg11", 0.125))
    case = Case("both", 0, ("layer",))
    weights = []
    for number in (1, 2):
        with threads(number):
            on_crossbars = mapped(network, "unpruned", 32, columns_ordered(Rearrange(order="descending")))
            read = disturbed(on_crossbars, case, DEVICES, Parasitics())
            weights.append({gain: list(read.twin(gain).weights().values()) for gain in GAINS})
    for gain in GAINS:
        for one, two in zip(*(by_gain[gain] for by_gain in weights), strict=True):
            if gain == "layer":
                torch.testing.assert_close(one, two, rtol=1e-6, atol=0)  # a rounding of float32 or two
            else:
                assert torch.equal(one, two)
