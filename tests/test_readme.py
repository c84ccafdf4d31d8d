"""The README says what is there: its commands exist, and its numbers come from the committed reports."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tools import readme
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import read_table, write_table

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("README.md", "claims.yaml", "reports"):
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("notebooks", "figures")
            shutil.copytree(source, tmp_path / name, ignore=ignore)
        else:
            shutil.copy(source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_generated_parts_are_those_of_the_committed_reports(copied: Path):
    assert not readme.update()
    assert (copied / "README.md").read_text(encoding="utf-8") == TEXT


def test_a_changed_verdict_changes_the_readme(copied: Path):
    path = copied / "reports" / "quick" / "claims.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"overall": "[^"]+"', '"overall": "supported"', text), encoding="utf-8")
    before = TEXT.count("| supported |")
    readme.update()
    assert (copied / "README.md").read_text(encoding="utf-8").count("| supported |") > before


def test_recovered_shares_are_those_of_the_table(copied: Path):
    path = copied / "reports" / readme.PROFILES[0] / "tables" / "recovered.csv"
    table = read_table(path)
    table.loc[table["mitigation"] == "BN", "share"] = 12.3
    write_table(path, table)
    assert readme.update()
    text = (copied / "README.md").read_text(encoding="utf-8")
    sizes = table["crossbar_size"].nunique()
    assert "| BN |" + " 12 to 12 % |" * sizes in text


def test_costs_are_those_of_the_tables(copied: Path):
    folder = copied / "reports" / "benchmarks"
    for path in folder.glob("costs-*.csv"):
        path.unlink()
    readme.update()
    assert "Not estimated yet: `python benchmarks/costs.py " in (copied / "README.md").read_text(
        encoding="utf-8"
    )
    rows = ["train,a,6,1.5,GPU", "train,b,6000,2.25,GPU", "wct,a,0.5,1,GPU"]
    (folder / "costs-paper.csv").write_text(
        "\n".join(["stage,experiment,minutes,gib,hardware", *rows, ""]), encoding="utf-8"
    )
    readme.update()
    text = (copied / "README.md").read_text(encoding="utf-8")
    assert (
        "| stage | `paper` |\n|---|---|\n| `train` | 100 h, 2.2 GiB |\n| `wct` | 0.5 min, 1.0 GiB |\n| all | **100 h** |"
        in text
    )
    assert text.count(" GPU.") == 1


def test_faults_are_those_that_were_counted(copied: Path):
    path = copied / "reports" / "reliability.json"
    path.unlink(missing_ok=True)
    readme.update()
    assert "Not tried yet: `make test-faults`" in (copied / "README.md").read_text(encoding="utf-8")
    one = {"what": "disks", "command": "x", "date": "2026-01-02", "commit": "abc", "machine": "m"}
    counts = {
        "full_disk": {**one, "tried": 1200, "survived": 1199},
        "kills": {**one, "tried": 5, "survived": 5},
    }
    path.write_text(json.dumps(counts), encoding="utf-8")
    readme.update()
    text = (copied / "README.md").read_text(encoding="utf-8")
    assert (
        "| full disk | 1,200 | **1,199** | disks | `x` | 2026-01-02, abc |\n| kills | 5 | 5 | disks |" in text
    )


def test_missing_marks_and_reports_are_one_line(copied: Path):
    (copied / "reports" / "quick" / "claims.json").unlink()
    with pytest.raises(ArtifactError, match=r"^reports/quick/claims.json: no such file"):
        readme.update()
    (copied / "README.md").write_text("nothing here\n", encoding="utf-8")
    shutil.copy(ROOT / "reports" / "quick" / "claims.json", copied / "reports" / "quick" / "claims.json")
    with pytest.raises(ArtifactError, match=r"README.md: no part between"):
        readme.update()


@pytest.mark.parametrize("command", [command for command in COMMANDS if "make " in command])
def test_make_knows_every_target_that_the_readme_names(command: str):
    words = [word for word in command.split("make ", 1)[1].split() if "=" not in word]
    result = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for profile in re.findall(r"PROFILE=([\w-]+)", command):
        assert (ROOT / "profiles" / f"{profile}.yaml").is_file()


def test_every_script_that_the_readme_runs_is_there():
    scripts = [word for command in COMMANDS for word in command.split() if word.endswith(".py")]
    assert scripts
    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def test_every_link_into_the_repository_leads_somewhere():
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", TEXT) if not target.startswith("http")]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_stages_of_the_table_are_those_of_the_pipeline():
    stages = re.findall(r"^  (\w+):$", (ROOT / "dvc.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"\| `(\w+)@<\w+>` \|", TEXT)
    assert named == [
        stage for stage in stages if stage not in ("code", "sources")
    ]  # they have nothing to show


def test_the_code_in_the_circuit_page_runs(tmp_path: Path):
    """Its three ways to solve a tile agree; without ngspice, the first two."""
    page = (ROOT / "docs" / "circuit.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    if shutil.which("ngspice") is None:
        code = "\n".join(line for line in code.splitlines() if "ngspice" not in line)
    code = code.replace("print(", "found.append(")
    found: list[object] = []
    script = tmp_path / "page.py"
    script.write_text(code, encoding="utf-8")
    with contextlib.chdir(tmp_path):
        exec(compile(code, str(script), "exec"), {"found": found})
    assert len(found) == (2 if shutil.which("ngspice") is None else 3)
    for other in found[1:]:
        np.testing.assert_allclose(np.asarray(other), np.asarray(found[0]), rtol=1e-9)


def test_pictures_in_the_docs_exist():
    for page in (ROOT / "docs").glob("*.md"):
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), target
