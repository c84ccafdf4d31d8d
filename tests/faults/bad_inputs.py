"""A thousand bad inputs and more: profiles, images, checkpoints and datasets, each read as a stage reads it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import fuzz_commands, fuzz_images, fuzz_params, fuzz_weights
from .outcomes import Outcome
from .survival import Case, failure

WHAT = "bad profiles, images, archives, checkpoints, datasets and commands"
SHARES = {fuzz_params: 0.30, fuzz_images: 0.34, fuzz_weights: 0.32, fuzz_commands: 0.04}


def outcomes(inputs: int, seed: int) -> Iterator[Outcome]:
    """All kinds of inputs, ``inputs`` of them at most: there are only so many bad commands."""
    for kind, share in SHARES.items():
        yield from read(kind.cases(int(inputs * share), seed))


def read(cases: Iterable[Case]) -> Iterator[Outcome]:
    """Read each input in a folder of its own that is gone afterwards."""
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="bad-input-") as folder:
            wrong = failure(case, Path(folder))
        yield Outcome.of(case.name, [wrong] if wrong else [])
