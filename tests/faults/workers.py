"""Kills Dask workers in the middle of sweeps: ``python -m tests.faults.workers --kills 10``.

Two workers evaluate tiny networks; again and again one of them, drawn at random, gets SIGKILL at a random moment, and
another takes its place. A kill is survived if the sweep that it hit ends with the very table of an undisturbed one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd

from xbarpaper.support.errors import ArtifactError

from . import counts
from .machines import Machines
from .sweeping import swept

WORKERS = 2
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


def campaign(kills: int, seed: int, folder: Path) -> tuple[int, int]:
    """Kill so many workers; gives how many were killed and how many of these the sweeps survived."""
    expected = swept("none", folder / "undisturbed.csv")
    tried = survived = number = 0
    rng = random.Random(seed)
    with Machines(folder / "machines", WORKERS) as machines:
        while tried < kills:
            number += 1
            journal = folder / f"{number}.csv"
            killer = Killer(machines, journal, kills - tried, rng)
            killer.start()
            try:
                equal = same(swept(machines.address, journal), expected)
                said = "the same table" if equal else "another table"
            except ArtifactError as error:
                equal, said = False, str(error)
            killer.ended.set()
            killer.join()
            tried += killer.kills
            survived += killer.kills if equal else 0
            print(f"sweep {number}: {killer.kills} workers killed, {said}", flush=True)
            journal.unlink(missing_ok=True)
            if not equal:
                break
    return tried, survived


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Equal to the last bit, in order and in types."""
    return one.equals(other) and one.dtypes.equals(other.dtypes)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.workers", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the victims")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tried, survived = campaign(given.kills, given.seed, Path(folder))
    what = "Dask workers killed (SIGKILL) at random moments of a sweep; survived: the same table to the bit"
    counts.keep(
        "workers",
        tried,
        survived,
        what,
        f"python -m tests.faults.workers --kills {given.kills} --seed {given.seed}",
    )
    print(f"{survived} of {tried} survived")
    return 0 if survived == tried else 1


if __name__ == "__main__":
    sys.exit(main())
