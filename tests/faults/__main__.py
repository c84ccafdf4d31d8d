"""``make test-faults``: the whole campaign, or some parts of it; keeps the counts in reports/reliability.json."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from repository import ROOT
from tqdm import tqdm

from . import bad_inputs, concurrent, corruptions, full_disk, kills, transfers, workers
from .outcomes import Kind, Outcome, keep
from .tiny import Reference

LOGS = Path("data/faults")


class Campaign:
    """What the parts need: the command line, a folder, and the undisturbed run where one asks for it."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self.kills, self.inputs, self.seed, self.folder = given.kills, given.inputs, given.seed, folder

    @cached_property
    def reference(self) -> Reference:
        """The profile run once, some minutes."""
        return Reference.run(self.folder / "undisturbed")


PARTS: dict[Kind, tuple[Callable[[Campaign], Iterator[Outcome]], str]] = {
    "kills": (lambda c: kills.outcomes(c.reference, c.folder / "kills", c.kills, c.seed), kills.WHAT),
    "full_disk": (lambda c: full_disk.outcomes(c.reference, c.folder / "full"), full_disk.WHAT),
    "corruptions": (
        lambda c: corruptions.outcomes(c.reference, c.folder / "spoilt", c.seed),
        corruptions.WHAT,
    ),
    "caches": (lambda c: corruptions.deletions(c.reference, c.folder / "deleted"), corruptions.DELETED),
    "concurrent": (lambda c: concurrent.outcomes(c.reference, c.folder / "two", c.seed), concurrent.WHAT),
    "transfers": (lambda c: transfers.outcomes(c.reference, c.folder / "cut", c.seed), transfers.WHAT),
    "workers": (lambda c: workers.outcomes(c.folder / "workers", c.seed), workers.WHAT),
    "bad_inputs": (lambda c: bad_inputs.outcomes(c.inputs, c.seed), bad_inputs.WHAT),
}


def main() -> int:
    """Command line; returns 0 if every fault was survived, 1 if one was not."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    add = parser.add_argument
    add("--kills", type=int, default=50, help="kills over the pipeline, at least (default: 50)")
    add("--inputs", type=int, default=1200, help="bad inputs, at most (default: 1200)")
    add("--seed", type=int, default=0, help="of every random choice (default: 0)")
    add("--part", choices=PARTS, action="append", help="this one only; may be repeated")
    given = parser.parse_args()
    survived = True
    with (
        tempfile.TemporaryDirectory(prefix="xbarpaper-faults-") as folder,
        tqdm(unit="fault", disable=None) as bar,
    ):
        campaign = Campaign(given, Path(folder))
        (ROOT / LOGS).mkdir(parents=True, exist_ok=True)
        for kind in given.part or PARTS:
            bar.set_description(kind)
            faults, what = PARTS[kind]
            log, tried, good = LOGS / f"{kind}.log", 0, 0
            with (ROOT / log).open("w", encoding="utf-8") as told:
                for outcome in faults(campaign):
                    tried, good = tried + 1, good + outcome.survived
                    bar.update()
                    print(outcome, file=told)
                    if not outcome.survived:
                        bar.write(str(outcome), file=sys.stderr)
            number = {"kills": f" --kills {given.kills}", "bad_inputs": f" --inputs {given.inputs}"}.get(
                kind, ""
            )
            command = f'make test-faults FAULTS="--part {kind}{number} --seed {given.seed}"'
            keep(kind, tried, good, what, command)
            bar.write(f"{kind}: {good} of {tried} survived ({log})")
            survived &= good == tried
    return 0 if survived else 1


if __name__ == "__main__":
    sys.exit(main())
