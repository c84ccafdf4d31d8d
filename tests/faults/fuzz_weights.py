"""Bad checkpoints and datasets: safetensors with crafted headers, other metadata, or damaged at random."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from typing import Any

from .fuzz_networks import checkpoint_cases
from .safetensors_files import (
    CHECKPOINT,
    DATASET,
    READ,
    Header,
    case,
    described_as,
    good,
    joined,
    taken_apart,
)
from .survival import Case

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
    for name in rng_sample(names, 4):
        yield case(kind, f"without {name}", joined({k: v for k, v in header.items() if k != name}, tensors))
        yield case(
            kind, f"{name} misnamed", joined({k + "x" * (k == name): v for k, v in header.items()}, tensors)
        )
    for size in (-1000, -1, 1, 1000):
        yield case(kind, f"{size} bytes", content[:size] if size < 0 else content + bytes(size))


def rng_sample(names: list[str], count: int) -> list[str]:
    return random.Random(0).sample(names, min(count, len(names)))


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
    crafted += [
        *checkpoint_cases(),
        case(CHECKPOINT, "a dataset", good(DATASET)),
        case(DATASET, "a checkpoint", good(CHECKPOINT)),
    ]
    rng.shuffle(crafted)
    yield from crafted[:count]
    for _ in range(count - len(crafted)):
        yield damaged(rng, rng.choice(list(READ)))
