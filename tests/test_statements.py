"""claims.yaml: read strictly, and in step with the pipeline, the notebooks and the tables that it names."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from repository import ROOT
from ruamel.yaml import YAML

from xbarpaper.claims import statements
from xbarpaper.experiments import results
from xbarpaper.support.errors import ParameterError

TEXT = (ROOT / "claims.yaml").read_text(encoding="utf-8")
STATEMENTS = statements.load(ROOT / "claims.yaml")
STAGES = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def saved_figures(name: str) -> set[str]:
    """Names of the figures that a notebook saves."""
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    found = re.findall(r'figures\.save\(figure, folder / "figures", f?"([^"]+)"', code)
    found += re.findall(r'"([\w-]+)": figures\.', code)
    found += [name.replace("{", "<").replace("}", ">") for name in re.findall(r'name = f"([^"]+)"', code)]
    return {figure.replace("{claim.id}", identity) for figure in found for identity in statements.IDENTITIES}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=list(STATEMENTS))
def test_what_a_statement_names_exists(statement: statements.Statement) -> None:
    assert statement.stage in STAGES
    assert statement.command == f"dvc repro '{statement.stage}@<profile>'"
    figures = saved_figures("90_figures") | saved_figures("91_claims")
    assert f"claim-{statement.id}" in figures or statement.id[0] != "C"
    assert set(statement.figures) <= figures
    assert statement.table in {"claims.csv", *(f"{name}.csv" for name in results.TABLES)}


def test_the_stage_depends_on_the_statements() -> None:
    assert "claims.yaml" in STAGES["claims"]["do"]["deps"]


def test_the_texts_stand_nowhere_else_in_the_code() -> None:
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "xbarpaper").rglob("*.py")]
    for statement in STATEMENTS.values():
        assert not [text for text in code if statement.text[:40] in text]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: C3", "id: C9", "id = C9 must be one of"),
        ("id: C3", "id: C2", "the ids C1, C2, C2, C4, C5, D1"),
        ("    stage: claims\n", "", "stage is missing"),
        ("    table:", "    tabel:", "tabel is not a parameter; did you mean"),
        ("claims:\n", "claims: [\n", "not valid YAML"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ParameterError, match=re.escape(message)) as caught:
        statements.load(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"claims.yaml: no such file"):
        statements.load(tmp_path / "claims.yaml")
