"""Transfers cut off: ``dvc push`` and ``dvc pull`` killed, or their server gone, and given again."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
from repository import Repository, kill_all

from .outcomes import Outcome
from .tiny import Reference

WHAT = "dvc push or dvc pull, to and from an S3 server, killed at a random moment or its server stopped; given again"
CUTS = 10
ACCOUNT = "123456789012"  # moto's only one
BUCKET = "xbarpaper-results"
SHARED = ("data/checkpoints", "data/datasets", "data/notebooks", "data/results", "data/summaries")

Cut = Literal["killed", "server gone"]


class Server:
    """An S3 server on loopback, in this process, which keeps its objects while it is stopped."""

    def __init__(self) -> None:
        self.running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self.running.start()
        _, self.port = self.running.get_host_and_port()
        s3_backends[ACCOUNT]["aws"].create_bucket(BUCKET, "us-east-1")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.running.stop()

    def start(self) -> None:
        self.running = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self.running.start()

    def names(self, store: str) -> list[str]:
        """Objects of a store, by their names there."""
        return [name.removeprefix(f"{store}/") for name in list(self._keys()) if name.startswith(f"{store}/")]

    def damaged(self, store: str) -> list[str]:
        """Objects whose content has not the digest that is their name."""
        bad = []
        for name in self.names(store):
            digest = name.removeprefix("files/md5/").replace("/", "").removesuffix(".dir")
            content = self._keys()[f"{store}/{name}"].value
            if hashlib.md5(content, usedforsecurity=False).hexdigest() != digest:
                bad.append(name)
        return bad

    @staticmethod
    def _keys() -> Any:
        return s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys


@contextmanager
def serving() -> Iterator[Server]:
    """A server for as long as the block lasts."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it names every request
    server = Server()
    try:
        yield server
    finally:
        server.stop()
        s3_backends[ACCOUNT]["aws"].reset()


def connect(repository: Repository, server: Server, store: str) -> None:
    """Make a store on the server the remote, in the file that git does not track."""
    repository.environment["AWS_MAX_ATTEMPTS"] = "1"  # where the server is gone, say so at once
    (repository.folder / ".dvc" / "config.local").write_text(
        "[core]\n    remote = lab\n"
        f"['remote \"lab\"']\n    url = s3://{BUCKET}/{store}\n    endpointurl = {server.address}\n"
        "    access_key_id = key\n    secret_access_key = secret\n",
        encoding="utf-8",
    )


def shared(repository: Repository) -> dict[str, bytes]:
    """Every shared file of a repository, by its path there; hidden ones are none, DVC does not see them."""
    return {str(path.relative_to(repository.folder)): path.read_bytes() for path in _shared(repository)}


def _shared(repository: Repository) -> list[Path]:
    """Their paths; also while a pull writes and renames them, which ``Path.rglob`` stumbles over."""
    tops = (os.walk(repository.folder / top) for top in SHARED)
    return [
        Path(folder) / name for top in tops for folder, _, names in top for name in names if name[0] != "."
    ]


def cached(repository: Repository) -> list[str]:
    """Objects in a repository's cache that are wholly there."""
    top = repository.folder / ".dvc" / "cache"
    paths = (path.relative_to(top) for path in top.glob("files/md5/??/*"))
    return [str(path) for path in paths if len(path.name.removesuffix(".dir")) == 30]


def push_cut_off(
    source: Repository, server: Server, store: str, objects: int, cut: Cut, when: float
) -> str | None:
    """Push into an empty store, cut off once a share ``when`` of its objects is there, and push again.

    Args:
        source: a repository whose cache is complete.
        server, store: where to.
        objects: how many there are to push.
        cut: what happens.
        when: share of the objects, from 0 to 1.

    Returns:
        What is wrong afterwards; None where everything is there and right.
    """
    connect(source, server, store)
    process = source.start("push")
    _wait(process, lambda: len(server.names(store)) >= when * objects)
    before = len(server.names(store))
    _cut(process, server, cut)
    if damaged := server.damaged(store):
        return f"a cut-off push left {len(damaged)} damaged objects"
    done = source.dvc("push")
    if done.returncode:
        return f"the second push failed: {done.stderr}"
    if damaged := server.damaged(store):
        return f"{len(damaged)} damaged objects"
    found = len(server.names(store))
    return None if found == objects else f"{found} of {objects} objects, {before} when it was cut off"


def pull_cut_off(
    source: Repository, server: Server, store: str, folder: Path, cut: Cut, when: float
) -> str | None:
    """Pull into a fresh clone, cut off at a moment, and pull again.

    Args:
        source: the repository that was pushed.
        server, store: where from.
        folder: of the clone.
        cut: what happens.
        when: below 1 a share of the objects fetched, from 1 to 2 of the files checked out.

    Returns:
        What is wrong afterwards; None where everything is there and right.
    """
    clone = source.clone(folder)
    connect(clone, server, store)
    wanted = shared(source)
    objects = len(server.names(store))
    process = clone.start("pull")
    if when < 1:
        _wait(process, lambda: len(cached(clone)) >= when * objects)
    else:
        _wait(process, lambda: len(_shared(clone)) >= (when - 1) * len(wanted))
    _cut(process, server, cut)
    done = clone.dvc("pull")
    if "Use `--force`" in done.stderr:  # killed while it laid files out, it left a piece of one
        done = clone.dvc("pull", "--force")
    if done.returncode:
        return f"the second pull failed: {done.stderr}"
    found = shared(clone)
    different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if different:
        return f"{len(different)} files are missing or wrong: {different[0]}, ..."
    would_run = [line for line in clone.repro("--dry").splitlines() if line.startswith("Running stage")]
    return None if not would_run else f"something is left that makes a stage run again: {would_run[0]}"


def _wait(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while process.poll() is None and not reached():
        if time.monotonic() > deadline:
            process.kill()
            raise TimeoutError("the transfer came to no end")
        time.sleep(0.005)


def _cut(process: subprocess.Popen[bytes], server: Server, cut: Cut) -> None:
    if cut == "killed":
        kill_all(process.pid)
        process.wait(timeout=60)
        return
    server.stop()
    process.wait(timeout=300)
    server.start()


def outcomes(reference: Reference, folder: Path, seed: int) -> Iterator[Outcome]:
    """Cut off so many transfers, half of them pulls; the last two because their server goes."""
    moments = random.Random(seed)
    source = reference.copy(folder / "source")
    with serving() as server:
        connect(source, server, "whole")
        whole = source.dvc("push")
        if whole.returncode:
            raise RuntimeError(whole.stderr)
        objects = len(server.names("whole"))
        for number in range(CUTS):
            cut: Cut = "server gone" if number >= CUTS - 2 else "killed"
            if number % 2:
                when = moments.uniform(0, 1 if cut == "server gone" else 2)
                wrong = pull_cut_off(source, server, "whole", folder / f"clone-{number}", cut, when)
            else:
                when = moments.random()
                wrong = push_cut_off(source, server, f"store-{number}", objects, cut, when)
            name = f"{'pull' if number % 2 else 'push'}, {cut} at {when:.2f}"
            yield Outcome.of(name, [wrong] if wrong else [])
