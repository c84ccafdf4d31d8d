"""Kills Dask workers in the middle of sweeps.

Two workers evaluate tiny networks; again and again one of them, drawn at random, gets SIGKILL at a random moment, and
another takes its place. A kill is survived if the sweep that it hit ends with the very table of an undisturbed one.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from xbarpaper.support.errors import ArtifactError

from .machines import Machines
from .outcomes import Outcome
from .sweeping import swept

WHAT = "Dask workers killed (SIGKILL) at random moments of a sweep; survived: the same table to the bit"
WORKERS, KILLS = 2, 12
LONGEST_PAUSE_SECONDS = 2.0


class Killer(threading.Thread):
    """Kills workers until it is told to end or has killed ``most``; never two before a row has arrived."""

    def __init__(self, machines: Machines, journal: Path, most: int, rng: random.Random) -> None:
        super().__init__(daemon=True)
        self.machines, self.journal, self.most, self.rng = machines, journal, most, rng
        self.kills, self.ended = 0, threading.Event()

    def run(self) -> None:
        rows = 0
        while self.kills < self.most and not self.ended.is_set():
            now = self._rows()
            if now <= rows:
                time.sleep(0.05)
                continue
            if self.ended.wait(self.rng.uniform(0, LONGEST_PAUSE_SECONDS)):
                return
            rows = self._rows()
            self.machines.kill(self.rng.choice(self.machines.workers))
            self.kills += 1
            self.machines.work()

    def _rows(self) -> int:
        return self.journal.read_bytes().count(b"\n") if self.journal.exists() else 0


def outcomes(folder: Path, seed: int) -> Iterator[Outcome]:
    """Kill workers; each kill is survived if the sweep that it hit is, and none follows one that is not."""
    expected = swept("none", folder / "undisturbed.csv")
    done, equal, rng = 0, True, random.Random(seed)
    with Machines(folder / "machines", WORKERS) as machines:
        while done < KILLS and equal:
            journal = folder / f"{done}.csv"
            killer = Killer(machines, journal, KILLS - done, rng)
            killer.start()
            try:
                equal = same(swept(machines.address, journal), expected)
                said = "the same table" if equal else "another table"
            except ArtifactError as error:
                equal, said = False, str(error)
            killer.ended.set()
            killer.join()
            for number in range(1, killer.kills + 1):
                yield Outcome(f"a worker killed, {number} of this sweep", equal, said)
            done += killer.kills


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Equal to the last bit, in order and in types."""
    return one.equals(other) and one.dtypes.equals(other.dtypes)
