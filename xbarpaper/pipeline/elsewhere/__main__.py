"""The command line of ``xbarpaper.pipeline.elsewhere``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from xbarpaper.pipeline.elsewhere import identity, pack, packing, run, unpack
from xbarpaper.pipeline.notebook import find_root
from xbarpaper.support.errors import ArtifactError


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 after an error, 130 after Ctrl-C."""
    given = _arguments(arguments)
    try:
        root = find_root()
        if given.command == "run":
            run(root, given.stages, given.scheduler)
        elif given.command == "pack":
            _pack(root, given)
        else:
            return _unpack(root, given)
    except ArtifactError as error:
        print(f"{given.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{given.command}: interrupted", file=sys.stderr)
        return 130
    return 0


def _pack(root: Path, given: argparse.Namespace) -> None:
    written = pack(root, given.stages, given.folder, given.piece_mib)
    *pieces, manifest = written
    size = sum(path.stat().st_size for path in pieces) / (1 << 20)
    print(
        f"{manifest.parent}: {len(pieces)} pieces, {size:.1f} MiB, and {manifest.name}; bring back all of it"
    )


def _unpack(root: Path, given: argparse.Namespace) -> int:
    records = unpack(root, given.folder)
    for record in records:
        ran = f"{record.versions.get('hardware')}, torch {record.versions.get('torch')}"
        print(f"{record.stage}: {record.seconds / 60:.1f} minutes, {record.peak_mib / 1024:.1f} GiB; {ran}")
    command = ["commit", "-f", *(record.stage for record in records)]
    if not given.commit:
        print(f"In place. Now: dvc {' '.join(command)}")
        return 0
    return subprocess.run([sys.executable, "-m", "dvc", *command], cwd=root, check=False).returncode


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m xbarpaper.pipeline.elsewhere",
        description="Run stages on another machine and take them back.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="execute stages, without DVC and git")
    packer = commands.add_parser("pack", help="put what they made into pieces")
    for command in (runner, packer):
        command.add_argument(
            "stages", nargs="+", metavar="STAGE", help="train@quick-vgg11, or train for all of them"
        )
    runner.add_argument(
        "--scheduler",
        default="none",
        metavar="ADDRESS",
        help="local, or the address of a Dask scheduler whose workers see this folder (default: none)",
    )
    packer.add_argument("--folder", type=Path, default=None, help=f"where to (default: {packing.FOLDER})")
    packer.add_argument("--piece-mib", type=float, default=16.0, help="largest size of a piece (default: 16)")
    taker = commands.add_parser(
        "unpack", help=f"check pieces, put them in place, keep {identity.RECORDS}/<stage>.json"
    )
    taker.add_argument("folder", type=Path, help="the pieces and their manifest")
    taker.add_argument("--commit", action="store_true", help="run `dvc commit` too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
