"""Parameters: what is accepted, and what a reader is told where something is not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import modify_yaml
from pydantic import BaseModel
from repository import ROOT, tiny_profile
from ruamel.yaml import YAML

from xbarpaper.params import Params, Shapes10, load, load_profile
from xbarpaper.params.writing import as_yaml, write
from xbarpaper.support.errors import ArtifactError, ParameterError
from xbarpaper.support.validation import parse

PROFILES = ROOT / "profiles"
NAMES = sorted(path.stem for path in PROFILES.glob("*.yaml"))
QUICK = as_yaml(load_profile(PROFILES / "quick.yaml"))

SECTIONS = (
    "profile, datasets, experiments, train, prune, distillation, mapping, devices, circuit, readout, evaluation, "
    "rearrange, wct, mechanism, sensitivity, effects, beyond, search, published, periphery, costs, adversarial, acdc, "
    "spiking, on_crossbar_training, claims, execution"
)
OUTSIDE = "those kinds of datasets whose images lie outside"
KINDS = "'cifar10', 'cifar100', 'image_folder', 'shapes10'"


def folder(name: str) -> str:
    return (
        f"  {name}: {{kind: image_folder, path: p, path_environment: X, description: d, origin: o, train_images: 0, "
        "test_images: 0, image_pixels: 32}"
    )


WRONG: list[tuple[str, str, str]] = [
    # parameter (the line that sets it, by its start), what the line becomes, what is said
    ("    sparsity:", "    sparsity: 1.2", "experiments.quick-vgg11.sparsity = 1.2 must be at least 0 and below 1"),
    ("    sparsity:", "    sparcity: 0.5", "experiments.quick-vgg11.sparcity is not a parameter; did you mean "
     "experiments.quick-vgg11.sparsity? (allowed here: dataset, network, width, sparsity, training_seed)"),
    ("    network:", "    network: vgg19", "experiments.quick-vgg11.network = vgg19 must be one of 'vgg11', 'vgg16' or "
     "'resnet20'"),
    ("    width:", "    width: '0.25'", "experiments.quick-vgg11.width = '0.25' must be a valid number, above 0 and at "
     "most 4"),
    ("    dataset:", "    dataset: imagenet", "experiments.quick-vgg11.dataset = imagenet is not in datasets (there are: "
     "shapes10)"),
    ("  dac_bits:", "  dac_bits: 3", "periphery.dac_bits = 3 must divide periphery.input_bits = 8"),
    ("  weight_slices:", "  weight_slices: 8", "periphery.weight_slices = 8 must be at most 7, the bits of "
     "periphery.weight_bits but for the sign"),
    ("  square_epsilon:", "  square_epsilon: 1.5", "adversarial.square_epsilon = 1.5 must be at least 0 and at most 1"),
    ("  square_epsilon:", "  square_epsilon: 0.5", "adversarial.square_epsilon = 0.5 must be among "
     "adversarial.epsilons = 0.0078431373, 0.031372549"),
    ("  pgd_steps:", "  pgd_steps: 0", "adversarial.pgd_steps = 0 must be at least 1 and at most 1000000"),
    ("  known_chips:", "  known_chips: 4", "adversarial.known_chips = 4 must be at most adversarial.variation_seeds = 3"),
    ("    train_images:", "    train_images: 1000000000000", "datasets.shapes10.train_images = 1000000000000 must be at "
     "least 10 and at most 1000000"),
    ("    kind:", "    kind: mnist", f"datasets.shapes10.kind = mnist must be one of {KINDS}"),
    ("    kind:", "    kind: 3", f"datasets.shapes10.kind = 3 must be one of {KINDS}"),
    ("    kind:", "    kid: shapes10", f"datasets.shapes10.kind is missing; it must be one of {KINDS}"),
    ("    kind:", "    kind: cifar10", "datasets.shapes10.train_images is not a parameter (allowed here: kind, root, "
     "download)"),
    ("  shapes10:", "  3:", "datasets: the name 3 must be text; put it in quotes"),
    ("  quick-vgg11:", "  a b:", "experiments: the name 'a b' may hold only letters, digits, '-' and '_'"),
    ("  quick-vgg11:", "  QUICK-vgg16:", "experiments: names must differ in more than capitals (there are: QUICK-vgg16, "
     "quick-vgg16)"),
    ("    network:", "    network: vgg16", "experiments: quick-vgg11 and quick-vgg16 are one experiment; change a "
     "training_seed"),
    ("  shapes10:", f"{folder('one')}\n{folder('other')}\n  shapes10:", "datasets: one and other are both named by the "
     "environment variable X; give each a path_environment of its own"),
    ("profile:", "profile: a/b", "profile: the name 'a/b' may hold only letters, digits, '-' and '_'"),
    ("profile:", "", "profile is missing (name of the profile; its reports land in reports/<profile>/)"),
    ("  epochs:", "  epochs: 0", "train.epochs = 0 must be at least 1 and at most 1000000"),
    ("  epochs:", "  epochs: 8.5", "train.epochs = 8.5 must be a valid integer, at least 1 and at most 1000000"),
    ("  epochs:", "  epochs: eight", "train.epochs = 'eight' must be a valid integer, at least 1 and at most 1000000"),
    ("  epochs:", "  epochs:", "train.epochs = None must be a valid integer, at least 1 and at most 1000000"),
    ("  epochs:", "", "train.epochs is missing (passes over the training images; at least 1 and at most 1000000)"),
    ("  learning_rate:", "  learning_rate: 0.0", "train.learning_rate = 0.0 must be above 0"),
    ("  learning_rate:", "  learning_rate: .nan", "train.learning_rate = nan must be a finite number, above 0"),
    ("  flip:", "  flip: yes", "train.flip = 'yes' must be true or false"),
    ("  - 16", "  - 1", "mapping.crossbar_sizes.0 = 1 must be at least 2 and at most 1024"),
    ("  - 16", "  - 32", "mapping.crossbar_sizes = 32, 32 must not repeat a value"),
    ("  - 10.0", "  - 100.000001", "sensitivity.on_off_ratios = 100.000001, 100.0 must not repeat a value"),
    ("  - 10.0", "  - 1.0001", "sensitivity.on_off_ratios.0 = 1.0001 must be at least 1.01 and at most 1000000.0"),
    ("  r_max_ohm:", "  r_max_ohm: 20.0001e+3", "devices.r_max_ohm = 20000.1 must be at least 1.01 times "
     "devices.r_min_ohm = 20000.0"),
    ("  levels:", "  levels: 1", "devices.levels = 1 must be greater than or equal to 2"),
    ("  levels:", "  levels: few", "devices.levels = 'few' must be a valid integer"),
    ("  programming_noise:", "  programming_noise: rram", "devices.programming_noise = rram must be one of 'none', "
     "'pcm', 'pcm-crosssim', 'hermes-2', 'hermes-1', 'rram-wan-1s', 'rram-wan-1d', 'rram-wan-2d', 'rram-wan-crosssim', "
     "'rram-milo', 'rram-cmo' or 'sonos'"),
    ("  drift:", "  drift: sonos", "devices.drift = sonos must be one of 'none', 'pcm', 'hermes-2', 'hermes-1' or "
     "'rram-cmo'"),
    ("  stuck_low:", "  stuck_low: 1.1", "devices.stuck_low = 1.1 must be at least 0 and at most 1"),
    ("  - layer", "  - leyer", "evaluation.gains.1 = leyer must be one of 'none', 'layer', 'tile' or 'column'"),
    ("  - layer", "", "readout.gain = layer must be among evaluation.gains = none, tile, column"),
    ("readout:", "radout:", f"radout is not a parameter; did you mean readout? (allowed here: {SECTIONS})"),
    ("sources:", "sources: [image_folder]", f"sources = ['image_folder'] must be []: {OUTSIDE}"),
    ("train:", "hydra: 3\ntrain:", f"hydra is not a parameter (allowed here: {SECTIONS})"),
]  # fmt: skip


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


# values of a section of the tiny profile, and what is said of them after the section's name
VALUES: list[tuple[str, dict[str, Any], str]] = [
    ("acdc", {"compressed_phases": 5}, "compressed_phases = 5 must be fewer: in 2 epochs"),
    ("costs", {"adc": "cimloop", "adc_bits": 3}, "adc_bits = 3 must be from 4 to 14 for costs.adc = cimloop"),
    ("costs", {"weight_slices": 8}, "weight_slices = 8 must be at most 7, the bits of costs.weight_bits but"),
    ("on_crossbar_training", {"experiments": ["nobody"]}, "experiments: nobody is not in experiments"),
    ("on_crossbar_training", {"on_off_ratios": [1.0]}, "on_off_ratios.0 = 1.0 must be at least"),
    ("on_crossbar_training", {"phases": []}, "phases"),
    ("on_crossbar_training", {"phases": ["sideways"]}, "phases.0 = sideways must be one of"),
    ("on_crossbar_training", {"refresh_steps": 0}, "refresh_steps = 0 must be at least 1"),
    ("on_crossbar_training", {"training_seeds": 1}, "training_seeds = 1 must be at least 2"),
    ("on_crossbar_training", {"write_noise": -0.1}, "write_noise = -0.1 must be at least 0"),
    ("on_crossbar_training", {"write_nonlinearities": [-1.0]}, "write_nonlinearities.0 = -1.0 must be at"),
    # the tiny profile's crossbars have at most 16 rows: of one-bit digits there are 17 sums
    ("periphery", {"dac_bits": 1, "weight_slices": 7, "adc_bits": [4, 6]}, "adc_bits = 6 must be at most 5"),
    ("spiking", {"leak": 0.0}, "leak = 0.0 must be above 0"),
    ("spiking", {"leak": 1.01}, "leak = 1.01 must be above 0 and at most 1"),
    ("spiking", {"steps": [0, 4]}, "steps.0 = 0 must be at least 1"),
    ("spiking", {"threshold": 0.0}, "threshold = 0.0 must be above 0"),
    ("spiking", {"train_steps": 0}, "train_steps = 0 must be at least 1"),
    ("spiking", {"train_steps": 5}, "train_steps = 5 must be among spiking.steps"),
]


@pytest.mark.parametrize(("section", "values", "message"), VALUES, ids=str)
def test_a_wrong_value_of_a_section_is_refused(
    section: type[BaseModel], values: list[float], message: str
) -> None:
    tree = tiny_profile().model_dump(mode="json")
    tree[section] |= values
    with pytest.raises(ParameterError, match=re.escape(f"{section}.{message}")):
        parse(tree, "params.yaml", Params)


def left_out(pattern: str, instead: str = "") -> str:
    return re.sub(pattern, instead, QUICK, count=1, flags=re.M)


UNREADABLE = "not valid YAML: a value cannot be read: "
NO_PROFILE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "it holds None and must be a group of parameters"),
    "list": ("- a\n", "it holds ['a'] and must be a group of parameters"),
    "syntax": ("profile: [quick\n", "not valid YAML: "),
    "encoding": (b"profile: \xff\xfe\n", "not UTF-8 text (invalid start byte at byte 9)"),
    "twice": (changed("wct:", "train:"), 'not valid YAML: found duplicate key "train"'),
    "number": (left_out(r"^wct:(.|\n)*?\n\n", "wct: 3\n\n"), "wct = 3 must be a group of parameters"),
    "no experiment": (
        left_out(r"^experiments:(.|\n)*?\n\n", "experiments: {}\n\n"), "experiments must name at least 1"
    ),
    "date that is none": (changed("profile:", "profile: 2001-99-99"), UNREADABLE),
    "number without end": (changed("  epochs:", f"  epochs: {'9' * 5000}"), UNREADABLE),
    "hexadecimal without end": (
        changed("  epochs:", f"  epochs: 0x{'f' * 5000}"), "train.epochs = a number of thousands of digits must be "
    ),
    "tag that does not fit": (changed("  flip:", "  flip: !!bool x"), UNREADABLE),
    "too deep": ("[" * 1000, "not valid YAML: it is nested too deeply"),
    "in itself": ("&a [*a]", "it holds [[[[[[[...]]]]]]] and must be a group of parameters"),
    "line break in a name": (f'"a\\nb": 1\n{QUICK}', r"a\nb is not a parameter"),
    "terminal code in a value": (
        changed("  device:", r'  device: "\e[31m"'), r"train.device = \x1b[31m must be one of"
    ),
    "no size": (re.sub(r"^  - (16|32)\n", "", QUICK, flags=re.M), "mapping.crossbar_sizes = None must be"),
    "a section left out": (left_out(r"^wct:(.|\n)*?\n\n"), "wct is missing (Mitigation WCT: "),
    "a list left out": (
        left_out(r"^  crossbar_sizes:.*\n(  - .*\n)+"),
        "mapping.crossbar_sizes is missing (rows and columns of a crossbar; ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_PROFILE)
def test_a_file_that_is_no_profile_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    text, message = NO_PROFILE[case]
    said = refusal(tmp_path, text)
    assert said.startswith(message)
    assert "\n" not in said


def test_a_missing_file_says_where_to_take_one(tmp_path: Path) -> None:
    said = r"params\.yaml: no such file; `make profile PROFILE=quick` writes it"
    with pytest.raises(ParameterError, match=said):
        load(tmp_path / "params.yaml")
    with pytest.raises(ParameterError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_sources_are_the_kinds_of_datasets_whose_images_lie_outside(tmp_path: Path) -> None:
    text = as_yaml(load_profile(PROFILES / "cifar10-small.yaml"))
    assert yaml.safe_load(text)["sources"] == ["image_folder"]
    for wrong in ("", "sources: []\n", "sources: image_folder\n"):
        said = refusal(tmp_path, re.sub(r"^sources:.*\n- image_folder\n", wrong, text, flags=re.M))
        assert said.endswith(f" must be ['image_folder']: {OUTSIDE}")


def test_unknown_experiments_and_datasets_are_named() -> None:
    params = load_profile(PROFILES / "quick.yaml")
    assert isinstance(params.dataset("shapes10"), Shapes10)
    assert params.experiment("quick-vgg11").network == "vgg11"
    said = r"^experiment 'x' is not in experiments \(there are: quick-vgg11, quick-"
    with pytest.raises(ArtifactError, match=said):
        params.experiment("x")
    with pytest.raises(ArtifactError, match=r"^dataset 'x' is not in datasets \(there are: shapes10\)"):
        params.dataset("x")


# --- profiles -----------------------------------------------------------------------------------------------


def test_the_committed_params_are_those_of_quick(tmp_path: Path) -> None:
    shutil.copytree(PROFILES, tmp_path / "profiles")
    write("quick", tmp_path)
    assert (ROOT / "params.yaml").read_bytes() == (tmp_path / "params.yaml").read_bytes()


def test_experiments_and_datasets_mean_the_same_in_all_profiles() -> None:
    seen: dict[str, str] = {}
    datasets: dict[str, Any] = {}
    for name in NAMES:
        params = load_profile(PROFILES / f"{name}.yaml")
        assert params.profile == name
        for experiment in params.experiments:
            assert seen.setdefault(experiment, name) == name, f"{experiment} is in two profiles"
        for key, dataset in params.datasets.items():
            assert datasets.setdefault(key, dataset) == dataset, f"{key} differs between profiles"


@pytest.mark.parametrize("name", NAMES)
def test_dvc_changes_no_line_but_those_of_the_parameters(tmp_path: Path, name: str) -> None:
    """As ``dvc exp run -S train.epochs=... -S ...`` does."""
    path = tmp_path / "params.yaml"
    before = as_yaml(load_profile(PROFILES / f"{name}.yaml"), ["# A comment."])
    path.write_text(before, encoding="utf-8")
    with modify_yaml(str(path)) as tree:
        tree["train"]["epochs"], tree["devices"]["r_min_ohm"], tree["wct"]["epochs"] = 3, 1.5e-7, 2000
    lines = zip(before.splitlines(), path.read_text().splitlines(), strict=True)
    assert [one.split()[0] for one, other in lines if one != other] == ["epochs:", "r_min_ohm:", "epochs:"]


def test_every_parameter_is_explained() -> None:
    schema = Params.model_json_schema()
    entries = [(name, entry) for name, entry in schema["$defs"].items() if "properties" in entry]
    every = [(name, key, value) for name, entry in entries for key, value in entry["properties"].items()]
    assert [one[:2] for one in every if not one[2].get("description") and one[1] != "kind"] == []
    explained = [line for line in QUICK.splitlines() if " # " in line]
    assert len(explained) > 80
    assert "  precision: auto # auto | float32 | bfloat16: arithmetic" in QUICK


ODD = (
    "", " a", "on", "1e-3", "010", "1:30", "~", "null", "a: b", "a #b", "- a", "'\"", "x\ny", "\x1b[0m", "\u2028", "日本",
    "x" * 300,
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    """Also texts that YAML takes for something else, and numbers that are very small or large."""
    tree = load_profile(PROFILES / f"{name}.yaml").model_dump()
    known = {"kind": "image_folder", "path": "p", "origin": "o"}
    for n, text in enumerate(ODD):
        tree["datasets"][f"odd-{n}"] = {**known, "description": text, "path_environment": f"ODD_{n}"}
    tree["devices"]["r_max_ohm"], tree["train"]["learning_rate"] = 1e12, 1.5e-07
    params, path = Params.model_validate(tree), tmp_path / "params.yaml"
    text = as_yaml(params)
    path.write_text(text, encoding="utf-8")
    assert load(path) == params
    # papermill reads YAML 1.1, DVC YAML 1.2: both must see the same values, of the same types.
    one, other = yaml.safe_load(text), YAML(typ="safe", pure=True).load(text)
    assert json.dumps(one) == json.dumps(other)


# --- python -m xbarpaper.params write -----------------------------------------------------------------------


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A repository's top with the profiles, ``quick`` active."""
    shutil.copytree(PROFILES, tmp_path / "profiles")
    write("quick", tmp_path)
    return tmp_path


