"""``python -m tools.verify``: every difference from a committed report is noticed, and judged as is stated."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from repository import ROOT

from tools.verify import Comparison, compare
from tools.verify.__main__ import main
from tools.verify.comparing import LINES
from tools.verify.tolerances import EXACT, ROUNDED, TOLERANCES, of_column
from xbarpaper.experiments.results import TABLES

QUICK = ROOT / "reports" / "quick"
KEYS = {column for table in TABLES.values() for column in table.keys}

FIGURE, DRAWING, PAGE = "figures/training.png", "figures/training.svg", "index.html"
NOTEBOOK = "notebooks/quick-vgg11/06_evaluate.ipynb"
OTHER = "figures/compression.png"

Rows = list[list[str]]


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of quick with few of its figures and notebooks, so that copies are quick."""
    folder = tmp_path_factory.mktemp("committed") / "report"
    for name in ("claims.json", PAGE, FIGURE, DRAWING, OTHER, NOTEBOOK):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(QUICK / name, folder / name)
    shutil.copytree(QUICK / "tables", folder / "tables")
    return folder


@pytest.fixture
def now(committed: Path, tmp_path: Path) -> Path:
    """A report that is the committed one, until a test changes it."""
    (tmp_path / "committed").symlink_to(committed)
    return shutil.copytree(committed, tmp_path / "now")


def compared(now: Path) -> Comparison:
    return compare(now.parent / "committed", now)


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def only(comparison: Comparison, name: str) -> str:
    """The state of the one file that may differ."""
    assert {file for file, state in comparison.states.items() if state != "identical"} <= {name}
    return comparison.states[name]


MEASURED = {path.stem: read(path) for path in sorted(QUICK.glob("tables/*.csv"))}
COLUMNS = [(table, column) for table, rows in MEASURED.items() for column in rows[0]]
NUMBERS = [
    (table, column)
    for table, rows in MEASURED.items()
    for index, column in enumerate(rows[0])
    if any(number(row[index]) is not None for row in rows[1:])
]


# --- the whole ----------------------------------------------------------------------------------------------


def test_a_report_is_identical_to_itself(now: Path, capsys: pytest.CaptureFixture[str]) -> None:
    comparison = compared(now)
    files = sum(path.is_file() for path in now.rglob("*"))
    assert comparison.count("identical") == files
    assert comparison.differences == []
    assert main(["compare", str(now.parent / "committed"), str(now)]) == 0
    assert capsys.readouterr().out == f"{files} files identical, 0 within tolerance, 0 outside\n"


@pytest.mark.parametrize("name", ["index.html", "claims.json", "tables/layers.csv", "figures/training.svg"])
def test_a_missing_file_and_one_too_many_are_outside(now: Path, name: str) -> None:
    kept = (now / name).read_bytes()
    if name != "claims.json":
        (now / name).unlink()
        assert only(compared(now), name) == "outside"
        (now / name).write_bytes(kept)
    (now / "extra.txt").write_bytes(kept)
    assert only(compared(now), "extra.txt") == "outside"


