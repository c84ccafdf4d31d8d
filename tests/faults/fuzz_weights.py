"""Bad checkpoints and datasets: safetensors with crafted headers and tensors, or damaged at random."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import save

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.experiments import checkpoints
from xbarpaper.params import Shapes10

from . import writers
from .survival import Case, holding

PARAMETERS = {"train.epochs": 3, "train.learning_rate": 0.1}
CHECKPOINT, DATASET = "xbarpaper-checkpoint-2", "dataset"

Header = dict[str, Any]


@cache
def images() -> ImageSet:
    """A dataset of twenty images for each split."""
    settings = Shapes10(kind="shapes10", train_images=20, test_images=20, noise_sigma=0.05, seed=1)
    return data.prepare("tiny", settings)


@cache
def good(kind: str) -> bytes:
    """The bytes of a checkpoint or a dataset as the library saves it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "good"
        if kind == DATASET:
            return data.save(images(), path).read_bytes()
        return writers.checkpoint(path, images(), width=0.03, parameters=PARAMETERS).read_bytes()


def read_checkpoint(folder: Path) -> None:
    """Load a checkpoint; what was accepted must compute finite answers and be masked as it says."""
    loaded = checkpoints.load(folder / "file.safetensors", PARAMETERS, images())
    with torch.no_grad():
        answers = loaded.pruned.network(data.normalised(images().test, images(), "cpu"))
    assert torch.isfinite(answers).all()
    assert answers.shape == (20, 10)
    assert all(mask.dtype is torch.bool for mask in loaded.pruned.masks.values())


def read_dataset(folder: Path) -> None:
    """Load a dataset; what was accepted must be the very one that was saved."""
    loaded = data.load(folder / "file.safetensors")
    assert loaded.digest == images().digest
    assert loaded.name
    assert torch.equal(loaded.train.pixels, images().train.pixels)


READ = {CHECKPOINT: read_checkpoint, DATASET: read_dataset}


def case(kind: str, name: str, content: bytes, outcome: Any = "refused") -> Case:
    shown = kind.split("-")[-2] if kind == CHECKPOINT else kind
    file = "file.safetensors"
    return Case(f"{shown}: {name}", holding(file, content), READ[kind], outcome, f"{file}: ")


def taken_apart(content: bytes) -> tuple[Header, bytes]:
    """Header and tensors of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: Header | bytes, tensors: bytes) -> bytes:
    """The file again."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def described_as(kind: str, change: Callable[[Header], object]) -> bytes:
    """A file that says other things of itself; for a dataset with a checksum that fits."""
    header, tensors = taken_apart(good(kind))
    metadata = json.loads(header["__metadata__"][kind])
    change(metadata)
    if kind == DATASET and isinstance(metadata, dict) and "checksum" in metadata:
        metadata.pop("checksum")
        metadata["checksum"] = data.images._checksum(metadata)
    text = json.dumps(metadata)
    return joined(header | {"__metadata__": {kind: text}}, tensors)


def checkpoint_cases() -> Iterator[Case]:
    """Checkpoints that ask for other networks, or hold weights that are none."""
    kept: Header = {"kept_channels": {"conv1": [10**9, -1]}}
    for change in ({"width": 1e6}, {"network": "resnet"}, kept, {"more": 1}):
        content = described_as(CHECKPOINT, lambda m, c=change: m["architecture"].update(c))
        yield case(CHECKPOINT, f"architecture {change!r:.50}", content)
    others: tuple[Header, ...] = (
        {"train.epochs": 4}, {"train.epochs": "a\nb"}, {"\x1b[2J": 1}, {"x" * 5000: 1},
    )  # fmt: skip
    for parameters in ({}, *(PARAMETERS | other for other in others)):
        content = described_as(CHECKPOINT, lambda m, p=parameters: m.__setitem__("parameters", p))
        yield case(CHECKPOINT, f"parameters {parameters!r:.50}", content)
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


ODD: tuple[Any, ...] = (
    None, True, -1, 0, 3, 1e300, 10**30, float("nan"), "", "x", "a\nb", "\x1b[31m",
    "x" * 5000, [], ["x"], [[]], {}, {"a": 1},
    [1] * 1000, "../../up", {"a": {"b": [None]}},
)  # fmt: skip


