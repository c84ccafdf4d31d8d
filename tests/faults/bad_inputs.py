"""A thousand bad inputs and more: profiles, images, checkpoints and datasets, each read as a stage reads it.

``python -m tests.faults.bad_inputs --inputs 1200 --seed 0`` keeps its count in reports/reliability.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from . import counts, fuzz_commands, fuzz_images, fuzz_params, fuzz_weights
from .survival import Case, failure

SHARES = {fuzz_params: 0.30, fuzz_images: 0.34, fuzz_weights: 0.32, fuzz_commands: 0.04}


def cases(inputs: int, seed: int) -> Iterator[Case]:
    """All kinds of inputs, ``inputs`` of them."""
    left = inputs
    for number, (kind, share) in enumerate(SHARES.items(), start=1):
        count = left if number == len(SHARES) else min(left, round(inputs * share))
        left -= count
        yield from kind.cases(count, seed)


def run(inputs: int, seed: int) -> tuple[int, int]:
    """Read bad inputs, each in a folder of its own.

    Returns:
        How many were tried and how many survived: refused in one clear line or rightly accepted, nothing written
        elsewhere, no code run, memory and time within their limits.
    """
    tried = survived = 0
    with tqdm(total=inputs, desc="bad inputs", unit="input") as bar:
        for case in cases(inputs, seed):
            with tempfile.TemporaryDirectory(prefix="bad-input-") as folder:
                wrong = failure(case, Path(folder))
            tried += 1
            survived += wrong is None
            if wrong:
                tqdm.write(f"{case.name}: {wrong}")
            bar.update()
    return tried, survived


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if all were survived, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.bad_inputs")
    parser.add_argument("--inputs", type=int, default=1200, help="how many (default: 1200)")
    parser.add_argument("--seed", type=int, default=0, help="of those made at random (default: 0)")
    given = parser.parse_args(arguments)
    tried, survived = run(given.inputs, given.seed)
    command = f"python -m tests.faults.bad_inputs --inputs {given.inputs} --seed {given.seed}"
    what = "bad profiles, images, archives, checkpoints, datasets and commands"
    counts.keep("bad_inputs", tried, survived, what, command)
    return 0 if tried == survived else 1


if __name__ == "__main__":
    sys.exit(main())
