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
from repository import ROOT

from tools import readme
from xbarpaper.claims import ClaimReport
from xbarpaper.claims.rules import counted_words
from xbarpaper.params import load_profile
from xbarpaper.report import opening
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import read_table, write_table
from xbarpaper.support.words import count

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
_PATHS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PAGES = {path: path.read_text(encoding="utf-8") for path in _PATHS}
_BLOCKS = re.findall(r"```sh\n(.*?)```", "\n".join(PAGES.values()), re.DOTALL)
COMMANDS = [line.split("#")[0].strip() for block in _BLOCKS for line in block.splitlines() if line.strip()]


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the README's parts are made from."""
    for name in ("README.md", "docs", "claims.yaml", "dvc.yaml", "dvc.lock", "profiles", "reports"):
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("notebooks", "figures", "index.html")
            shutil.copytree(source, tmp_path / name, ignore=ignore)
        else:
            shutil.copy(source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def page(folder: Path, name: str = "README.md") -> str:
    return (folder / name).read_text(encoding="utf-8")


def test_generated_parts_are_those_of_the_committed_reports(copied: Path) -> None:
    assert readme.update() == []


def test_a_changed_verdict_changes_the_readme(copied: Path) -> None:
    path = copied / "reports" / "cifar10-small" / "claims.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"overall": "[^"]+"', '"overall": "not testable"', text), encoding="utf-8")
    assert readme.update() == ["README.md"]
    assert page(copied).count("| **not testable**") == TEXT.count("| **not testable**") + 5


def test_the_readme_says_first_what_was_found() -> None:
    """Before anything else three to five sentences, each with a number and its interval or counted; then their terms."""
    assert len(TEXT.splitlines()) <= 200
    first, *_ = re.findall(r"^## (.*)", TEXT, re.MULTILINE)
    assert first == "What was found"
    found = TEXT.split("<!-- findings")[1].split("<!-- /findings")[0]
    sentences = re.findall(r"^- (.*)", found, re.MULTILINE)
    assert 3 <= len(sentences) <= 5
    interval = re.compile(r"[-+]?\d+\.\d+[^\[(]* (\[[-+]?\d+\.\d+, [-+]?\d+\.\d+\]|\(counted\))")
    assert all(map(interval.search, sentences))
    for term, _ in opening.TERMS:
        assert f"**{term}**" in found


@pytest.mark.parametrize("profile", readme.PROFILES)
def test_counts_of_comparisons_agree_everywhere(profile: str) -> None:
    """Between the table of verdicts, claims.json, the report's page, the captions of its figures and the README."""
    folder = ROOT / "reports" / profile
    report = ClaimReport.read(folder / "claims.json")
    table = read_table(folder / "tables" / "claims.csv")
    html = (folder / "index.html").read_text(encoding="utf-8")
    for rank, claim in enumerate(report.claims):
        own = table[(table["claim"] == claim.id) & table["counted"]]
        assert dict(own["verdict"].value_counts()) == {name: n for name, n in claim.counts.items() if n}
        counts = counted_words(claim.verdicts)
        assert f"Of {count(sum(claim.counts.values()), 'comparison')}, {counts}." in html
        if profile in readme.REAL:  # the README tells the verdicts on real images
            (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| [`{profile}`]")]
            told = row.strip("| ").split(" | ")[2 + rank]
            assert told == f"**{claim.overall}**; {counts}"


def test_recovered_shares_are_those_of_the_table(copied: Path) -> None:
    path = copied / "reports" / readme.RECOVERED / "tables" / "recovered.csv"
    table = read_table(path)
    table.loc[table["mitigation"] == "BN", "share"] = 12.3
    write_table(path, table)
    assert readme.update() == ["mitigations.md"]
    (row,) = [line for line in page(copied, "docs/mitigations.md").splitlines() if line.startswith("| BN |")]
    assert row.count("| 12 %, ") == table["crossbar_size"].nunique()


def test_costs_are_those_of_the_tables(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "PARTS", {"costs": readme.PARTS["costs"]})
    folder = copied / "reports" / "benchmarks"
    for path in folder.glob("costs-*.csv"):
        path.unlink()
    readme.update()
    assert "Not estimated yet: `python benchmarks/costs.py " in page(copied, "docs/profiles.md")
    rows = ["train,a,6,1.5,GPU", "train,b,6000,2.25,GPU", "wct,a,0.5,1,GPU"]
    table = "\n".join(["stage,experiment,minutes,gib,hardware", *rows, ""])
    (folder / "costs-paper.csv").write_text(table, encoding="utf-8")
    readme.update()
    text = page(copied, "docs/profiles.md")
    told = "| `train` | 100 h, 2.2 GiB |\n| `wct` | 0.5 min, 1.0 GiB |\n| all | **100 h** |"
    assert f"| stage | `paper` |\n|---|---|\n{told}" in text
    assert text.count(" GPU.") == 1


def test_faults_are_those_that_were_counted(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "PARTS", {"reliability": readme.PARTS["reliability"]})
    path = copied / "reports" / "reliability.json"
    path.unlink(missing_ok=True)
    readme.update()
    assert "Not tried yet: `make test-faults`" in page(copied, "docs/reliability.md")
    one = {"what": "disks", "command": "x", "date": "2026-01-02", "commit": "abc", "machine": "m"}
    disk, kills = {"tried": 1200, "survived": 1199}, {"tried": 5, "survived": 5}
    counts = {"full_disk": one | disk, "kills": one | kills}
    path.write_text(json.dumps(counts), encoding="utf-8")
    readme.update()
    text = page(copied, "docs/reliability.md")
    told = "| full disk | 1,200 | **1,199** | disks | `x` | 2026-01-02, abc |\n| kills | 5 | 5 | disks |"
    assert told in text


def test_missing_marks_and_reports_are_one_line(copied: Path) -> None:
    (copied / "reports" / "quick" / "claims.json").unlink()
    with pytest.raises(ArtifactError, match=r"^reports/quick/claims.json: no such file"):
        readme.update()
    (copied / "README.md").write_text("nothing here\n", encoding="utf-8")
    shutil.copy(ROOT / "reports" / "quick" / "claims.json", copied / "reports" / "quick" / "claims.json")
    with pytest.raises(ArtifactError, match=r"README.md and docs/: no part between <!-- findings"):
        readme.update()


def test_the_first_of_the_trainings_is_the_network_of_neighbours() -> None:
    """As the README says in words: the same recipe and accuracy, to the last digit."""
    names = ("cifar10-trainings", "neighbours")
    first, other = (load_profile(ROOT / f"profiles/{name}.yaml") for name in names)
    assert first.train == other.train
    tables = (read_table(ROOT / f"reports/{name}/tables/software.csv") for name in names)
    trained = [table.query("step == 'trained'").iloc[0] for table in tables]
    assert trained[0].drop("experiment").equals(trained[1].drop("experiment"))


@pytest.mark.parametrize("command", [command for command in COMMANDS if "make " in command])
def test_make_knows_every_target_that_the_readme_names(command: str) -> None:
    words = [word for word in command.split("make ", 1)[1].split() if "=" not in word]
    result = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for profile in re.findall(r"PROFILE=([\w-]+)", command):
        assert (ROOT / "profiles" / f"{profile}.yaml").is_file()


def test_every_script_and_module_that_a_page_runs_is_there() -> None:
    words = [word for command in COMMANDS for word in command.split()]
    scripts = [word.removeprefix("TESTS=") for word in words if word.endswith(".py")]
    modules = re.findall(r"python -m ((?:tools|xbarpaper)[\w.]*)", " ".join(PAGES.values()))
    scripts += [name.replace(".", "/") for name in modules]
    assert scripts
    assert [one for one in scripts if not ((ROOT / one).exists() or (ROOT / f"{one}.py").is_file())] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_and_picture_of_a_page_leads_somewhere(path: Path) -> None:
    targets = [one for one in re.findall(r"\]\(([^)]+)\)", PAGES[path]) if not one.startswith("http")]
    headings = re.findall(r"^#+ (.*)", PAGES[path], re.MULTILINE)
    anchors = {f"#{heading.lower().replace(' ', '-')}" for heading in headings}
    assert [one for one in targets if one not in anchors and not (path.parent / one).exists()] == []


def test_stages_of_the_table_are_those_of_the_pipeline() -> None:
    stages = re.findall(r"^  (\w+):$", (ROOT / "dvc.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"\| `(\w+)@<\w+>` \|", PAGES[ROOT / "docs" / "pipeline.md"])
    assert named == [stage for stage in stages if stage not in ("code", "sources")]  # these show nothing


def test_the_code_in_the_circuit_page_runs(tmp_path: Path) -> None:
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
