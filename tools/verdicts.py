"""``python -m tools.verdicts [<profile> ...]``: test the claims of reports anew, from the reports' own tables."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from xbarpaper import claims, params
from xbarpaper.claims import ClaimReport
from xbarpaper.experiments.results import TABLES, Results
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError

REPORTS = Path("reports")


def again(profile: str) -> ClaimReport:
    """Write ``claims.json`` and ``tables/claims.csv`` of a report again.

    Raises:
        ArtifactError: the profile, or a table of its report, is missing or damaged.
    """
    folder = REPORTS / profile
    settings = params.load_profile(Path("profiles") / f"{profile}.yaml")
    tables = {
        name: files.read_table(path) if path.is_file() else pd.DataFrame(columns=list(table.columns))
        for name, table in TABLES.items()
        for path in [folder / "tables" / f"{name}.csv"]
    }
    report = claims.examine(Results(**tables), settings)
    _, table = report.write(folder)
    table.replace(folder / "tables" / table.name)
    return report


def main(profiles: list[str]) -> int:
    """Command line; returns the exit code: 0, or 1 after an error told in one line."""
    try:
        for profile in profiles or sorted(path.parent.name for path in REPORTS.glob("*/claims.json")):
            report = again(profile)
            print(f"{profile}: " + ", ".join(f"{claim.id} {claim.overall}" for claim in report.claims))
    except ArtifactError as error:
        print(f"verdicts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
