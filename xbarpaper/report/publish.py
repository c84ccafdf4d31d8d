"""Build the report beside the one that is there, and put it in its place only when it is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xbarpaper.experiments import results
from xbarpaper.experiments.paths import RESULTS, SUMMARIES
from xbarpaper.params import Params
from xbarpaper.report import gather, metrics, page, rendering
from xbarpaper.report.provenance import Measured
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError


@dataclass(frozen=True)
class Places:
    """Where the stages write and where reports land, relative to the repository's top, and that itself."""

    results: Path = RESULTS
    summaries: Path = SUMMARIES
    notebooks: Path = Path("data/notebooks")
    reports: Path = Path("reports")
    root: Path = Path()


def publish(params: Params, places: Places | None = None, measured: Measured | None = None) -> Path:
    """Write ``reports/<profile>/``: figures/, tables/, notebooks/, claims.json, metrics.json and index.html.

    The report holds no time of its own, no host and no absolute path, so equal inputs and equal code give equal bytes.

    Args:
        params: the profile.
        places: where from and where to.
        measured: where the tables come from, if not from this commit; kept as ``measured.json``.

    Returns:
        The folder.

    Raises:
        ArtifactError: something that a stage makes is missing or damaged, or the folder cannot be written. An
            earlier report then stays as it is.
    """
    places = places or Places()
    judged, drawn = (places.summaries / params.profile / stage for stage in ("91_claims", "90_figures"))
    tables = results.load(params, places.results / params.profile)
    verdicts = files.read_table(judged / "claims.csv")
    gathered = gather.Gathered(
        params, tables,
        files.read_table(drawn / "tables" / "recovered.csv") if len(tables.recovery) else None,
        files.read_table(drawn / "tables" / "published_claims.csv") if len(tables.published) else None,
        gather.claims(judged / "claims.json", params),
        gather.pictures(judged, drawn),
        gather.notebooks(places.notebooks / params.profile, params),
    )  # fmt: skip
    with _replacing(places.reports, params.profile) as folder:
        tables.write(folder / "tables")
        files.write_table(folder / "tables" / "claims.csv", verdicts)
        for table in files.plainly_named(drawn / "tables", "*.csv"):
            _copy(table, folder / "tables" / table.name, may_be_there=True)
        for picture in gathered.pictures:
            for path in (picture.png, picture.svg):
                _copy(path, folder / "figures" / path.name)
        for notebook in gathered.notebooks:
            target = folder / "notebooks" / notebook.group / notebook.path.name
            _copy(notebook.path, target)
            files.write_text(target.with_suffix(".html"), rendering.notebook_page(notebook))
        _copy(judged / "claims.json", folder / "claims.json")
        names = sorted(path.name for path in (folder / "tables").iterdir())
        files.write_text(folder / "index.html", page.index(gathered, names, places.root, measured))
        numbers = metrics.flat(tables.evaluation, verdicts, params.readout.gain)
        files.write_text(folder / "metrics.json", json.dumps(numbers, indent=2) + "\n")
        if measured:
            files.write_text(folder / "measured.json", measured.model_dump_json(indent=2) + "\n")
    return places.reports / params.profile


@contextmanager
def _replacing(reports: Path, name: str) -> Iterator[Path]:
    """Give an empty folder that takes the place of ``reports/name`` if the block ends without an error."""
    target, new, old = reports / name, reports / f".{name}.new", reports / f".{name}.old"
    try:
        if old.exists() and not target.exists():  # the process was killed between the two renamings below
            old.rename(target)
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        new.mkdir(parents=True)
        yield new
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    except OSError as error:
        raise ArtifactError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _copy(source: Path, target: Path, *, may_be_there: bool = False) -> None:
    """Copy a file; where ``may_be_there``, the report may already have it with the same bytes."""
    if target.exists():
        if may_be_there and source.read_bytes() == target.read_bytes():
            return
        raise ArtifactError(f"{source}: the report already has another {target.parent.name}/{target.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
