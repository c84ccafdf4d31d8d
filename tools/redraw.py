"""``python -m tools.redraw PROFILE ...``: make committed reports anew from their own tables, without measuring anything.

Figures, verdicts and pages are those of the code that is here; what an earlier code drew and judged goes. Parameters are
those that the page shows, whatever the profile says by now; one that is newer has its default. The page names the commit
that measured and the one that drew. The other executed notebooks stay as they are. The tables must come out the same to
the byte.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import pandas as pd

from xbarpaper import params
from xbarpaper.experiments.results import TABLES
from xbarpaper.params.writing import write
from xbarpaper.report import Places, publish
from xbarpaper.report.gather import SUMMARY
from xbarpaper.report.provenance import Measured
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError, command
from xbarpaper.support.validation import parse

_LINKED: Final = ("xbarpaper", "notebooks", "claims.yaml", "dvc.yaml")
_DRAWING: Final = ("90_figures", "91_claims")


def redraw(profile: str, root: Path) -> Path:
    """Make ``reports/<profile>`` anew; returns its path.

    Raises:
        ArtifactError: there is no such report, a notebook fails, or a table does not come out as it was.
    """
    report = root / "reports" / profile
    measured = _measured(report)
    with tempfile.TemporaryDirectory(prefix="xbarpaper-") as name:
        top = Path(name)
        for linked in _LINKED:
            (top / linked).symlink_to(root / linked)
        files.write_text(top / "profiles" / f"{profile}.yaml", parameters(report / "index.html"))
        write(profile, top)
        settings = params.load(top / "params.yaml")
        _unpack(report / "tables", settings, top / "data" / "results" / profile)
        executed = top / "data" / "notebooks" / profile
        for path in (report / "notebooks").glob("*/*.ipynb"):
            if path.parent.name == SUMMARY:  # drawn anew below, some of them by another name than before
                continue
            (executed / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, executed / path.parent.name / path.name)
        for notebook in _DRAWING:
            source, target = f"notebooks/{notebook}.ipynb", executed / SUMMARY / f"{notebook}.ipynb"
            run = [sys.executable, "-m", "xbarpaper.pipeline.run", source, str(target), "-p", "profile"]
            if subprocess.run([*run, profile], cwd=top, check=False).returncode:
                raise ArtifactError(f"{report}: {source} failed; the report stays as it was")
        data = top / "data"
        for table in TABLES:
            drawn = data / "summaries" / profile / "90_figures" / "tables" / f"{table}.csv"
            if drawn.is_file() and drawn.read_bytes() != (report / "tables" / drawn.name).read_bytes():
                raise ArtifactError(f"{report / 'tables' / drawn.name}: does not come out as it is")
        places = Places(data / "results", data / "summaries", data / "notebooks", root / "reports", root)
        return publish(settings, places, measured)


def _measured(report: Path) -> Measured:
    """Where the tables come from: as an earlier redrawing noted it, or as the page says that was published with them."""
    noted, page = report / "measured.json", report / "index.html"
    if noted.is_file():
        return parse(files.read_json(noted), str(noted), Measured)
    if not page.is_file():
        raise ArtifactError(f"{page}: no such report")
    text = page.read_text(encoding="utf-8")
    code, versions = (re.findall(rf"<dt>{name}</dt><dd>(.*?)</dd>", text)[0] for name in ("Code", "Versions"))
    return Measured(code=code, versions=versions.partition(": ")[2] or versions)


def parameters(page: Path) -> str:
    """The parameters that a report's page shows, as YAML.

    Raises:
        ArtifactError: it shows none.
    """
    found = re.search(
        r'aria-label="Parameters"><pre>(.*?)</pre>', page.read_text(encoding="utf-8"), re.DOTALL
    )
    if found is None:
        raise ArtifactError(f"{page}: shows no parameters")
    return html.unescape(found[1])


def _unpack(tables: Path, settings: params.Params, folder: Path) -> None:
    """Lay the gathered tables out as the stages write them; the first stage of a table holds all of its rows."""
    for name, described in TABLES.items():
        path = tables / f"{name}.csv"
        table = files.read_table(path) if path.is_file() else pd.DataFrame(columns=list(described.columns))
        for experiment in described.experiments(settings):
            own = table[table["experiment"] == experiment]
            for rank, stage in enumerate(described.stages):
                target = folder / experiment / stage / f"{described.file or name}.csv"
                files.write_table(target, own if rank == 0 else own.head(0))


@command("redraw")
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.redraw", description=__doc__.partition(":")[2].strip()
    )
    parser.add_argument("profiles", nargs="+", metavar="PROFILE", help="a report in reports/")
    for profile in parser.parse_args().profiles:
        print(f"redrawn: {redraw(profile, files.find_root()) / 'index.html'}")


if __name__ == "__main__":
    sys.exit(main())
