"""``python -m tests.faults``: the whole campaign, or some parts of it; keeps the counts in reports/reliability.json."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from . import caches, concurrent, corruptions, counts, full_disk, kills
from .outcomes import Outcome, Step, told
from .tiny import Reference

LOGS = Path("data/faults")
Part = Callable[[Reference, Path, argparse.Namespace, Step], list[Outcome]]
PARTS: dict[counts.Kind, tuple[Part, str]] = {
    "kills": (lambda r, f, given, step: kills.run(r, f, given.kills, given.seed, step), kills.WHAT),
    "full_disk": (lambda r, f, given, step: full_disk.run(r, f, step), full_disk.WHAT),
    "corruptions": (lambda r, f, given, step: corruptions.run(r, f, given.seed, step), corruptions.WHAT),
    "caches": (lambda r, f, given, step: caches.run(r, f, step), caches.WHAT),
    "concurrent": (lambda r, f, given, step: concurrent.run(r, f, given.seed, step), concurrent.WHAT),
}


def main() -> int:
    """Command line; returns 0 if every fault was survived, 1 if one was not."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="kills over the pipeline (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice (default: 0)")
    parser.add_argument("--part", choices=PARTS, action="append", help="this one only; may be repeated")
    given = parser.parse_args()
    all_survived = True
    with (
        tempfile.TemporaryDirectory(prefix="xbarpaper-faults-") as folder,
        tqdm(unit="fault", desc="undisturbed run") as bar,
    ):

        def step(outcome: Outcome) -> None:
            bar.update()
            if not outcome.survived:
                bar.write(str(outcome), file=sys.stderr)

        reference = Reference.run(Path(folder) / "undisturbed")
        for kind in given.part or PARTS:
            bar.set_description(kind)
            part, what = PARTS[kind]
            outcomes = part(reference, Path(folder) / kind, given, step)
            survived = sum(outcome.survived for outcome in outcomes)
            told(outcomes, counts.ROOT / LOGS / f"{kind}.log")
            counts.keep(kind, len(outcomes), survived, what, command(kind, given))
            bar.write(f"{kind}: {survived} of {len(outcomes)} survived ({LOGS / f'{kind}.log'})")
            all_survived &= survived == len(outcomes)
    return 0 if all_survived else 1


def command(kind: str, given: argparse.Namespace) -> str:
    """What makes the faults of a part."""
    number = f" --kills {given.kills}" if kind == "kills" else ""
    return f"python -m tests.faults --part {kind}{number} --seed {given.seed}"


if __name__ == "__main__":
    sys.exit(main())
