"""What a user gets wrong, met where it is met: in the stages' own cells, which must refuse and leave all as it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from conftest import MakeParams
from repository import ROOT
from ruamel.yaml import YAML
from subjects import trained_in

from xbarpaper import data, params
from xbarpaper.data import Images, ImageSet
from xbarpaper.params import ImageFolder, Params
from xbarpaper.pipeline import executing
from xbarpaper.support.errors import ArtifactError

DATASET = Path("data/datasets/tiny.safetensors")
UNPRUNED = Path("data/checkpoints/tiny-vgg11/unpruned.safetensors")
CF = "data/checkpoints/tiny-vgg11/cf/cf.safetensors"
EXPERIMENT = {"experiment": "tiny-vgg11"}
FOLDER = ImageFolder(
    kind="image_folder", path="data/pictures", path_environment="XBARPAPER_TEST_FOLDER", description="pictures",
)  # fmt: skip


@pytest.fixture(scope="module")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, make_params: MakeParams, tiny_images: ImageSet
) -> Path:
    """The repository's top after the stages of data, training and pruning."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    shutil.copy(ROOT / "dvc.yaml", folder)
    made = make_params()
    write_params(folder, made)
    trained_in(folder, made, tiny_images, constrained=False)
    return folder


@pytest.fixture
def top(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to spoil, as the working directory."""
    shutil.copytree(prepared, tmp_path / "top")
    monkeypatch.chdir(tmp_path / "top")
    monkeypatch.delenv(FOLDER.path_environment, raising=False)
    return tmp_path / "top"


def write_params(folder: Path, made: Params, **changes: dict[str, Any]) -> None:
    tree = made.model_dump(mode="json")
    for section, values in changes.items():
        tree[section] |= values
    tree["sources"] = sorted({one["kind"] for one in tree["datasets"].values()} & {"image_folder"})
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(tree, file)


def setting(section: str, **values: Any) -> Callable[[], None]:
    return lambda: write_params(Path(), params.load(), **{section: values})


def experiment_with(**values: Any) -> Callable[[], None]:
    def write() -> None:
        entry = params.load().experiments["tiny-vgg11"].model_dump() | values
        write_params(Path(), params.load(), experiments={"tiny-vgg11": entry})

    return write


def cut(path: Path) -> Callable[[], None]:
    return lambda: path.write_bytes(path.read_bytes()[:-100]) and None


def other_images(classes: int = 10) -> Callable[[], None]:
    """Another dataset in the place of the prepared one, as a change of ``datasets`` leaves it before the stages run."""

    def draw() -> None:
        generator = torch.Generator().manual_seed(9)
        pixels = torch.randint(0, 256, (40, 3, 32, 32), dtype=torch.uint8, generator=generator)
        train, test = (Images(pixels[n::2].clone(), torch.arange(20) % classes) for n in (0, 1))
        names = [f"class {n}" for n in range(classes)]
        data.save(ImageSet.of("tiny", "other", names, train, test), DATASET)

    return draw


def file_in_place_of(folder: Path) -> Callable[[], None]:
    """Even an administrator cannot write into it."""

    def spoil() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.write_text("a file", encoding="utf-8")

    return spoil


Case = tuple[str, dict[str, str], Callable[[], Any], str]
CASES: dict[str, Case] = {
    # what the user did: the stage, its parameters, how it came about, what is said
    "unknown dataset": ("00_data", {"dataset": "mnist"}, lambda: None,
        r"^dataset 'mnist' is not in datasets \(there are: tiny\)$"),
    "missing image folder": ("00_data", {"dataset": "tiny"}, setting("datasets", tiny=FOLDER.model_dump()),
        r"^data/pictures: .*datasets\.tiny\.path.*XBARPAPER_TEST_FOLDER"),
    "unknown experiment": ("01_train", {"experiment": "vgg13"}, lambda: None,
        r"^experiment 'vgg13' is not in experiments \(there are: tiny-vgg11\)$"),
    "missing dataset": ("01_train", EXPERIMENT, DATASET.unlink,
        r"^data/datasets/tiny\.safetensors: no such dataset"),
    "damaged dataset": ("01_train", EXPERIMENT, cut(DATASET),
        r"^data/datasets/tiny\.safetensors: .*damaged"),
    "diverging training": ("01_train", EXPERIMENT, setting("train", learning_rate=1e30, epochs=3),
        r"the loss is (nan|inf) in epoch 1 of 3, at learning rate .*; lower it$"),
    "unwritable trained network": ("01_train", EXPERIMENT, file_in_place_of(UNPRUNED.parent),
        rf"^{UNPRUNED}: cannot be written: "),
    "unwritable pruned network": ("02_prune_cf", EXPERIMENT, file_in_place_of(UNPRUNED.parent / "cf"),
        rf"^{CF}: cannot be written: "),
    "unwritable networks of WCT": ("08_wct", EXPERIMENT, file_in_place_of(UNPRUNED.parent / "wct"),
        rf"^{UNPRUNED.parent}/wct/unpruned\.safetensors: cannot be written: "),
    "missing checkpoint": ("02_prune_cf", EXPERIMENT, UNPRUNED.unlink,
        rf"^{UNPRUNED}: no such checkpoint; `dvc repro` makes it$"),
    "cut checkpoint": ("02_prune_cf", EXPERIMENT, cut(UNPRUNED),
        rf"^{UNPRUNED}: damaged checkpoint: "),
    "checkpoint of another width": ("05_map", EXPERIMENT, experiment_with(width=0.125),
        rf"^{UNPRUNED}: was made with experiments\.tiny-vgg11\.width = 0\.06, "
        r"the parameters in force say 0\.125; `dvc repro`$"),
    "checkpoint of another training": ("05_map", EXPERIMENT, setting("train", weight_decay=0.25),
        rf"^{UNPRUNED}: was made with train\.weight_decay = 0\.0005, the parameters in force say 0\.25"),
    "checkpoint of another pruning": ("05_map", EXPERIMENT, setting("prune", epochs=7),
        rf"^{CF}: was made with prune\.epochs = 1, the parameters in force say 7"),
    "checkpoint of other images": ("06_evaluate", EXPERIMENT, other_images(),
        rf"^{UNPRUNED}: was made with other data \("),
    "class count that does not fit": ("06_evaluate", EXPERIMENT, other_images(classes=3),
        rf"^{UNPRUNED}: has 10 classes, the dataset tiny has 3$"),
    "no tables": ("90_figures", {"profile": "tiny"}, lambda: None,
        r"^data/results/tiny/tiny-vgg11/.*: no such table; `dvc repro .*` makes it$"),
    "another profile than the active one": ("91_claims", {"profile": "quick"}, lambda: None,
        r"quick.*tiny"),
}  # fmt: skip


def execute(stage: str, parameters: dict[str, str]) -> None:
    """Run the cells of a stage's notebook in this process, in order, without the seconds that a kernel takes."""
    names: dict[str, Any] = {"__name__": stage}
    for cell in nbformat.read(f"notebooks/{stage}.ipynb", as_version=4).cells:
        if cell.cell_type != "code":
            continue
        exec(compile(cell.source, stage, "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names |= parameters


def contents() -> dict[str, bytes]:
    """Every file of the stages, what a next try would go on from too, but for executed notebooks of those that failed."""
    paths = (path for path in sorted(Path("data").rglob("*")) if path.is_file())
    return {str(path): path.read_bytes() for path in paths if not path.is_relative_to(executing.FAILED)}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_in_one_line_and_nothing_changes(top: Path, case: str) -> None:
    stage, parameters, spoil, message = CASES[case]
    spoil()
    before = contents()
    with pytest.raises(ArtifactError, match=message) as refused:
        execute(stage, parameters)
    assert "\n" not in str(refused.value)
    assert contents() == before


def test_the_command_says_it_in_one_line_and_fails(top: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = Path("params.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("label_smoothing", "label_smoothign"))
    before = contents()
    target = "data/notebooks/tiny/tiny-vgg11/01_train.ipynb"
    assert executing.main(["notebooks/01_train.ipynb", target, "-p", "experiment", "tiny-vgg11"]) == 1
    assert capfd.readouterr().err.splitlines() == [
        "01_train: params.yaml: train.label_smoothign is not a parameter; did you mean train.label_smoothing? "
        f"(allowed here: {', '.join(params.Train.model_fields)})"
    ]
    assert not Path(target).exists()
    assert contents() == before
