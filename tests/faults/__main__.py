"""``python -m tests.faults``: the whole campaign, or some parts of it; keeps the counts in reports/reliability.json."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from xbarpaper.support import spreading

from . import caches, concurrent, corruptions, counts, full_disk, kills
from .outcomes import Faults, Outcome, told
from .tiny import Reference

LOGS = Path("data/faults")
Plan = Callable[[list[str], Reference, Path, argparse.Namespace], Iterator[Faults]]
"""The faults of a part, given the pipeline's stages, the undisturbed run, a folder for clones and the command line."""
PARTS: dict[counts.Kind, tuple[Plan, str]] = {
    "kills": (lambda stages, r, f, given: kills.tasks(stages, r, f, given.kills, given.seed), kills.WHAT),
    "full_disk": (lambda _, r, f, given: full_disk.tasks(r, f), full_disk.WHAT),
    "corruptions": (lambda _, r, f, given: corruptions.tasks(r, f, given.seed), corruptions.WHAT),
    "caches": (lambda _, r, f, given: caches.tasks(r, f), caches.WHAT),
    "concurrent": (lambda _, r, f, given: concurrent.tasks(r, f, given.seed), concurrent.WHAT),
}


def main() -> int:
    """Command line; returns 0 if every fault was survived, 1 if one was not."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=50, help="kills over the pipeline, at least (default: 50)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of every random choice (default: 0)")
    parser.add_argument("--part", choices=PARTS, action="append", help="this one only; may be repeated")
    parser.add_argument(
        "--scheduler", default="none", help="none, local, or a Dask scheduler (default: none)"
    )
    parser.add_argument("--workers", type=int, default=2, help="of --scheduler local (default: 2)")
    parser.add_argument(
        "--folder", type=Path, help="for clones, seen by all workers (default: a temporary one)"
    )
    given = parser.parse_args()
    survived = True
    with (
        tempfile.TemporaryDirectory(prefix="xbarpaper-faults-", dir=given.folder) as folder,
        spreading.opened("--scheduler", given.scheduler, given.workers) as workers,
        tqdm(unit="fault", desc="undisturbed run") as bar,
    ):
        reference = Reference.run(Path(folder) / "undisturbed")
        stages, shared = list(reference.seconds), workers.share(reference)
        for kind in given.part or PARTS:
            bar.set_description(kind)
            plan, what = PARTS[kind]
            outcomes = tried(workers, plan(stages, shared, Path(folder) / kind, given), bar)
            told(outcomes, counts.ROOT / LOGS / f"{kind}.log")
            good = sum(outcome.survived for outcome in outcomes)
            counts.keep(kind, len(outcomes), good, what, command(kind, given))
            bar.write(f"{kind}: {good} of {len(outcomes)} survived ({LOGS / f'{kind}.log'})")
            survived &= good == len(outcomes)
    return 0 if survived else 1


def tried(workers: spreading.Workers, faults: Iterator[Faults], bar: tqdm[None]) -> list[Outcome]:
    """Make the faults happen, wherever there is room; in the order of their tasks, whichever ended first."""
    found: dict[str, list[Outcome]] = {}
    order: list[str] = []

    def planned() -> Iterator[Faults]:
        for task in faults:
            order.append(task.key)
            yield task

    for key, outcomes in spreading.results(workers, planned()):
        found[key] = outcomes
        bar.update(len(outcomes))
        for outcome in outcomes:
            if not outcome.survived:
                bar.write(str(outcome), file=sys.stderr)
    return [outcome for key in order for outcome in found[key]]


def command(kind: str, given: argparse.Namespace) -> str:
    """What makes the faults of a part."""
    number = f" --kills {given.kills}" if kind == "kills" else ""
    return f"python -m tests.faults --part {kind}{number} --seed {given.seed}"


if __name__ == "__main__":
    sys.exit(main())