def test_profiles_are_written_and_no_edit_by_hand_is_lost(top: Path) -> None:
    assert write("cifar10-small", top) == "params.yaml is now that of profiles/cifar10-small.yaml"
    assert load(top / "params.yaml") == load_profile(PROFILES / "cifar10-small.yaml")
    write("quick", top)
    assert sorted(path.name for path in top.iterdir()) == ["params.yaml", "profiles"]
    assert write("quick", top) == "params.yaml is already that of profiles/quick.yaml"
    path = top / "params.yaml"
    text = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))  # as an editor of Windows may save it
    assert write("quick", top) == "params.yaml is already that of profiles/quick.yaml"
    edits = [text.replace(b"  epochs: 10 ", b"  epochs: %d " % epochs) for epochs in (11, 12, 13)]
    edits.append(text + b"# \xe4 in Latin 1\n")
    for edit, name in zip(edits, ("before", "before.1", "before.2", "before.3"), strict=True):
        path.write_bytes(edit)
        assert write("quick", top).endswith(f"is kept as params.yaml.{name}")
        assert path.read_bytes() == text == (ROOT / "params.yaml").read_bytes()
        assert (top / f"params.yaml.{name}").read_bytes() == edit


REFUSED: dict[str, tuple[str, str]] = {
    "value": ("train:\n  epochs: ten\n", "train.epochs = 'ten' must be a valid integer, at least 1 and at most 1000000"),
    "misspelt": ("trains:\n  epochs: 3\n", "trains is not a parameter; did you mean train? (allowed here: "),
    "name": ("profile: other\n", "profile = other must be mine, the name of the file"),
    "stuck devices": ("devices: {stuck_low: 0.6, stuck_high: 0.5}\n",
                      "devices.stuck_low = 0.6 and devices.stuck_high = 0.5 must add up to at most 1"),
    "drift before t_0": ("devices: {drift: hermes-2, read_at_s: 299.0}\n",
                         "devices.read_at_s = 299.0 must be at least 300.0, from when on devices.drift = hermes-2 holds"),
    "reading before t_0": ("devices: {read_noise: pcm, read_at_s: 0.0}\n",
                           "devices.read_at_s = 0.0 must be at least 20.0, from when on devices.read_noise = pcm holds"),
    "drift of a survey before t_0": ("effects: {technology: hermes-2, drift_hours: [0.08]}\n",
                                     "effects.drift_hours = 0.08 must be at least 0.0833333, from when on "
                                     "effects.technology = hermes-2 holds"),
    "drift beside what is published before t_0": (
        "published: {drift: hermes-2, drift_seconds: [1.0e+4, 299.0]}\n",
        "published.drift_seconds = 299.0 must be at least 300.0, from when on published.drift = hermes-2 holds"),
    "survey of stuck devices": ("devices: {stuck_high: 0.5}\neffects: {clusters: [0.2, 0.6]}\n",
                                "effects.clusters = 0.6 and devices.stuck_high = 0.5 must add up to at most 1"),
    "size": ("sensitivity: {experiments: [e], crossbar_size: 64}\n",
             "sensitivity.crossbar_size = 64 must be among mapping.crossbar_sizes = 16, 32"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_profile_is_refused_and_nothing_is_written(top: Path, case: str) -> None:
    addition, message = REFUSED[case]
    good = "datasets: {s: {kind: shapes10}}\nexperiments: {e: {dataset: s, network: vgg11}}\n"
    (top / "profiles" / "mine.yaml").write_text(good + addition)
    with pytest.raises(ParameterError) as refused:
        write("mine", top)
    assert str(refused.value).startswith(f"{top}/profiles/mine.yaml: {message}")
    assert (top / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_a_size_that_no_experiment_uses_need_not_be_mapped(top: Path) -> None:
    profile = "datasets: {s: {kind: shapes10}}\nexperiments: {e: {dataset: s, network: vgg11}}\n"
    (top / "profiles" / "mine.yaml").write_text(profile + "mapping: {crossbar_sizes: [64]}\n")
    assert write("mine", top).startswith("params.yaml is now that of profiles/mine.yaml")


def test_the_command_tells_an_error_in_one_line(top: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "xbarpaper.params", "write", "huge"]
    done = subprocess.run(command, cwd=top, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("profile: profiles/huge.yaml: no such profile (there are: cifar10-full, ")
    assert len(done.stderr.splitlines()) == 1
