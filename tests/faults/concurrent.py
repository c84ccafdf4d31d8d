"""Two ``dvc repro`` at once in one clone."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .outcomes import Outcome
from .tiny import EXPERIMENT, Reference, clone, last_line, lock, unlike_the_lock

WHAT = "a second `dvc repro` in the same clone, begun at a random moment of the first; then `dvc repro` once more"
TARGET = f"train@{EXPERIMENT}"  # and with it the data
TRIES = 4
_CLEAR = r"is busy, it is being blocked by|Unable to acquire lock"


def outcomes(reference: Reference, folder: Path, seed: int) -> Iterator[Outcome]:
    """Begin two runs some seconds apart, each time in a fresh clone."""
    generator, whole = random.Random(seed), reference.seconds["data@tiny"] + reference.seconds[TARGET]
    for number in range(TRIES):
        apart = whole * generator.uniform(0, 0.9) if number else 0.0  # the first two at the very same time
        yield two_at_once(reference, folder / str(number), apart)


def two_at_once(reference: Reference, folder: Path, apart: float) -> Outcome:
    """What two runs so many seconds apart say, and whether the outputs are those of the undisturbed run."""
    repository, processes = clone(folder), []
    for seconds in (apart, 0.0):
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "dvc", "repro", TARGET], cwd=folder, env=repository.environment,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
        )  # fmt: skip
        time.sleep(seconds)
    wrong, told = [], []
    for name, process in zip(("first", "second"), processes, strict=True):
        text = process.communicate()[0]
        clear = re.search(rf".*({_CLEAR}).*", text)
        if process.returncode == 0:
            told.append(f"the {name} one finished")
        elif clear and "Traceback" not in text:
            told.append(f"the {name} one: {clear[0].strip()}")
        else:
            wrong.append(f"the {name} one failed without a clear line: {text.strip()[-300:]!r}")
    if all(process.returncode for process in processes):
        wrong.append("neither finished")
    done = repository.dvc("repro", TARGET)
    if done.returncode:
        wrong.append(f"`dvc repro` afterwards failed: {last_line(done.stderr)}")
    else:
        wrong += [
            f"{stage} differs" for stage, outs in lock(repository).items() if outs != reference.lock[stage]
        ]
        wrong += unlike_the_lock(repository)
    return Outcome.of(f"a second `dvc repro` {apart:.1f} s after the first", wrong, "; ".join(told))
