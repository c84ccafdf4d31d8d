"""``python -m tools.container``: run the steps of the Dockerfile in a bare Debian made by debootstrap, without Docker.

It shows on any Debian machine that the recipe works: the steps are read from the Dockerfile itself, the clone is of the
last commit. It needs root, Debian's package debootstrap, and the network. Seconds, download and disk of each step are
printed, and with ``--record`` kept in reports/benchmarks/container.csv. ``--share`` and ``--env`` hand on what a
network behind a proxy needs: certificates, a folder of packages, settings of pip.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

import pandas as pd

from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError, command

RECORD: Final = Path("reports/benchmarks/container.csv")

_SUITES: Final = {"debian:12-slim": "bookworm", "debian:13-slim": "trixie"}
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOG: Final = "var/log/pip.log"
_BYTES: Final = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@dataclass
class Root:
    """A folder that becomes the file system of the container."""

    folder: Path  # where it is
    shared: Sequence[Path]  # folders of this machine that are seen in it, at the same place
    variables: dict[str, str]  # the environment of every step
    place: str = "/"  # the working directory, as the recipe sets it
    record: Path | None = None  # table that keeps what each step took; None for no record

    def run(self, command: str) -> tuple[str, float]:
        """What a shell command says, errors included, and the GiB of its largest process.

        Raises:
            ArtifactError: it failed.
        """
        mounts = [f"mount -t proc proc {self.folder}/proc", f"mount --rbind /dev {self.folder}/dev"]
        for path in self.shared:
            inside = self.folder / path.relative_to("/")
            inside.mkdir(parents=True, exist_ok=True)
            mounts.append(shlex.join(["mount", "--bind", str(path), str(inside)]))
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        inside_command = f"cd {shlex.quote(self.place)} && {command}"
        chroot = shlex.join(["chroot", str(self.folder), "env", "-i", *variables, "sh", "-c", inside_command])
        # In a mount namespace of its own: nothing stays mounted, however this ends.
        script = " && ".join([*mounts, chroot])
        return _shown("unshare", "--mount", "--propagation", "private", "sh", "-c", script)

    def step(self, image: str, name: str, command: str) -> None:
        """Run a command and note what it took."""
        print(f"== {name}", flush=True)
        before, began = _megabytes(self.folder), time.perf_counter()
        logged = self.folder / _LOG
        logged.unlink(missing_ok=True)
        said, gib = self.run(command)
        row = {
            "image": image,
            "step": name,
            "seconds": round(time.perf_counter() - began, 1),
            "downloaded_mb": round(downloaded(said, logged)),
            "disk_mb": round(_megabytes(self.folder) - before),
            "gib": round(gib, 2),
        }
        told = (
            "== {step}: {seconds} s, {downloaded_mb} MB downloaded, {disk_mb} MB on disk, {gib} GiB at most"
        )
        print(told.format(**row))
        if self.record is not None:
            kept = files.read_table(self.record) if self.record.is_file() else pd.DataFrame(columns=list(row))
            kept = kept[(kept["image"] != image) | (kept["step"] != name)]
            files.write_table(self.record, pd.concat([kept, pd.DataFrame([row])], ignore_index=True))


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile in order, as pairs of their word and what follows it."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def build(root: Root, recipe: str, image: str | None, arguments: dict[str, str], command: str | None) -> None:
    """Run a recipe's steps, and then what the container starts.

    Args:
        root: an empty folder.
        recipe: text of the Dockerfile.
        image: to begin with instead of the recipe's.
        arguments: values of the recipe's ARGs in place of their defaults.
        command: to end with instead of the recipe's; empty for none.

    Raises:
        ArtifactError: a step failed, or the recipe has an instruction that is not known here.
    """
    given: dict[str, str] = {}  # ARGs; an ENV is given to what runs later, too
    base = ""
    for word, rest in instructions(recipe):
        variables = {**given, **root.variables}
        if word == "FROM":
            base = image or rest
            if base not in _SUITES:
                raise ArtifactError(f"FROM {base}: must be one of {', '.join(_SUITES)}")
            print(f"== {base}", flush=True)
            _shown("debootstrap", "--variant=minbase", _SUITES[base], str(root.folder))
            shutil.copyfile("/etc/resolv.conf", root.folder / "etc/resolv.conf")
        elif word == "RUN":
            short = rest if len(rest) <= 40 else f"{rest[:37]}..."
            kept, root.variables = root.variables, variables
            root.step(base, f"RUN {short}", rest)
            root.variables = kept
        elif word in ("ARG", "ENV"):
            name, _, value = rest.partition("=")
            value = Template(value).substitute(variables)
            if word == "ARG":
                given[name] = arguments.get(name, value)
            else:
                root.variables.setdefault(name, value)
        elif word == "WORKDIR":
            root.place = rest
        elif (word, rest) == ("COPY", ". ."):
            target = root.folder / root.place.lstrip("/")
            quiet = ("git", "-c", "core.hooksPath=/dev/null", "clone", "-q", "--no-hardlinks")
            _shown(*quiet, str(files.find_root()), str(target))
        elif word == "CMD":
            ending = shlex.join(json.loads(rest)) if command is None else command
            if ending:
                root.step(base, f"CMD {ending}", ending)
        else:
            raise ArtifactError(f"Dockerfile: {word} {rest}: not known here")


def _shown(*command: str) -> tuple[str, float]:
    """What a command says, shown while it runs, and the GiB of the largest process that it started."""
    said = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            said.append(line)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ArtifactError(f"{shlex.join(command)[:200]}: ended with exit code {process.returncode}")
    return "".join(said), used.ru_maxrss / 2**20


def _megabytes(folder: Path) -> float:
    said = subprocess.run(
        ["du", "-sxB1", str(folder)], capture_output=True, text=True, check=False
    ).stdout.split()
    return int(said[0]) / 1e6 if said else 0.0


def downloaded(said: str, logged: Path) -> float:
    """Megabytes that apt and pip fetched, packages in a shared folder included.

    Args:
        said: what apt said.
        logged: pip's log.
    """
    log = logged.read_text(encoding="utf-8") if logged.is_file() else ""
    sizes = re.findall(r"Need to get ([\d.]+) ([kM]?B)", said)
    sizes += re.findall(r"Downloading \S+ \(([\d.]+) ([kMG]?B)\)", log)
    local = {path for path in map(Path, re.findall(r"Processing (/\S+\.whl)", log)) if path.is_file()}
    return sum(float(number) * _BYTES[unit] for number, unit in sizes) / 1e6 + sum(
        path.stat().st_size / 1e6 for path in local
    )


@command("container")
def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.container",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", type=Path, help="a folder that does not exist yet; it becomes the root of the container")
    add("--image", choices=_SUITES, help="instead of the recipe's")
    add("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as docker build has it")
    add(
        "--share",
        action="append",
        type=Path,
        default=[],
        metavar="PATH",
        help="a folder of this machine that the steps see",
    )
    add("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable of every step")
    add("--command", help="to end with, instead of the recipe's; empty for none")
    add("--record", action="store_true", help=f"keep what the steps took in {RECORD}")
    given = parser.parse_args(arguments)
    pairs = [dict(one.split("=", 1) for one in words) for words in (given.build_arg, given.env)]
    variables = {"PATH": _PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "PIP_LOG": f"/{_LOG}"}
    top = files.find_root()
    record = top / RECORD if given.record else None
    root = Root(given.folder.resolve(), given.share, variables | pairs[1], record=record)
    if os.geteuid():
        raise ArtifactError("only root may change the root of a process")
    if root.folder.exists():
        raise ArtifactError(f"{root.folder}: exists; name a folder that does not")
    build(root, (top / "Dockerfile").read_text(encoding="utf-8"), given.image, pairs[0], given.command)


if __name__ == "__main__":
    sys.exit(main())
