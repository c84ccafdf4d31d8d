"""``python -m tools.verify``: run a profile from nothing, and compare it with its committed report.

``python -m tools.verify compare COMMITTED NOW`` compares two report folders, and runs nothing. The exit code is 0
where everything is identical or within tolerance, 1 where something is not or could not be made.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tools.verify import running
from tools.verify.comparing import compare
from xbarpaper.support.errors import ArtifactError, command
from xbarpaper.support.files import find_root, write_text

RECORD: Final = Path("reports/verify.json")
"""Where the maintainers keep what their own verification of the committed reports found."""


@command("verify")
def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0, 1 after a difference or an error, 130 after Ctrl-C."""
    given = _arguments(arguments)
    try:
        return _compare(given) if given.command == "compare" else _verify(given)
    except KeyboardInterrupt:
        print("verify: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _compare(given: argparse.Namespace) -> int:
    comparison = compare(given.committed, given.now)
    print(comparison)
    return int(bool(comparison.outside))


def _verify(given: argparse.Namespace) -> int:
    root = find_root()
    threads = given.threads or running.threads_of(root, given.profile)
    folder = (given.folder or root / running.VERIFY) / given.profile
    run = running.Run(root, given.profile, folder, threads, running.inside(root))
    if running.git(root, "status", "--porcelain", "--untracked-files=no"):
        print("verify: the last commit is run; changes that are not committed are left out", flush=True)
    with running.alone(run):
        return _verify_alone(run, given, root)


def _verify_alone(run: running.Run, given: argparse.Namespace, root: Path) -> int:
    goes_on = running.prepare(run)
    against = given.against or run.committed
    if not against.is_dir():
        running.clear(run)
        raise ArtifactError(
            f"profile = {given.profile}: the last commit has no report of it; name one: --against"
        )
    words = "goes on with an interrupted run" if goes_on else "runs from nothing"
    print(
        f"verify: {given.profile} {words} in {run.copy}, threads: {run.threads or 'as torch chooses'}",
        flush=True,
    )
    began = time.perf_counter()
    running.execute(run)
    seconds = time.perf_counter() - began
    comparison = compare(against, run.made)
    found = {
        "profile": given.profile,
        **comparison.summary(),
        "seconds": round(seconds, 1),  # without what an interrupted run had done
        "threads": run.threads,  # None where torch chose
        "command": f"python -m tools.verify --profile {given.profile}",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": running.commit(run.copy)[:12],
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    kept = [
        write_text(path, text) for path in (run.folder / "verify.json", *([root / RECORD] * given.record))
    ]
    running.clear(run, given.keep)
    print(comparison)
    print(f"{seconds / 60:.1f} minutes; written: {', '.join(map(str, kept))}")
    return int(bool(comparison.outside))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.verify",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--profile", default="quick", help="profile to run again (default: %(default)s)")
    add("--against", type=Path, help="report to compare with (default: reports/<profile> as committed)")
    add("--folder", type=Path, help=f"where to run (default: {running.VERIFY})")
    add("--threads", type=_threads, help="of the run (default: those of the committed report)")
    add("--keep", action="store_true", help="keep the copy that was run, to look into it")
    add("--record", action="store_true", help=f"write {RECORD} as well")
    commands = parser.add_subparsers(dest="command")
    comparing = commands.add_parser("compare", help="compare two report folders, and run nothing")
    comparing.add_argument("committed", type=Path, help="the report that is believed")
    comparing.add_argument("now", type=Path, help="the report to judge")
    return parser.parse_args(arguments)


def _threads(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} must be a whole number, at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
