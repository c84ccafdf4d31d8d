"""The generated parts of docs/artifact.md: what each claim takes to reproduce, and where its result is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from xbarpaper.claims import ClaimReport
from xbarpaper.claims.statements import load
from xbarpaper.networks import Architecture, outline
from xbarpaper.params import ImageFolder, Params, load_profile
from xbarpaper.report import tables
from xbarpaper.support.files import read_table
from xbarpaper.support.yaml_files import read_yaml

MEASURED_BY: Final = {
    "C1": ("map",),
    "C2": ("evaluate",),
    "C3": ("rearrange",),
    "C4": ("wct",),
    "C5": ("rearrange", "wct"),
}
"""The last stages whose tables a claim is read from."""

REAL: Final = "cifar10-seeds"
"""The profile on real images whose report weighs most."""

_BENCHMARKS: Final = Path("reports/benchmarks")


def untimed() -> list[str]:
    """The stages of ``quick`` that came after its times were measured."""
    timed = set(read_table(_BENCHMARKS / "pipeline-quick.csv")["stage"].str.split("@").str[0])
    lock = Path("dvc.lock").read_text(encoding="utf-8")  # its YAML takes seconds to read
    locked = [name.split("@")[0] for name in re.findall(r"^  (\S+):$", lock, re.MULTILINE)]
    return [name for name in dict.fromkeys(locked) if name not in timed | {"code"}]


def commands() -> str:
    """For each claim the command that measures it in ``quick``, with the minutes from nothing."""
    quick = read_table(_BENCHMARKS / "pipeline-quick.csv")
    minutes = quick.assign(stage=quick["stage"].str.split("@").str[0], minutes=quick["seconds"] / 60)
    experiments = _profile("quick").experiments
    lines = []
    for claim, stages in MEASURED_BY.items():
        asked = " ".join(f"{stage}@{experiment}" for stage in stages for experiment in experiments)
        needed = minutes.loc[minutes["stage"].isin(_before(stages)), "minutes"].sum()
        lines.append((f"dvc repro {asked}", f"{claim}: {needed:.0f} minutes from nothing"))
    later = f", without {', '.join(untimed())}" if untimed() else ""
    whole = minutes.set_index("stage")["minutes"]["total"]
    lines.append(
        ("dvc repro publish@quick", f"the verdicts on all five, and the report: {whole:.0f} minutes{later}")
    )
    widest = max(len(command) for command, _ in lines)
    return "\n".join(["```sh", *(f"{command:{widest}}  # {note}" for command, note in lines), "```"])


def claims() -> str:
    """Where each claim is measured, what that takes on real images, and the verdict to expect."""
    costs = read_table(_BENCHMARKS / f"costs-{REAL}.csv")
    found = {name: ClaimReport.read(Path("reports") / name / "claims.json") for name in ("quick", REAL)}
    stages = read_yaml(Path("dvc.yaml"))["stages"]
    rows = []
    statements = load()
    for rank, (identity, last) in enumerate(MEASURED_BY.items()):
        statement = statements[identity]
        notebooks = [re.findall(r"notebooks/(\w+)\.ipynb", _body(stages[stage])["cmd"])[0] for stage in last]
        needed = costs[costs["stage"].isin(_before(last))]
        rows.append(
            [
                statement.id,
                ", ".join(f"`{name}`" for name in notebooks),
                f"{needed['minutes'].sum():.0f} min, {needed['gib'].max():.1f} GiB",
                ", ".join(f"`{name}`" for name in statement.figures),
                *(f"**{report.claims[rank].overall}**" for report in found.values()),
            ]
        )
    heads = ["claim", "measured by", f"on real images (`{REAL}`)", "figures"]
    heads += [f"`{name}` says" for name in found]
    return tables.Table(heads, rows, words=4).markdown()


def installed() -> str:
    """What each step of the container recipe took: time, download, disk."""
    rows = []
    for one in read_table(_BENCHMARKS / "container.csv").to_dict("records"):
        sizes = [f"{one[name] / 1000:.2f}" for name in ("downloaded_mb", "disk_mb")]
        rows.append([one["image"], f"`{one['step']}`", f"{one['seconds'] / 60:.1f}", *sizes])
    heads = ["image", "step", "minutes", "downloaded, GB", "on disk, GB"]
    stages = yaml.load(Path("dvc.lock").read_text(encoding="utf-8"), yaml.CSafeLoader)["stages"].values()
    made = {out["path"]: out["size"] for stage in stages for out in stage.get("outs", ())}
    note = (
        "Measured by `python -m tools.container` on one core that other work shared. Under 1 GB of download torch is the "
        "build for the processor alone, above it that with CUDA. The results of `quick` take "
        f"{2 * sum(made.values()) / 1e9:.1f} GB more (`dvc.lock`), those of `{REAL}` at most "
        f"{_disk(_profile(REAL)) / 1e9:.1f} GB: its images as tensors and all of its checkpoints, computed from their "
        "sizes. Both are counted twice, because DVC keeps a copy in its cache."
    )
    return f"{tables.Table(heads, rows, words=2).markdown()}\n\n{note}"


def _profile(name: str) -> Params:
    return load_profile(Path(f"profiles/{name}.yaml"))


def _body(stage: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = stage.get("do", stage)
    return body


def _before(last: tuple[str, ...]) -> list[str]:
    """Stages with all that they need, by the paths that one writes and another reads."""
    stages = {name: _body(stage) for name, stage in read_yaml(Path("dvc.yaml"))["stages"].items()}

    def paths(name: str, key: str) -> set[str]:
        listed = stages[name].get(key, [])
        return {
            re.sub(r"\$\{[^}]*\}", "*", next(iter(one)) if isinstance(one, dict) else one) for one in listed
        }

    needed = list(last)
    for name in needed:  # grows while it is gone through
        needed += [
            other for other in stages if other not in needed and paths(other, "outs") & paths(name, "deps")
        ]
    return needed


def _disk(params: Params) -> float:
    """Bytes that a profile's images and checkpoints take at most: all networks as large as the unpruned one."""
    images = sum(
        (one.train_images or 0) + (one.test_images or 0)
        for one in params.datasets.values()
        if isinstance(one, ImageFolder)
    )
    total = images * (3 * 32 * 32 + 8)
    # unpruned, C/F, XCS and XRS, each with and without WCT
    networks = 4 * (1 + len(params.mapping.crossbar_sizes))
    for experiment in params.experiments.values():
        network = outline(Architecture(network=experiment.network, width=experiment.width, classes=100))
        total += networks * 4 * sum(weight.numel() for weight in network.parameters())
    return 2 * total
