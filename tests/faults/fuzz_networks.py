"""Checkpoints that ask for other networks, or hold weights that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator

import torch
from safetensors.torch import save

from xbarpaper.experiments import checkpoints

from .safetensors_files import (
    CHECKPOINT,
    PARAMETERS,
    Header,
    case,
    described_as,
    good,
    taken_apart,
)
from .survival import Case


def checkpoint_cases() -> Iterator[Case]:
    """Checkpoints that ask for other networks, or hold weights that are none."""
    architectures: tuple[Header, ...] = (
        {"width": 1e6}, {"width": 1e300}, {"width": float("nan")}, {"width": float("inf")}, {"width": -1}, {"width": 0},
        {"width": 4.0}, {"width": 3}, {"classes": 10**9}, {"classes": -1}, {"classes": 0}, {"network": "vgg16"},
        {"network": "resnet"}, {"network": "resnet20"}, {"kept_channels": []}, {"kept_channels": {"conv1": [0]}},
        {"kept_channels": {"conv1": []}}, {"kept_channels": {"conv1": [10**9, -1]}}, {"kept_channels": {"conv99": [0]}},
        {"kept_channels": {"conv2": list(range(20_000))}}, {"kept_channels": {"conv1": [0, 0]}}, {"more": 1},
        {"kept_channels": {"conv1": ["x"]}}, {"kept_channels": "x"}, {"kept_channels": {"images": [0]}},
    )  # fmt: skip
    for change in architectures:
        yield case(
            CHECKPOINT,
            f"architecture {change!r:.50}",
            described_as(CHECKPOINT, lambda m, c=change: m["architecture"].update(c)),
        )
    others: tuple[Header, ...] = (
        {"train.epochs": 4}, {"train.epochs": "a\nb"}, {"\x1b[2J": 1}, {"x" * 5000: 1},
    )  # fmt: skip
    for parameters in ({}, *(PARAMETERS | other for other in others)):
        yield case(
            CHECKPOINT,
            f"parameters {parameters!r:.50}",
            described_as(CHECKPOINT, lambda m, p=parameters: m.__setitem__("parameters", p)),
        )
    for limits in ({}, {"conv1": 1.0}, {"conv1": -1.0}, {"conv1": float("nan")}, {"x\ny": 3.0}):
        yield case(
            CHECKPOINT, f"w_max {limits!r}", described_as(CHECKPOINT, lambda m, w=limits: m["w_max"].update(w)),
            "accepted" if limits in ({}, {"conv1": 1.0}) else "refused",
        )  # fmt: skip
    yield case(CHECKPOINT, "w_max empty", described_as(CHECKPOINT, lambda m: m.__setitem__("w_max", {})))
    yield from other_tensors()


def other_tensors() -> Iterator[Case]:
    """Tensors of other types and values under a digest that fits them."""
    header, tensors = taken_apart(good(CHECKPOINT))
    loaded = torch.frombuffer(bytearray(tensors), dtype=torch.uint8)

    def tensor(name: str) -> torch.Tensor:
        entry = header[name]
        kinds = {"F32": torch.float32, "I64": torch.int64, "BOOL": torch.bool}
        part = loaded[entry["data_offsets"][0] : entry["data_offsets"][1]].clone()
        return part.view(kinds[entry["dtype"]]).reshape(entry["shape"])

    kept = {name: tensor(name) for name in header if name != "__metadata__"}
    weight = "network.blocks.0.convolution.weight"
    mask = "mask.conv1"
    changes: dict[str, dict[str, torch.Tensor]] = {
        **{f"weights of {kind}": {weight: kept[weight].to(kind)} for kind in (
            torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool,
            torch.complex64,
            torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16, torch.uint64,
        )},
        **{f"a mask of {kind}": {mask: kept[mask].to(kind)} for kind in (torch.float32, torch.uint8, torch.int64)},
        **{f"weights of {value}": {weight: torch.full_like(kept[weight], value)} for value in (
            float("nan"), float("inf"), -float("inf"),
        )},
        "a variance below zero": {"network.blocks.0.normalisation.running_var": torch.tensor([-1.0, -1.0])},
        "one NaN": {weight: kept[weight].index_fill(0, torch.tensor([0]), float("nan"))},
        "a mask that hides weights": {mask: torch.zeros_like(kept[mask])},
        "no dimensions": {weight: torch.tensor(1.0)}, "one more": {"network.more": torch.zeros(1)},
        "another kind": {"more": torch.zeros(1)}, "one more mask": {"mask.more": torch.ones(1, dtype=torch.bool)},
    }  # fmt: skip
    metadata = json.loads(header["__metadata__"][CHECKPOINT])
    for name, change in changes.items():
        made = kept | change
        described = metadata | {"tensors_digest": checkpoints._digest(made)}
        outcome = "either" if name == "a mask that hides weights" else "refused"
        content = save(made, {CHECKPOINT: json.dumps(described)})
        yield case(CHECKPOINT, f"tensors: {name}", content, outcome)
