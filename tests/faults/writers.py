"""Every kind of file that the artifact writes, written where files may only grow so large: a full disk without one."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from nbformat import v4, writes

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.experiments import checkpoints
from xbarpaper.experiments.checkpoints import Checkpoint, Metadata
from xbarpaper.experiments.journal import Journal
from xbarpaper.figures import ArtifactFigure, saving
from xbarpaper.networks import Architecture, Network, build
from xbarpaper.networks.runs import Run
from xbarpaper.networks.training import train
from xbarpaper.pruning import unpruned
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError

from .outcomes import Outcome
from .tiny import settings


def images() -> ImageSet:
    """The drawn images of the tiny profile."""
    return data.prepare("tiny", settings().datasets["tiny"])


def checkpoint(
    path: Path, drawn: ImageSet, seed: int = 0, width: float = 0.06, parameters: dict[str, Any] | None = None
) -> Path:
    """A network as it was drawn, in a checkpoint."""
    pruned = unpruned(_network(seed, width))
    metadata = Metadata(
        architecture=pruned.network.architecture, scheme="unpruned", sparsity=0.0, crossbar_size=None,
        parameters=parameters or {}, seed=seed, dataset=drawn.description, dataset_digest=drawn.digest,
        classes=drawn.classes, software_accuracy=10.0, versions=checkpoints.versions(),
    )  # fmt: skip
    return checkpoints.save(path, Checkpoint(pruned, metadata))


def resume_file(path: Path, drawn: ImageSet, seed: int = 0, epochs: int = 1) -> Path:
    """What a training of so many epochs leaves to go on from."""
    train(_network(seed), drawn, run_of(path, seed, epochs))
    return path


def run_of(path: Path, seed: int = 0, epochs: int = 1) -> Run:
    """A training that goes on from a file."""
    recipe = settings().train
    return Run("tiny", recipe, epochs=epochs, learning_rate=recipe.learning_rate, seed=seed, resume=path)


def journal(path: Path, rows: int = 40) -> Path:
    """Rows of a sweep."""
    effects = ["wires", "variation", "both", "both"] * (rows // 4)
    table = pd.DataFrame({"effects": effects, "gain": "layer", "seed": range(rows), "accuracy": 81.25})
    Journal(path).add("0" * 64, table.astype({"seed": "Int64"}))
    return path


def _network(seed: int, width: float = 0.06) -> Network:
    return build(Architecture(network="vgg11", width=width, classes=10), seed)


def _figure(path: Path, more: int) -> Path:
    figure = ArtifactFigure()
    figure.heading, figure.caption = "title", "text"
    figure.subplots().plot(range(10 + more))
    saving.save(figure, path.parent, path.stem, command="none", captions=saving.Captions())
    return path


def _notebook(path: Path, more: int) -> Path:
    return files.write_text(path, writes(v4.new_notebook(cells=[v4.new_code_cell("1\n" * (100 + more))])))


def _table(path: Path, more: int) -> Path:
    return files.write_table(path, pd.DataFrame({"accuracy": torch.arange(100 + more).tolist()}))


def writers(drawn: ImageSet) -> dict[str, Callable[[Path, int], Path]]:
    """What writes a file of each kind; the number makes one that differs."""
    return {
        "checkpoint.safetensors": lambda path, more: checkpoint(path, drawn, seed=more),
        "dataset.safetensors": lambda path, more: data.save(replace(drawn, name=f"tiny {more}"), path),
        "resume.safetensors": lambda path, more: resume_file(path, drawn, seed=more),
        "journal.csv": lambda path, more: journal(path, 40 + 4 * more),
        "table.csv": _table,
        "notebook.ipynb": _notebook,
        "figure.svg": _figure,
        "report.html": lambda path, more: files.write_text(path, "<p>\n" * (1000 + more)),
    }


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file grow beyond a size; Python makes an OSError of it. What is printed is dropped: it may go to a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def outcomes(folder: Path, shares: Iterable[float]) -> Iterator[Outcome]:
    """Write each kind of file where such a share of it fits."""
    for name, write in writers(images()).items():
        path = folder / name.split(".")[0] / name
        write(path, 0)
        before = _contents(path.parent)
        for share in shares:
            told = ""
            with files_up_to(int(share * path.stat().st_size)):
                try:
                    write(path, 1)
                except ArtifactError as error:
                    told = str(error)
            wrong = []
            named = "" if name.startswith("figure") else f"{path}"  # its PNG comes first
            if f"{named}: cannot be written: " not in told or "\n" in told:
                wrong.append(f"it said {told!r}")
            if _contents(path.parent) != before:
                wrong.append("the folder is not as it was")
            yield Outcome.of(f"{name}: room for {share:.0%} of it", wrong, told.replace(f"{folder}/", ""))


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