def test_what_is_no_report_is_refused(now: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (now / "claims.json").unlink()
    assert main(["compare", str(now.parent / "committed"), str(now)]) == 1
    assert capsys.readouterr().err == f"verify: {now}: not a report: it has no claims.json\n"


# --- tables -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", MEASURED)
def test_another_text_in_any_column_is_noticed(now: Path, table: str) -> None:
    for place, column in enumerate(MEASURED[table][0]):
        rows = [row.copy() for row in MEASURED[table]]
        rows[1][place] = "something else"
        write(now / "tables" / f"{table}.csv", rows)
        state = only(compared(now), f"tables/{table}.csv")
        assert state == ("within" if column == "hardware" else "outside"), column


@given(
    place=st.sampled_from(NUMBERS),
    row=st.integers(min_value=0),
    share=st.one_of(st.floats(1e-3, 0.99), st.floats(1.01, 1e3)),
    sign=st.sampled_from((-1, 1)),
)
def test_another_number_anywhere_is_judged_by_its_tolerance(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str, str], row: int, share: float, sign: int
) -> None:
    table, column = place
    name = f"tables/{table}.csv"
    rows = [row.copy() for row in MEASURED[table]]
    index = rows[0].index(column)
    numbered = [number_of for number_of in range(1, len(rows)) if number(rows[number_of][index]) is not None]
    chosen = numbered[row % len(numbered)]
    committed = float(rows[chosen][index])
    tolerance = of_column(table, column, remeasured=table in TABLES)
    if table not in TABLES:
        tolerance = ROUNDED
    allowed = tolerance.allowed(committed, 0)
    judged = 0 < allowed < math.inf
    if abs(committed + sign * allowed) > abs(committed):  # then the other number is the larger one
        allowed = (tolerance.absolute + tolerance.relative * sign * committed) / (1 - tolerance.relative)
    rows[chosen][index] = repr(committed + sign * share * (allowed if judged else 1e-3))
    folder = tmp_path_factory.mktemp("report")
    (folder / "tables").mkdir()
    write(folder / name, rows)
    for other in QUICK.glob("tables/*.csv"):
        if other.stem != table:
            shutil.copy(other, folder / "tables")
    shutil.copy(QUICK / "claims.json", folder)
    comparison = compare(QUICK, folder)
    found = [each for each in comparison.differences if each.file == name]
    assert len(found) == 1
    assert found[0].column == column
    assert float(found[0].committed) == committed
    assert found[0].outside == (share > 1 if judged else not allowed)
    assert comparison.states[name] == ("outside" if found[0].outside else "within")
    if column not in KEYS:
        assert rows[chosen][0] in found[0].row  # the experiment or the claim


@pytest.mark.parametrize("value", ["", "nan", "inf", "-inf"])
def test_a_number_that_is_no_number_is_outside(now: Path, value: str) -> None:
    path = now / "tables" / "evaluation.csv"
    rows = read(path)
    rows[7][rows[0].index("accuracy")] = value
    write(path, rows)
    assert only(compared(now), "tables/evaluation.csv") == "outside"


STRUCTURE: dict[str, Callable[[Rows], Any]] = {
    "a row less": lambda rows: rows.pop(),
    "a row twice": lambda rows: rows.append(rows[-1]),
    "rows in another order": lambda rows: rows.insert(1, rows.pop()),
    "a column less": lambda rows: [row.pop() for row in rows],
    "a column renamed": lambda rows: rows[0].__setitem__(-1, "other"),
    "columns in another order": lambda rows: [row.insert(0, row.pop()) for row in rows],
    "a cell less": lambda rows: rows[3].pop(),
    "no rows": lambda rows: rows.__delitem__(slice(1, None)),
    "nothing": lambda rows: rows.clear(),
}


@pytest.mark.parametrize("table", ["evaluation", "claims", "costs"])
@pytest.mark.parametrize("change", STRUCTURE)
def test_a_table_of_another_structure_is_outside(now: Path, table: str, change: str) -> None:
    path = now / "tables" / f"{table}.csv"
    rows = read(path)
    STRUCTURE[change](rows)
    write(path, rows)
    assert only(compared(now), f"tables/{table}.csv") == "outside"


