"""Parameters: what is accepted, and what a reader is told where something is not."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from xbarpaper.params import Shapes10, load
from xbarpaper.support.errors import ArtifactError, ParameterError
from xbarpaper.support.validation import Section

ROOT = Path(__file__).parent.parent
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
QUICK = (ROOT / "profiles" / "quick.yaml").read_text(encoding="utf-8")

SECTIONS = (
    "profile, datasets, experiments, train, prune, distillation, mapping, devices, circuit, readout, evaluation, "
    "rearrange, wct, sensitivity, beyond, claims, execution"
)
KINDS = "'shapes10', 'cifar10', 'cifar100', 'image_folder'"

WRONG: list[tuple[str, str, str]] = [
    # parameter (the line that sets it, by its start), what the line becomes, what is said
    (
        "    sparsity:",
        "    sparsity: 1.2",
        "experiments.quick-vgg11.sparsity = 1.2 must be at least 0 and below 1",
    ),
    (
        "    sparsity:",
        "    sparcity: 0.5",
        "experiments.quick-vgg11.sparcity is not a parameter; did you mean experiments.quick-vgg11.sparsity? "
        "(allowed here: dataset, network, width, sparsity, training_seed)",
    ),
    (
        "    network:",
        "    network: vgg19",
        "experiments.quick-vgg11.network = vgg19 must be one of 'vgg11', 'vgg16' or 'resnet20'",
    ),
    ("    width:", "    width: 0", "experiments.quick-vgg11.width = 0 must be above 0 and at most 4"),
    (
        "    width:",
        "    width: '0.25'",
        "experiments.quick-vgg11.width = '0.25' must be a valid number, above 0 and at most 4",
    ),
    (
        "    training_seed:",
        "    training_seed: -1",
        "experiments.quick-vgg11.training_seed = -1 must be at least 0 and below 2147483648",
    ),
    (
        "    dataset:",
        "    dataset: imagenet",
        "experiments.quick-vgg11.dataset = imagenet is not in datasets (there are: shapes10)",
    ),
    (
        "    train_images:",
        "    train_images: 1000000000000",
        "datasets.shapes10.train_images = 1000000000000 must be at least 10 and at most 1000000",
    ),
    (
        "  r_min_ohm:",
        "  r_min_ohm: 5.0e-324",
        "devices.r_min_ohm = 5e-324 must be at least 1 and at most 1000000000000",
    ),
    (
        "  temperature:",
        "  temperature: 1.0e+200",
        "distillation.temperature = 1e+200 must be above 0 and at most 1000",
    ),
    ("    kind:", "    kind: mnist", f"datasets.shapes10.kind = mnist must be one of {KINDS}"),
    ("    kind:", "    kind: 3", f"datasets.shapes10.kind = 3 must be one of {KINDS}"),
    ("    kind:", "", f"datasets.shapes10.kind is missing; it must be one of {KINDS}"),
    ("    kind:", "    kid: shapes10", f"datasets.shapes10.kind is missing; it must be one of {KINDS}"),
    (
        "    kind:",
        "    kind: cifar10",
        "datasets.shapes10.train_images is not a parameter (allowed here: kind, root, download)",
    ),
    (
        "    train_images:",
        "    train_images: 9",
        "datasets.shapes10.train_images = 9 must be at least 10 and at most 1000000",
    ),
    (
        "    noise_sigma:",
        "    noise_sigma: 2.0",
        "datasets.shapes10.noise_sigma = 2.0 must be at least 0 and at most 1",
    ),
    ("  shapes10:", "  3:", "datasets: the name 3 must be text; put it in quotes"),
    (
        "  quick-vgg11:",
        "  quick vgg11:",
        "experiments: the name 'quick vgg11' may hold only letters, digits, '-' and '_'",
    ),
    ("profile:", "profile: a/b", "profile: the name 'a/b' may hold only letters, digits, '-' and '_'"),
    ("profile:", "", "profile is missing (name of the profile; its reports land in reports/<profile>/)"),
    ("  device:", "  device: gpu", "train.device = gpu must be one of 'auto', 'cpu' or 'cuda'"),
    ("  epochs:", "  epochs: 0", "train.epochs = 0 must be at least 1 and at most 1000000"),
    (
        "  epochs:",
        "  epochs: 8.5",
        "train.epochs = 8.5 must be a valid integer, at least 1 and at most 1000000",
    ),
    (
        "  epochs:",
        "  epochs: eight",
        "train.epochs = 'eight' must be a valid integer, at least 1 and at most 1000000",
    ),
    ("  epochs:", "  epochs:", "train.epochs = None must be a valid integer, at least 1 and at most 1000000"),
    (
        "  epochs:",
        "",
        "train.epochs is missing (passes over the training images; at least 1 and at most 1000000)",
    ),
    ("  learning_rate:", "  learning_rate: 0.0", "train.learning_rate = 0.0 must be above 0"),
    (
        "  learning_rate:",
        "  learning_rate: .nan",
        "train.learning_rate = nan must be a finite number, above 0",
    ),
    (
        "  learning_rate:",
        "  learning_rate: .inf",
        "train.learning_rate = inf must be a finite number, above 0",
    ),
    ("  flip:", "  flip: yes", "train.flip = 'yes' must be true or false"),
    ("  shift_pixels:", "  shift_pixels: 17", "train.shift_pixels = 17 must be at least 0 and at most 16"),
    ("  when:", "  when: later", "prune.when = later must be one of 'trained' or 'init'"),
    ("    - 16", "    - 1", "mapping.crossbar_sizes.0 = 1 must be at least 2 and at most 1024"),
    ("    - 16", "    - 32", "mapping.crossbar_sizes = 32, 32 must not repeat a value"),
    (
        "  crossbar_sizes:",
        "  crossbar_size:",
        "mapping.crossbar_size is not a parameter; did you mean mapping.crossbar_sizes? "
        "(allowed here: crossbar_sizes, low_conductance_threshold, w_max_quantile)",
    ),
    ("  r_max_ohm:", "  r_max_ohm: 2.0e+3", "devices.r_max_ohm = 2000 must exceed devices.r_min_ohm = 20000"),
    (
        "  variation_sigma:",
        "  variation_sigma: -0.1",
        "devices.variation_sigma = -0.1 must be at least 0 and at most 1",
    ),
    (
        "  driver_ohm:",
        "  driver_ohm: -5",
        "circuit.driver_ohm = -5 must be at least 0 and at most 1000000000",
    ),
    ("  gain:", "  gain: row", "readout.gain = row must be one of 'none', 'layer', 'tile' or 'column'"),
    (
        "    - layer",
        "    - leyer",
        "evaluation.gains.1 = leyer must be one of 'none', 'layer', 'tile' or 'column'",
    ),
    ("    - layer", "", "readout.gain = layer must be among evaluation.gains = none, tile, column"),
    (
        "  variation_seeds:",
        "  variation_seeds: 1",
        "evaluation.variation_seeds = 1 must be at least 2 and at most 1000000",
    ),
    ("  order:", "  order: up", "rearrange.order = up must be one of 'ascending', 'descending' or 'none'"),
    ("  cut_quantile:", "  cut_quantile: 1.0", "wct.cut_quantile = 1.0 must be above 0 and below 1"),
    ("  confidence:", "  confidence: 95", "claims.confidence = 95 must be above 0.5 and below 1"),
    ("readout:", "radout:", f"radout is not a parameter; did you mean readout? (allowed here: {SECTIONS})"),
    ("train:", "hydra: 3\ntrain:", f"hydra is not a parameter (allowed here: {SECTIONS})"),
]


def changed(start: str, line: str) -> str:
    """The quick profile with the first line that begins so replaced."""
    text, count = re.subn(rf"^{re.escape(start)}.*$", line.replace("\\", r"\\"), QUICK, count=1, flags=re.M)
    if not count:
        raise LookupError(f"quick.yaml has no line that starts with {start!r}")
    return text


def refusal(folder: Path, text: str | bytes) -> str:
    path = folder / "params.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ParameterError) as refused:
        load(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("start", "line", "message"), WRONG, ids=[f"{a.strip()} {b.strip()}" for a, b, _ in WRONG]
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(
    tmp_path: Path, start: str, line: str, message: str
) -> None:
    assert refusal(tmp_path, changed(start, line)) == message


NO_PROFILE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "it holds None and must be a group of parameters"),
    "list": ("- a\n", "it holds ['a'] and must be a group of parameters"),
    "syntax": ("profile: [quick\n", "not valid YAML: "),
    "encoding": (b"profile: \xff\xfe\n", "not UTF-8 text (invalid start byte at byte 9)"),
    "parameter twice": (
        changed("  epochs:", "  epochs: 8\n  epochs: 9"),
        'not valid YAML: found duplicate key "epochs" with value "9"',
    ),
    "section twice": (changed("wct:", "train:"), 'not valid YAML: found duplicate key "train"'),
    "number": (
        re.sub(r"^wct:(.|\n)*?\n\n", "wct: 3\n\n", QUICK, flags=re.M),
        "wct = 3 must be a group of parameters",
    ),
    "no experiment": (
        re.sub(r"^experiments:(.|\n)*?\n\n", "experiments: {}\n\n", QUICK, flags=re.M),
        "experiments must name at least 1",
    ),
    "date that is none": (
        changed("profile:", "profile: 2001-99-99"),
        "not valid YAML: a value is not what it looks like: ",
    ),
    "number without end": (
        changed("  epochs:", f"  epochs: {'9' * 5000}"),
        "not valid YAML: a value is not what it looks",
    ),
    "hexadecimal without end": (
        changed("  epochs:", f"  epochs: 0x{'f' * 5000}"),
        "train.epochs = a number of thousands of digits must be ",
    ),
    "tag that does not fit": (
        changed("  flip:", "  flip: !!bool x"),
        "not valid YAML: a value is not what it looks like: ",
    ),
    "too many brackets": ("[" * 20_000, "holds more than 2000 opening brackets"),
    "too deep": ("[" * 1000, "not valid YAML: must be nested at most 50 deep"),
    "in itself": ("&a [*a]", "not valid YAML: must be nested at most 50 deep"),
    "laughs": (
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(f"{n}: &{n} [{', '.join([f'*{m}'] * 8)}]\n" for m, n in pairwise("abcdefgh")),
        "not valid YAML: a value is not what it looks like: it unfolds to more than 50000 values",
    ),
    "too large": ("# x\n" * 100_000, "is larger than 256 KiB, which is the most allowed"),
    "line break in a name": (f'"a\\nb": 1\n{QUICK}', r"a\nb is not a parameter"),
    "terminal code in a value": (
        changed("  device:", r'  device: "\e[31m"'),
        r"train.device = \x1b[31m must be one of",
    ),
    "no size": (re.sub(r"^    - (16|32)\n", "", QUICK, flags=re.M), "mapping.crossbar_sizes = None must be"),
}


@pytest.mark.parametrize("case", NO_PROFILE)
def test_a_file_that_is_no_profile_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    text, message = NO_PROFILE[case]
    said = refusal(tmp_path, text)
    assert said.startswith(message)
    assert "\n" not in said


def test_a_missing_file_says_where_to_take_one(tmp_path: Path) -> None:
    with pytest.raises(
        ParameterError, match=r"params\.yaml: no such file; copy one of profiles/\*\.yaml there"
    ):
        load(tmp_path / "params.yaml")
    with pytest.raises(ParameterError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_unknown_experiments_and_datasets_are_named() -> None:
    params = load(ROOT / "profiles" / "quick.yaml")
    assert isinstance(params.dataset("shapes10"), Shapes10)
    assert params.experiment("quick-vgg11").network == "vgg11"
    with pytest.raises(
        ArtifactError, match=r"^experiment 'x' is not in experiments \(there are: quick-vgg11, quick-"
    ):
        params.experiment("x")
    with pytest.raises(ArtifactError, match=r"^dataset 'x' is not in datasets \(there are: shapes10\)"):
        params.dataset("x")


def test_parameters_are_read_only() -> None:
    params = load(ROOT / "profiles" / "quick.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.train.epochs = 3  # type: ignore[misc]


def test_conductances_are_the_inverse_resistances() -> None:
    devices = load(ROOT / "profiles" / "quick.yaml").devices
    assert devices.g_max_siemens == pytest.approx(50e-6)
    assert devices.g_min_siemens == pytest.approx(5e-6)


# --- every profile ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_profile_loads_and_is_named_like_its_file(path: Path) -> None:
    assert load(path).profile == path.stem


def test_the_active_profile_is_one_of_the_profiles() -> None:
    active = load(ROOT / "params.yaml")
    assert active == load(ROOT / "profiles" / f"{active.profile}.yaml")


def test_experiments_and_datasets_mean_the_same_in_all_profiles() -> None:
    seen: dict[str, str] = {}
    datasets: dict[str, Any] = {}
    for path in PROFILES:
        params = load(path)
        for name in params.experiments:
            assert seen.setdefault(name, path.stem) == path.stem, f"{name} is in two profiles"
        for name, dataset in params.datasets.items():
            assert datasets.setdefault(name, dataset) == dataset, f"{name} differs between profiles"


@pytest.mark.parametrize("path", [ROOT / "params.yaml", *PROFILES], ids=lambda path: path.stem)
def test_yaml_1_1_and_1_2_read_the_same(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    one, other = yaml.safe_load(text), YAML(typ="safe", pure=True).load(text)
    assert one == other
    assert types(one) == types(other)  # 1 == 1.0 == True, but not here


def types(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: types(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [types(value) for value in tree]
    return type(tree).__name__


@pytest.mark.parametrize("path", [ROOT / "params.yaml", *PROFILES], ids=lambda path: path.stem)
def test_every_parameter_is_there_and_explained(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    explained = {found[1] for line in lines if (found := re.fullmatch(r"\s*([\w-]+):.*\s# *\S.*", line))}
    params = load(path)
    sections = {name: section for name, section in params if isinstance(section, Section)}
    for name, section in sections.items():
        left_out = set(type(section).model_fields) - section.model_fields_set
        assert not left_out, f"{name} leaves to a default: {left_out}"
    entries = [*params.datasets.values(), *params.experiments.values(), *sections.values()]
    fields = {field for entry in entries for field in type(entry).model_fields} | {"profile", *sections}
    assert fields - explained <= {"epochs"}, "a parameter has no comment"  # its name says it
