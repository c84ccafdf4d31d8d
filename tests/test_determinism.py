"""The same code, parameters and machine give the same bytes, and what is measured does so on any number of threads.

Whole pipelines run twice in test_pipeline.py; here are a tiny experiment's stages, once in this process and once in one
of their own.
"""

from __future__ import annotations

import contextlib
import os
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
from xbarpaper.params import GAINS, Rearrange
from xbarpaper.pruning import unpruned

STAGES = """
from pathlib import Path
from xbarpaper.experiments import crossbars, mechanism, pruned, sweeps, trained, trained_on
from xbarpaper.experiments.bench import bench as bench_of
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.mitigation import NONE, R2D, WCT, R
from xbarpaper.params import Params
import torch
work = Experiment("tiny-vgg11", Params.model_validate_json(Path("params.json").read_text()))
torch.set_num_threads(1)
done = trained.train(work)
work.write("01_train", training=done.training, software=done.software)
for scheme in ("cf", "xcs", "xrs"):
    for one in pruned.prune(work, scheme, work.params.mapping.crossbar_sizes):
        work.write(f"pruned-{scheme}", training=one.run.training, layers=one.layers)
for run in trained_on.train_all(work, WCT):
    work.write(f"constrained-{run.variant.label}", training=run.training)
# Set here: torch takes no more than the machine's real cores from OMP_NUM_THREADS, and two processors may share one.
torch.set_num_threads(threads)
assert torch.get_num_threads() == threads
work.write("05_map", layers=crossbars.layer_table(work, (NONE,)))
for stage, mitigation in (("06_evaluate", NONE), ("08_wct", R + WCT)):
    table = sweeps.evaluate(work, stage, (mitigation,), ("both",))
    work.write(stage, evaluation=table)
bench, size = bench_of(work), 16
subjects = [crossbars.mapped(work, scheme, size) for scheme in ("cf", "xcs")]
work.write("09_mechanism", error=mechanism.error_table(subjects, bench))
arranged = [crossbars.mapped(work, scheme, size, R2D) for scheme in ("unpruned", "xrs")]
work.write("11_beyond", error=mechanism.error_table(arranged, bench))
"""


def contents(folder: Path) -> dict[str, bytes]:
    """Checkpoints and tables; what interrupted runs resume from is no result."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for part in ("checkpoints", "results")
        for path in sorted((folder / "data" / part).rglob("*"))
        if path.is_file()
    }


def test_training_twice_and_measuring_on_any_number_of_threads_gives_the_same_bytes(
    tmp_path: Path, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    """Here, and in a fresh process whose sets and dicts of names have another order.

    Measured are mapping, the circuits, what reads them out, and inference, also in bfloat16 where the machine has it.
    """
    gains = {"gains": ("none", "layer", "tile", "column"), "variation_seeds": 2}
    params = make_params(evaluation=gains, **of_one_size(16)).model_dump_json()
    here, apart = tmp_path / "here", tmp_path / "apart"
    for folder in (here, apart):
        data.save(tiny_images, folder / "data" / "datasets" / "tiny.safetensors")
        (folder / "params.json").write_text(params, encoding="utf-8")
    with threads(1), contextlib.chdir(here):
        exec(STAGES, {"threads": 1})
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "passive",  # beside other tests, threads that spin while they wait take their time
        "PYTHONPATH": str(Path(data.__file__).parents[2]),
    }
    command = [sys.executable, "-c", f"threads = 2\n{STAGES}"]
    done = subprocess.run(command, cwd=apart, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected, found = contents(here), contents(apart)
    assert len([name for name in expected if name.endswith(".safetensors")]) == 8
    assert len([name for name in expected if name.endswith("evaluation.csv")]) == 2
    assert [name for name in expected | found if found.get(name) != expected.get(name)] == []


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
