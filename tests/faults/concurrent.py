"""Two ``dvc repro`` at once in one clone."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from repository import Repository

from .outcomes import Faults, Outcome, lock, unlike_the_lock
from .tiny import EXPERIMENT, Reference, clone

WHAT = "a second `dvc repro` in the same clone, begun at a random moment of the first; then `dvc repro` once more"
TARGET = f"train@{EXPERIMENT}"  # and with it the data
TRIES = 4
_CLEAR = r"is busy, it is being blocked by|Unable to acquire lock"


def tasks(reference: Reference, folder: Path, seed: int) -> Iterator[Faults]:
    """Begin two runs some seconds apart, each time in a fresh clone."""
    generator = random.Random(seed)
    for number in range(TRIES):
        share = generator.uniform(0, 0.9) if number else 0.0  # the first two at the very same time
        name = str(number)
        yield Faults(name, f"two at once: {name}", two_at_once, (reference, folder / name, share))


def two_at_once(reference: Reference, folder: Path, share: float) -> list[Outcome]:
    """What the two say, and whether the outputs are those of the undisturbed run.

    Args:
        reference: the undisturbed run.
        folder: where the clone goes.
        share: of what the first run takes, after which the second begins.
    """
    repository = clone(folder)
    apart = share * (reference.seconds["data@tiny"] + reference.seconds[TARGET])
    fault = f"a second `dvc repro` {apart:.1f} s after the first"
    first = _start(repository)
    time.sleep(apart)
    second = _start(repository)
    said = [process.communicate()[0] for process in (first, second)]
    wrong, told = [], []
    for name, process, text in zip(("first", "second"), (first, second), said, strict=True):
        clear = re.search(rf".*({_CLEAR}).*", text)
        if process.returncode == 0:
            told.append(f"the {name} one finished")
        elif clear and "Traceback" not in text:
            told.append(f"the {name} one: {clear[0].strip()}")
        else:
            wrong.append(f"the {name} one failed without a clear line: {text.strip()[-300:]!r}")
    if all(process.returncode for process in (first, second)):
        wrong.append("neither finished")
    done = repository.dvc("repro", TARGET)
    if done.returncode:
        wrong.append(f"`dvc repro` afterwards failed: {done.stderr.strip()[-300:]!r}")
    else:
        undisturbed = lock(reference.repository)
        wrong += [f"{stage} differs" for stage, outs in lock(repository).items() if outs != undisturbed[stage]]
        wrong += unlike_the_lock(repository)
    return [Outcome(fault, not wrong, "; ".join(wrong or told))]


def _start(repository: Repository) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", TARGET], cwd=repository.folder, env=repository.environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
