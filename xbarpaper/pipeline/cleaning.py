"""Removes from DVC's cache what no profile uses any more: ``python -m xbarpaper.pipeline.cleaning``.

``dvc gc --workspace`` keeps what the active profile uses, and would throw away the networks of all others.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from dvc.cli import main as dvc
from dvc.config import Config

from xbarpaper.params import writing
from xbarpaper.support.errors import command
from xbarpaper.support.files import find_root


def collect(root: Path) -> int:
    """Run ``dvc gc`` so that it keeps what dvc.lock has of any profile; returns its exit code.

    For each profile it is shown a project of its own, that differs from this one in params.yaml alone.

    Raises:
        ArtifactError: a profile cannot be read.
    """
    cache = Config(str(root / ".dvc")).get("cache", {}).get("dir") or root / ".dvc/cache"
    with tempfile.TemporaryDirectory(prefix="xbarpaper-") as folder:
        projects = []
        for profile in sorted((root / "profiles").glob("*.yaml")):
            project = Path(folder) / profile.stem
            project.mkdir()
            for name in ("dvc.yaml", "dvc.lock", "params.yaml"):
                shutil.copy(root / name, project)
            shutil.copytree(root / "profiles", project / "profiles")
            writing.write(profile.stem, project)
            (project / ".dvc").mkdir()
            # By a link: in a configuration some characters of a path, as # and %, would mean something.
            (project / ".dvc/cache").symlink_to(cache)
            (project / ".dvc/config").write_text("[core]\n    no_scm = true\n[cache]\n    dir = cache\n")
            projects.append(str(project))
        return int(dvc(["gc", "--workspace", "--force", "--projects", *projects]))


@command("gc")
def main() -> int:
    """Command line."""
    return collect(find_root())


if __name__ == "__main__":
    sys.exit(main())