def test_on_another_machine_a_verdict_may_move_to_a_neighbouring_one(now: Path) -> None:
    path = now / "tables" / "software.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(" CPU (", " CPU (no "), encoding="utf-8")
    change_claims(now, lambda tree: tree["claims"][1].update(overall="undecided"))
    comparison = compared(now)
    assert comparison.states["claims.json"] == "within"
    assert "moved: claims.json, claims[1].overall" in str(comparison)
    change_claims(now, opposite)
    assert compared(now).states["claims.json"] == "within", "of one network, and others are trained there"
    assert "its opposite" in str(compared(now))
    turned = {"supported": "contradicted", "contradicted": "supported"}
    change_claims(now, lambda tree: tree["claims"][0].update(overall=turned[tree["claims"][0]["overall"]]))
    assert compared(now).states["claims.json"] == "outside"


@pytest.mark.parametrize(("elsewhere", "state"), [(True, "within"), (False, "outside")])
def test_networks_trained_on_another_machine_may_choose_another_convention(
    now: Path, elsewhere: bool, state: str
) -> None:
    if elsewhere:
        path = now / "tables" / "software.csv"
        path.write_text(path.read_text(encoding="utf-8").replace(" CPU (", " CPU (no "), encoding="utf-8")
    path = now / "tables" / "batch_norms.csv"
    rows = read(path)
    for name, value in (("r_min_ohm", "1"), ("accuracy", "0")):
        rows[1][rows[0].index(name)] = value
    write(path, rows)
    assert compared(now).states["tables/batch_norms.csv"] == state


# --- verdicts -----------------------------------------------------------------------------------------------


def remeasure(folder: Path) -> None:
    """Another accuracy within its tolerance, so that what is computed from it may differ too."""
    path = folder / "tables" / "evaluation.csv"
    rows = read(path)
    place = rows[0].index("accuracy")
    rows[1][place] = str(float(rows[1][place]) + 0.1)
    write(path, rows)


def change_claims(folder: Path, change: Callable[[Any], Any]) -> None:
    path = folder / "claims.json"
    tree = json.loads(path.read_text(encoding="utf-8"))
    change(tree)
    path.write_text(json.dumps(tree, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def contradicted(tree: Any) -> Any:
    return next(row for row in tree["claims"][0]["verdicts"] if row["verdict"] == "contradicted")


def opposite(tree: Any) -> None:
    contradicted(tree)["verdict"] = "supported"


def undecided(tree: Any) -> None:
    contradicted(tree)["verdict"] = "undecided"


VERDICTS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "the overall verdict": (lambda tree: tree["claims"][1].update(overall="undecided"), "outside", "outside"),
    "of a mitigation": (lambda tree: tree["claims"][2]["by_mitigation"].update(R="supported"), "outside", "outside"),
    "the opposite": (opposite, "outside", "outside"),
    "to undecided": (undecided, "outside", "within"),
    "not a verdict": (lambda tree: tree["claims"][0]["verdicts"][0].update(verdict="yes"), "outside", "outside"),
    "an effect": (lambda tree: tree["claims"][1]["levels"][0].update(effect=2.0), "outside", "within"),
    "a far effect": (lambda tree: tree["claims"][1]["levels"][0].update(effect=99.0), "outside", "outside"),
    "a bound": (lambda tree: tree["claims"][1]["levels"][0].update(low=2.0), "outside", "within"),
    "a summary": (lambda tree: tree["claims"][1].update(summary="Other."), "outside", "within"),
    "a count": (lambda tree: tree["claims"][1]["counts"].update(supported=7), "outside", "within"),
    "a rule": (lambda tree: tree["rules"].update(C1="Other."), "outside", "outside"),
    "a statement": (lambda tree: tree["claims"][0].update(text="Other."), "outside", "outside"),
    "a confidence": (lambda tree: tree.update(confidence=0.9), "outside", "outside"),
    "a claim less": (lambda tree: tree["claims"].pop(), "outside", "outside"),
    "a key less": (lambda tree: tree.pop("scope"), "outside", "outside"),
    "a key more": (lambda tree: tree.update(more=1), "outside", "outside"),
    "a number as text": (lambda tree: tree.update(confidence="0.95"), "outside", "outside"),
    "a scheme": (lambda tree: tree["claims"][0]["verdicts"][0].update(scheme="xcs"), "outside", "outside"),
}  # fmt: skip


@pytest.mark.parametrize("change", VERDICTS)
def test_claims_are_compared_key_by_key(now: Path, change: str) -> None:
    alter, of_equal_tables, of_other_tables = VERDICTS[change]
    change_claims(now, alter)
    assert only(compared(now), "claims.json") == of_equal_tables
    remeasure(now)
    comparison = compared(now)
    assert comparison.states["claims.json"] == of_other_tables
    assert comparison.states["tables/evaluation.csv"] == "within"


# --- figures, notebooks, pages ------------------------------------------------------------------------------


def alter_a_number(path: Path) -> None:
    """Change the last digit of the points that the page says are lost."""
    text = path.read_text(encoding="utf-8")
    (number,) = re.findall(r"(\d+\.\d\d) points lost", text)[:1]
    replace(path, number, f"{number[:-1]}{(int(number[-1]) + 1) % 10}")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def repaint(path: Path, share: float) -> None:
    with Image.open(path) as image:
        painted = image.convert("RGB")
    painted.paste((255, 0, 255), (0, 0, painted.width, max(1, int(painted.height * share))))
    painted.save(path)


SHOWN: dict[str, tuple[str, Callable[[Path], Any], str, str]] = {
    "a few pixels": (FIGURE, lambda path: repaint(path, 0.0), "within", "within"),
    "many pixels": (FIGURE, lambda path: repaint(path, 0.5), "outside", "within"),
    "another figure": (FIGURE, lambda path: shutil.copy(QUICK / OTHER, path), "outside", "within"),
    "half a figure": (FIGURE, lambda path: path.write_bytes(path.read_bytes()[:5000]), "outside", "outside"),
    "an empty figure": (FIGURE, lambda path: path.write_bytes(b""), "outside", "outside"),
    "a drawing's part": (DRAWING, lambda path: replace(path, "<path", "<g/><path"), "outside", "within"),
    "half a drawing": (DRAWING, lambda path: path.write_text(path.read_text()[:5000]), "outside", "outside"),
    "a cell's source": (NOTEBOOK, lambda path: replace(path, '"source": [', '"source": [" ",'), "outside", "outside"),
    "a printed text": (NOTEBOOK, lambda path: replace(path, "quick-vgg11", "quick-vgg12"), "outside", "outside"),
    "not a notebook": (NOTEBOOK, lambda path: path.write_text("{}"), "outside", "outside"),
    "not JSON": (NOTEBOOK, lambda path: path.write_text("{"), "outside", "outside"),
    "another commit": (PAGE, lambda path: replace(path, "<dd>commit ", "<dd>commit f00"), "within", "within"),
    "a page's number": (PAGE, lambda path: alter_a_number(path), "outside", "within"),
    "a page's heading": (PAGE, lambda path: replace(path, "Claims</h2>", "Others</h2>"), "outside", "outside"),
    "a page's figure": (PAGE, lambda path: replace(path, "<img", "<i"), "outside", "outside"),
    "not text": (PAGE, lambda path: path.write_bytes(b"\xff\xfe"), "outside", "outside"),
}  # fmt: skip


@pytest.mark.parametrize("change", SHOWN)
def test_what_shows_the_tables_is_compared_part_by_part(now: Path, change: str) -> None:
    name, alter, of_equal_tables, of_other_tables = SHOWN[change]
    alter(now / name)
    assert only(compared(now), name) == of_equal_tables
    remeasure(now)
    assert compared(now).states[name] == of_other_tables


# --- what is said and kept ----------------------------------------------------------------------------------


def test_the_largest_difference_is_named(now: Path) -> None:
    remeasure(now)
    comparison = compared(now)
    largest = comparison.largest
    assert largest is not None
    assert (largest.file, largest.column) == ("tables/evaluation.csv", "accuracy")
    assert largest.row == "quick-vgg11 unpruned 16 none wires layer"
    said = str(comparison)
    assert f"{largest.committed} committed, {largest.now} now" in said
    assert said.endswith(" files identical, 1 within tolerance, 0 outside")


def test_many_differences_are_told_in_few_lines(now: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = now / "tables" / "evaluation.csv"
    rows = read(path)
    place = rows[0].index("accuracy")
    for row in rows[1:]:
        row[place] = "-50"
    write(path, rows)
    assert main(["compare", str(now.parent / "committed"), str(now)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == LINES + 2
    assert lines[-2] == f"outside: and {len(rows) - 1 - LINES} more values"
    kept = compared(now).summary()
    assert len(kept["differences"]) == LINES
    assert (kept["outside"], kept["within"]) == (1, 0)


def test_every_tolerance_has_a_reason_and_a_column() -> None:
    columns = {column for _, column in COLUMNS}
    keys = set(re.findall(r'"(\w+)":', (QUICK / "claims.json").read_text(encoding="utf-8")))
    for name, tolerance in TOLERANCES.items():
        table, _, column = name.rpartition(".")
        assert column in columns | keys or name == "metrics.*", name
        assert not table or (table, column) in COLUMNS or table in ("claims", "own", "metrics")
        assert len(tolerance.reason) > 20
        assert tolerance.allowed(1.0, 1.0) > 0
    for column in KEYS:
        assert of_column("evaluation", column, remeasured=True) is EXACT
    unjudged = {name for name, each in TOLERANCES.items() if math.isinf(each.absolute)}
    assert not unjudged & {
        "accuracy",
        "software_accuracy",
        "effect",
        "low",
        "high",
        "lost",
        "nf",
        "error",
        "energy_uj",
    }
    assert of_column("metrics", "C2_none", remeasured=True).allowed(3.0, 4.0) == 15
