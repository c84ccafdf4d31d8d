"""A thousand bad inputs and more: profiles, images, checkpoints and datasets, each read as a stage reads it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import fuzz_commands, fuzz_images, fuzz_params, fuzz_weights
from .outcomes import Faults, Outcome
from .survival import Case, failure

WHAT = "bad profiles, images, archives, checkpoints, datasets and commands"
SHARES = {fuzz_params: 0.30, fuzz_images: 0.34, fuzz_weights: 0.32, fuzz_commands: 0.04}
_AT_A_TIME = 100


def cases(inputs: int, seed: int) -> Iterator[Case]:
    """All kinds of inputs, ``inputs`` of them at most: there are only so many bad commands."""
    left = inputs
    for number, (kind, share) in enumerate(SHARES.items(), start=1):
        count = left if number == len(SHARES) else min(left, round(inputs * share))
        left -= count
        yield from kind.cases(count, seed)


def tasks(inputs: int, seed: int) -> Iterator[Faults]:
    """All inputs, some at a time."""
    for first in range(0, inputs, _AT_A_TIME):
        name = f"inputs {first} to {first + _AT_A_TIME - 1}"
        yield Faults(name, name, read, (inputs, seed, first))


def read(inputs: int, seed: int, first: int) -> list[Outcome]:
    """Read some inputs, each in a folder of its own."""
    found = []
    for case in list(cases(inputs, seed))[first : first + _AT_A_TIME]:
        with tempfile.TemporaryDirectory(prefix="bad-input-") as folder:
            wrong = failure(case, Path(folder))
        found.append(Outcome(case.name, wrong is None, wrong or ""))
    return found
