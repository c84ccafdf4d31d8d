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

from xbarpaper.support import spreading

from . import bad_inputs, concurrent, corruptions, full_disk, kills, transfers, workers
from .outcomes import Faults, Kind, Outcome, keep, told
from .tiny import Reference

LOGS = Path("data/faults")


class Campaign:
    """What parts are planned with: the command line, a folder, and the undisturbed run where a part asks for it."""

    def __init__(self, given: argparse.Namespace, folder: Path, pool: spreading.Workers) -> None:
        self.given, self.folder, self._pool = given, folder, pool

    @cached_property
    def undisturbed(self) -> Reference:
        """The profile run once, some minutes."""
        return Reference.run(self.folder / "undisturbed")

    @cached_property
    def reference(self) -> Reference:
        """The same as workers see it."""
        return self._pool.share(self.undisturbed)

    def kills(self) -> Iterator[Faults]:
        """Kills in every stage, shared out evenly."""
        stages = list(self.undisturbed.seconds)
        return kills.tasks(stages, self.reference, self.folder / "kills", self.given.kills, self.given.seed)


PARTS: dict[Kind, tuple[Callable[[Campaign], Iterator[Faults]], str]] = {
    "kills": (Campaign.kills, kills.WHAT),
    "full_disk": (lambda c: full_disk.tasks(c.reference, c.folder / "full"), full_disk.WHAT),
    "corruptions": (lambda c: corruptions.tasks(c.reference, c.folder / "spoilt", c.given.seed), corruptions.WHAT),
    "caches": (lambda c: corruptions.deletions(c.reference, c.folder / "deleted"), corruptions.DELETED),
    "concurrent": (lambda c: concurrent.tasks(c.reference, c.folder / "two", c.given.seed), concurrent.WHAT),
    "transfers": (lambda c: transfers.tasks(c.reference, c.folder / "cut", c.given.seed), transfers.WHAT),
    "workers": (lambda c: workers.tasks(c.folder / "workers", c.given.seed), workers.WHAT),
    "bad_inputs": (lambda c: bad_inputs.tasks(c.given.inputs, c.given.seed), bad_inputs.WHAT),
}  # fmt: skip


def main() -> int:
    """Command line; returns 0 if every fault was survived, 1 if one was not."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    add = parser.add_argument
    add("--kills", type=int, default=50, help="kills over the pipeline, at least (default: 50)")
    add("--inputs", type=int, default=1200, help="bad inputs, at most (default: 1200)")
    add("--seed", type=int, default=0, help="of every random choice (default: 0)")
    add("--part", choices=PARTS, action="append", help="this one only; may be repeated")
    add("--scheduler", default="none", help="none, local, or a Dask scheduler (default: none)")
    add("--workers", type=int, default=2, help="of --scheduler local (default: 2)")
    add("--folder", type=Path, help="for clones, seen by all workers (default: a temporary one)")
    given = parser.parse_args()
    survived = True
    with (
        tempfile.TemporaryDirectory(prefix="xbarpaper-faults-", dir=given.folder) as folder,
        spreading.opened("--scheduler", given.scheduler, given.workers) as pool,
        tqdm(unit="fault") as bar,
    ):
        campaign = Campaign(given, Path(folder), pool)
        for kind in given.part or PARTS:
            bar.set_description(kind)
            plan, what = PARTS[kind]
            outcomes = tried(pool, plan(campaign), bar)
            told(outcomes, ROOT / LOGS / f"{kind}.log")
            good = sum(outcome.survived for outcome in outcomes)
            keep(kind, len(outcomes), good, what, command(kind, given))
            bar.write(f"{kind}: {good} of {len(outcomes)} survived ({LOGS / f'{kind}.log'})")
            survived &= good == len(outcomes)
    return 0 if survived else 1


def tried(pool: spreading.Workers, faults: Iterator[Faults], bar: tqdm[None]) -> list[Outcome]:
    """Make the faults happen, wherever there is room; in the order of their tasks, whichever ended first."""
    found: dict[str, list[Outcome]] = {}
    order: list[str] = []

    def planned() -> Iterator[Faults]:
        for task in faults:
            order.append(task.key)
            yield task

    for key, outcomes in spreading.results(pool, planned()):
        found[key] = outcomes
        bar.update(len(outcomes))
        for outcome in outcomes:
            if not outcome.survived:
                bar.write(str(outcome), file=sys.stderr)
    return [outcome for key in order for outcome in found[key]]


def command(kind: Kind, given: argparse.Namespace) -> str:
    """What makes the faults of a part."""
    number = {"kills": f" --kills {given.kills}", "bad_inputs": f" --inputs {given.inputs}"}.get(kind, "")
    return f'make test-faults FAULTS="--part {kind}{number} --seed {given.seed}"'


if __name__ == "__main__":
    sys.exit(main())
