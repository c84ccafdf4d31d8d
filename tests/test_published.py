"""The reports in git: complete, of bearable size, and without an image of a dataset that is not ours."""

from __future__ import annotations

import nbformat
import pytest
from repository import ROOT

from tools.readme import PROFILES
from xbarpaper import params


@pytest.mark.parametrize("profile", PROFILES)
def test_report_is_there(profile: str) -> None:
    folder = ROOT / "reports" / profile
    settings = params.load_profile(ROOT / "profiles" / f"{profile}.yaml")
    for name in ("index.html", "claims.json", "tables/evaluation.csv", "tables/claims.csv"):
        assert (folder / name).is_file()
    groups = {path.name for path in (folder / "notebooks").iterdir()}
    assert groups == {*settings.datasets, *settings.experiments, "summary"}
    large = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 2_000_000]
    assert large == []


@pytest.mark.parametrize("profile", PROFILES)
def test_no_image_of_a_foreign_dataset_is_published(profile: str) -> None:
    settings = params.load_profile(ROOT / "profiles" / f"{profile}.yaml")
    for name, dataset in settings.datasets.items():
        path = ROOT / "reports" / profile / "notebooks" / name / "00_data.ipynb"
        outputs = [one for cell in nbformat.read(path, as_version=4).cells for one in cell.get("outputs", [])]
        kinds = [kind for output in outputs for kind in output.get("data", {})]
        assert any(kind.startswith("image/") for kind in kinds) == dataset.publishable