def heads(kind: str) -> Iterator[Case]:
    """Files whose header is no header, or not that of these tensors."""
    content = good(kind)
    header, tensors = taken_apart(content)
    yield case(kind, "as saved", content, "accepted")
    for length in (0, 1, 2**31, 2**40, 2**63, 2**64 - 1, len(content), len(content) - 8, 100_000_001):
        yield case(kind, f"a header of {length} bytes", struct.pack("<Q", length) + content[8:])
    texts = {
        "nothing": b"", "null": b"null", "list": b"[]", "number": b"3", "empty": b"{}", "no JSON": b"{",
        "spaces": b" " * 4096,
        "deep": b"[" * 100_000, "deep maps": b'{"a":' * 50_000, "latin-1": '{"ä": 1}'.encode("latin-1"),
        "nul": b"\0" * 64,
        "only metadata": b'{"__metadata__": {}}', "metadata of numbers": b'{"__metadata__": {"a": 1}}',
        "metadata of lists": b'{"__metadata__": []}', "twice": b'{"a": 1, "a": 2}',
    }  # fmt: skip
    for name, text in texts.items():
        yield case(kind, f"header: {name}", joined(text, tensors))
        yield case(kind, f"header: {name}, no tensors", joined(text, b""))
    names = [name for name in header if name != "__metadata__"]
    largest = max(names, key=lambda name: header[name]["data_offsets"][1] - header[name]["data_offsets"][0])
    shape, (start, end) = header[largest]["shape"], header[largest]["data_offsets"]
    entries: dict[str, Header] = {
        "huge shape": {"shape": [2**40, 2**40]}, "overflowing shape": {"shape": [2**63, 2]},
        "negative": {"shape": [-1]},
        "no shape": {"shape": None}, "zero": {"shape": [0]}, "thousands of dimensions": {"shape": [1] * 5000 + shape},
        "flat": {"shape": [(end - start)]}, "overlapping": {"data_offsets": [0, end - start]},
        "beyond": {"data_offsets": [start, end + 2**40]}, "backwards": {"data_offsets": [end, start]},
        "negative offset": {"data_offsets": [-8, end]}, "one offset": {"data_offsets": [start]},
        "fractions": {"data_offsets": [0.5, 1.5]}, "more names": {"more": 1}, "no dtype": {"dtype": None},
        **{f"dtype {name}": {"dtype": name} for name in (
            "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL", "F8_E4M3",
            "F8_E5M2",
            "F8_E8M0", "F4", "F6_E2M3", "C64", "x", "",
        )},
    }  # fmt: skip
    for name, entry in entries.items():
        if entry.get("dtype") == header[largest]["dtype"]:
            continue
        changed = header | {largest: header[largest] | entry}
        outcome = "either" if name == "more names" else "refused"
        yield case(kind, f"tensor: {name}", joined(changed, tensors), outcome)
    for name in random.Random(0).sample(names, min(4, len(names))):
        yield case(kind, f"without {name}", joined({k: v for k, v in header.items() if k != name}, tensors))
        misnamed = {k + "x" * (k == name): v for k, v in header.items()}
        yield case(kind, f"{name} misnamed", joined(misnamed, tensors))
    for size in (-1000, -1, 1, 1000):
        yield case(kind, f"{size} bytes", content[:size] if size < 0 else content + bytes(size))


def metadata_cases(kind: str, rng: random.Random) -> Iterator[Case]:
    """Every entry of the metadata left out, of another type, or of another file."""
    header, tensors = taken_apart(good(kind))
    deep = ("[" * 100_000, '{"a":' * 50_000)
    for text in ("", "null", "[]", "3", "{", *deep, "\0", "NaN", '"x"', "9" * 5000, "{}"):
        odd = header | {"__metadata__": {kind: text}}
        yield case(kind, f"metadata {text[:10]!r}", joined(odd, tensors))
    metadata = json.loads(header["__metadata__"][kind])
    spoken = set(
        ["software_accuracy", "sparsity", "seed", "versions", "dataset", "classes", "scheme", "crossbar_size"]
    )
    for name in metadata:
        free = (kind == CHECKPOINT and name in spoken) or name in ("checksum", "name", "description")
        without = described_as(kind, lambda m, n=name: m.pop(n))
        yield case(kind, f"metadata without {name}", without, "either" if name == "checksum" else "refused")
        for value in rng.sample(ODD, 6):
            other = described_as(kind, lambda m, n=name, v=value: m.__setitem__(n, v))
            yield case(kind, f"metadata {name} = {value!r:.30}", other, "either" if free else "refused")
    more = described_as(kind, lambda m: m.__setitem__("more", 1))
    yield case(kind, "metadata, one more", more, "either" if kind == DATASET else "refused")


def damaged(rng: random.Random, kind: str) -> Case:
    """A file that was cut, or some of whose bytes changed, in its header or anywhere."""
    content = bytearray(good(kind))
    (length,) = struct.unpack("<Q", content[:8])
    if rng.random() < 0.2:
        return case(kind, f"cut, {rng.random()}", bytes(content[: rng.randrange(len(content))]))
    if rng.random() < 0.1:
        return case(kind, f"random, {rng.random()}", rng.randbytes(rng.randrange(3000)))
    first, last = rng.choice(((0, 8 + length), (0, 8 + length), (8 + length, len(content))))
    before = bytes(content)
    while bytes(content) == before:
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(first, last)] = rng.randrange(256)
    # The tensors have a digest; of the header, some texts are free.
    return case(kind, f"damaged, {rng.random()}", bytes(content), "refused" if first else "either")


def cases(count: int, seed: int) -> Iterator[Case]:
    """Crafted ones first, then as many damaged at random as are wanted."""
    rng = random.Random(f"weights {seed}")
    crafted = [one for kind in READ for one in (*heads(kind), *metadata_cases(kind, rng))]
    crafted += checkpoint_cases()
    crafted += [case(CHECKPOINT, "a dataset", good(DATASET)), case(DATASET, "a checkpoint", good(CHECKPOINT))]
    rng.shuffle(crafted)
    yield from crafted[:count]
    for _ in range(count - len(crafted)):
        yield damaged(rng, rng.choice(list(READ)))
