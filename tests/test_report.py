"""The published report, built from invented input in a temporary folder and opened in a browser."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from browser import chromium, visit
from markupsafe import escape
from matplotlib.figure import Figure
from PIL import Image, ImageChops
from playwright.sync_api import Browser
from repository import ROOT
from synthetic_results import make_params, make_results, write_stages

from tools import redraw
from xbarpaper.claims import ClaimReport, Labels, examine, recovery_table
from xbarpaper.claims.published import under_conventions
from xbarpaper.claims.rules import counted_words
from xbarpaper.experiments import results
from xbarpaper.figures import forest
from xbarpaper.params import Params, load_profile
from xbarpaper.report import Places, gather, opening, provenance, publish, rendering, tables
from xbarpaper.report import __main__ as command
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.statistics import mean_interval

ORDER = ("forest", "light", "heavy")


def _write_figures(folder: Path, names: dict[str, int]) -> None:
    """Figures of as many points as asked for: many make the SVG heavy."""
    captions, drawn = [], dict[int, str]()
    (folder / "figures").mkdir(parents=True)
    for name, points in names.items():
        first = drawn.setdefault(points, name)
        if first == name:
            figure = Figure(figsize=(7, 3))
            figure.subplots().plot(range(points), [index % 7 for index in range(points)], "o")
        for suffix in ("png", "svg"):
            file = folder / "figures" / f"{name}.{suffix}"
            figure.savefig(file) if first == name else shutil.copy(file.with_stem(first), file)
        caption = f"Invented data & <no> networks; {points} points."
        command = f"dvc repro {folder.name[3:]}"
        captions.append({"name": name, "title": f"Invented {name}", "caption": caption, "command": command})
    (folder / "captions.json").write_text(json.dumps(captions), encoding="utf-8")


def _write_notebook(path: Path) -> None:
    markdown = nbformat.v4.new_markdown_cell(
        "# A notebook\n\nText.\n\n![away](https://example.org/a.png)\n\n"
        '<script src="https://example.org/a.js"></script>'
    )
    code = nbformat.v4.new_code_cell('total = sum(range(10))  # a comment\nprint("' + "wide " * 60 + '")')
    table = "<style>table {width: 9999px}</style><table><tr>" + "<td>a wide cell</td>" * 30 + "</tr></table>"
    code.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="wide " * 60),
        nbformat.v4.new_output("display_data", data={"text/html": table + "<script>throw 1</script>"}),
    ]
    picture = io.BytesIO()
    Figure(figsize=(12, 2)).savefig(picture, format="png")
    png = base64.b64encode(picture.getvalue()).decode("ascii")
    code.outputs.append(nbformat.v4.new_output("display_data", data={"image/png": png}))
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[markdown, code]), path)


@pytest.fixture(scope="module")
def params() -> Params:
    return make_params(2, (32,), further=True)


@pytest.fixture(scope="module")
def made(params: Params) -> results.Results:
    return make_results(params)


@pytest.fixture(scope="module")
def examined(params: Params, made: results.Results) -> ClaimReport:
    return examine(made, params)


@pytest.fixture(scope="module")
def unsearched(params: Params, made: results.Results) -> ClaimReport:
    """Verdicts where no stronger settings were searched."""
    return examine(replace(made, strongest=made.strongest.iloc[:0]), params)


@pytest.fixture(scope="module")
def invented(
    tmp_path_factory: pytest.TempPathFactory, params: Params, made: results.Results, examined: ClaimReport
) -> Path:
    """Everything that the stages would leave."""
    data = tmp_path_factory.mktemp("invented") / "data"
    write_stages(data / "results" / params.profile, params, made)
    stages = data / "summaries" / params.profile
    _write_figures(stages / "90_figures", {"light": 20, "heavy": 5000})
    _write_figures(stages / "91_claims", {"forest": 30})
    examined.write(stages / "91_claims")
    drawn = stages / "90_figures" / "tables"
    results.load(params, data / "results" / params.profile).write(drawn)
    recovered = recovery_table(made.recovery, made.costs, Labels.of(params), params.claims)
    files.write_table(drawn / "recovered.csv", recovered)
    chance = dict.fromkeys(params.datasets, 10.0)
    conventions = under_conventions(made.evaluation, made.published_like, params, chance)
    files.write_table(drawn / "published_claims.csv", conventions)
    for group, name in [("shapes10", "00_data"), *((name, "01_train") for name in params.experiments)]:
        _write_notebook(data / "notebooks" / params.profile / group / f"{name}.ipynb")
    _write_notebook(data / "notebooks" / params.profile / "summary" / "90_figures.ipynb")
    return data


def _places(data: Path, reports: Path) -> Places:
    return Places(data / "results", data / "summaries", data / "notebooks", reports)


@pytest.fixture
def places(tmp_path: Path, invented: Path) -> Places:
    """A copy of its own for a test that changes the input or the report."""
    shutil.copytree(invented, tmp_path / "data")
    return _places(tmp_path / "data", tmp_path / "reports")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, params: Params, invented: Path) -> Path:
    """A report for tests that only read it."""
    return publish(params, _places(invented, tmp_path_factory.mktemp("published") / "reports"))


@pytest.fixture
def before(places: Places, published: Path) -> dict[str, bytes]:
    """An earlier report in the places: its files."""
    return _contents(shutil.copytree(published, places.reports / "made-up"))


def refused(message: str, function: Callable[..., object], *arguments: object) -> None:
    """Call what must end in one line."""
    with pytest.raises(ArtifactError, match=message) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_report_holds_all_of_it_and_is_the_same_bytes_again(
    params: Params, places: Places, made: results.Results, before: dict[str, bytes]
) -> None:
    (places.reports / "made-up" / "left.csv").touch()
    folder = publish(params, places)
    assert folder == places.reports / "made-up"
    assert _contents(folder) == before
    assert {
        "index.html",
        "claims.json",
        "metrics.json",
        *(f"tables/{name}.csv" for name in (*results.TABLES, "claims", "recovered", "published_claims")),
        *(f"figures/{name}.{suffix}" for name in ORDER for suffix in ("png", "svg")),
        *(
            f"notebooks/{name}.{suffix}"
            for name in ("shapes10/00_data", "made-up-0/01_train", "made-up-1/01_train", "summary/90_figures")
            for suffix in ("ipynb", "html")
        ),
    } == set(before)
    evaluation = files.read_table(folder / "tables" / "evaluation.csv")
    assert len(evaluation) == len(made.evaluation)
    assert tuple(evaluation.columns) == results.TABLES["evaluation"].columns
    assert [path.name for path in places.reports.iterdir()] == ["made-up"]


def test_a_zero_has_no_sign() -> None:
    numbers = {-0.001: "0.00", 0.0: "0.00", -0.01: "-0.01", -12.34: "-12.3"}
    assert [tables.number(value) for value in numbers] == list(numbers.values())


def test_what_editors_and_synchronisation_leave_beside_outputs_is_not_published(
    params: Params, places: Places, before: dict[str, bytes]
) -> None:
    tables = places.summaries / params.profile / "90_figures" / "tables"
    notebook = places.notebooks / params.profile / "summary" / "90_figures.ipynb"
    for path in (notebook, tables / "recovered.csv"):
        for left in ("._{}{}", "{}-Copy1{}", "{} (conflicted copy 2026-01-02){}", "{}.sync-conflict-1{}"):
            path.with_name(left.format(path.stem, path.suffix)).write_bytes(b"\0\xff")
        path.with_name(f".#{path.name}").symlink_to("user@host.1")  # Emacs's lock
    assert _contents(publish(params, places)) == before


def test_no_absolute_path_in_the_report(published: Path, invented: Path) -> None:
    pages = [path for path in published.rglob("*.*") if path.suffix in (".html", ".csv", ".json")]
    assert len(pages) > 5
    for path in pages:
        assert str(invented.parent) not in path.read_text(encoding="utf-8"), path


def test_each_figure_is_embedded_and_lighter_than_its_files(published: Path) -> None:
    text = (published / "index.html").read_text(encoding="utf-8")
    found = re.findall(r'src="(data:image/[^"]+)"', text)
    files_of = [[published / "figures" / f"{name}.{suffix}" for suffix in ("svg", "png")] for name in ORDER]
    assert len(found) == len(files_of)
    for address, both in zip(found, files_of, strict=True):
        assert len(address) < min(path.stat().st_size for path in both)


def test_a_palette_keeps_the_colours_of_a_figure(published: Path) -> None:
    path = published / "figures" / "light.png"
    with Image.open(path) as before, Image.open(io.BytesIO(rendering.with_palette(path))) as after:
        assert after.mode == "P"
        assert after.size == before.size
        difference = ImageChops.difference(before.convert("RGB"), after.convert("RGB"))
        assert max(high for _, high in difference.getextrema()) <= 24  # of 255, at the edges of letters


def test_an_embedded_svg_is_the_file(tmp_path: Path) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    Figure().savefig(png)
    svg.write_text('<svg id="a#1" width="50%">\n<text>µS &amp; "</text></svg>', encoding="utf-8")
    caption = gather.Caption(name="a", title="", caption="", command="")
    address = rendering.data_uri(gather.Picture(caption, png, svg))
    head, content = address.split(",", 1)
    assert head == "data:image/svg+xml"
    assert not set(content) & set('"<>#')
    assert unquote(content) == svg.read_text(encoding="utf-8")


def test_page_shows_the_accuracies_of_the_table(
    params: Params, published: Path, made: results.Results
) -> None:
    text = (published / "index.html").read_text(encoding="utf-8")
    place = "experiment == 'made-up-1' and scheme == 'cf' and crossbar_size == 32 and mitigation == 'WCT'"
    chosen = made.evaluation.query(f"{place} and effects == 'both' and gain == 'layer'")["accuracy"]
    assert len(chosen) == 5
    mean, low, high = mean_interval(chosen, params.claims.confidence)
    assert f"{mean:.1f} ± {(high - low) / 2:.1f}<" in text
    assert ">with PC/chip<" in text


def test_page_shows_the_verdicts_under_the_convention_nearest_to_published_losses(published: Path) -> None:
    text = (published / "index.html").read_text(encoding="utf-8")
    section = text.split('<details id="conventions">')[1].split("</details>")[0]
    rows = files.read_table(published / "tables" / "published_claims.csv")
    assert rows["convention"].nunique() == 2
    for row in rows.to_dict("records"):
        assert f">{row['convention']}<" in section
        assert f">{row['verdict']}: {tables.number(row['effect'])} [" in section


def test_the_nearest_convention_may_be_our_own(published: Path) -> None:
    rows = files.read_table(published / "tables" / "published_claims.csv")
    found = tables.under_conventions(rows.assign(convention="one and the same"))
    assert [row[0] for row in found.rows] == ["one and the same"] * 2
    assert [row[1:] for row in found.rows] == [row[1:] for row in tables.under_conventions(rows).rows]
    assert {len(row) for row in found.rows} == {len(found.columns)}


def test_what_is_counted_has_no_interval() -> None:
    params = make_params(1, (16,))
    report = examine(make_results(params), params)
    told = "+10.00 percentage points (counted)"
    assert opening.findings({"one": report}, None)[4].endswith(f": {told} added to that share by WCT.")
    (row,) = [one for one in report.claims[4].tops() if one.mitigation == "WCT"]
    assert row.low == row.high == pytest.approx(10)
    assert tables.interval(row) == "–"
    assert f"{told}, and" in row.summary


def test_an_end_that_rounds_to_zero_keeps_its_sign() -> None:
    params = make_params(1, (16,))
    report = examine(make_results(params), params)
    ends = {"low": -0.0037, "high": 0.31}
    c3 = report.claims[2]
    levels = [row.model_copy(update=ends if row.level == "overall" else {}) for row in c3.levels]
    claims = [claim.model_copy(update={"levels": levels} if claim is c3 else {}) for claim in report.claims]
    changed = report.model_copy(update={"claims": claims})
    assert " [-0.00, +0.31] " in opening.findings({"one": changed}, None)[2]
    texts = [text.get_text() for axes in forest({"one": changed}).axes for text in axes.texts]
    assert any(text.endswith("[-0.00, +0.31]") for text in texts)
    assert "+10.00 (counted)" in texts


def test_findings_name_the_sizes_that_disagree() -> None:
    params = make_params(1, (16, 32))
    tables = make_results(params)
    turned = (tables.evaluation["crossbar_size"] == 32) & (tables.evaluation["scheme"] != "unpruned")
    better = tables.evaluation["accuracy"] + 60.0 * turned
    mixed = examine(replace(tables, evaluation=tables.evaluation.assign(accuracy=better)), params)
    alike = examine(tables, params)
    said = opening.findings({"alike": alike, "mixed": mixed}, None)[1]
    assert "by crossbar size" not in said
    assert said.endswith("(`alike`; of 2 reports 1 supported, 1 contradicted).")
    alone = opening.findings({"mixed": mixed}, None)[1]
    assert alone.endswith("; by crossbar size: 16 × 16 supported, 32 × 32 contradicted.")


def test_findings_name_sizes_that_are_undecided_where_the_whole_has_no_effect() -> None:
    params = make_params(1, (16, 32))
    report = examine(make_results(params, rearrange_points=0.0, noise=0.0), params)
    c3 = report.claims[2]
    assert c3.overall == "no effect"
    assert "by crossbar size" not in opening.findings({"one": report}, None)[2]
    levels = [
        row.model_copy(update={"verdict": "undecided"} if row.level == "size" else {}) for row in c3.levels
    ]
    claims = [claim.model_copy(update={"levels": levels} if claim is c3 else {}) for claim in report.claims]
    said = opening.findings({"one": report.model_copy(update={"claims": claims})}, None)[2]
    assert said.endswith("less loss; by crossbar size: 16 × 16 and 32 × 32 undecided.")


def test_findings_name_the_schemes_that_disagree_on_the_largest_crossbars() -> None:
    params = make_params(1, (16, 32))
    tables = make_results(params, noise=0.05)
    turned = (tables.evaluation["crossbar_size"] == 32) & (tables.evaluation["scheme"] == "cf")
    better = tables.evaluation["accuracy"] + 30.0 * turned
    mixed = examine(replace(tables, evaluation=tables.evaluation.assign(accuracy=better)), params)
    said = opening.findings({"mixed": mixed}, None)[1]
    assert "; at 32 × 32 by scheme: C/F contradicted, XCS and XRS supported" in said
    assert "by scheme" not in "".join(opening.findings({"alike": examine(tables, params)}, None))


def test_findings_name_the_gain_modes_that_disagree() -> None:
    params = make_params(1, (16,))
    tables = make_results(params, noise=0.05)
    turned = tables.evaluation["gain"].isin(["tile", "column"]) & (tables.evaluation["scheme"] != "unpruned")
    better = tables.evaluation["accuracy"] + 30.0 * turned
    mixed = examine(replace(tables, evaluation=tables.evaluation.assign(accuracy=better)), params)
    said = opening.findings({"mixed": mixed}, None)[1]
    assert said.endswith("more loss; contradicted with a gain per tile or column.")


def test_page_opens_with_scope_findings_and_forest_plot(published: Path) -> None:
    """Verdicts come first and stand beside the claim's text; joined effects and comparisons fold."""
    text = (published / "index.html").read_text(encoding="utf-8").split("<main>")[1]
    report = ClaimReport.read(published / "claims.json")
    recovery = files.read_table(published / "tables" / "recovery.csv")
    sentences = opening.findings({report.profile: report}, recovery)
    assert len(sentences) == 6  # C1 to C5, and what is beyond them
    parts = [
        report.scope, *sentences, 'id="forest"', 'id="accuracies"', 'id="claims"', 'id="figures"',
        "trained unpruned and",
    ]  # fmt: skip
    places = [text.index(str(escape(part)) if " " in part else part) for part in parts]
    assert places == sorted(places)
    assert all(str(escape(one)) in text.split('id="found"')[0] for one in report.data)
    assert "These images are drawn, so the report shows that the code runs" in text.split('id="found"')[0]
    for claim in report.claims:
        (heading,) = re.findall(rf"<h3>{claim.id} (.*?)</h3>", text)
        assert heading.endswith(f"{claim.overall}</span> {claim.text}")
        assert f"comparisons, {counted_words(claim.verdicts)}." in text
    assert {"D1", "D2", "D3", "A1", "B1"} <= {claim.id for claim in report.own}
    for own in report.own:
        (heading,) = re.findall(rf"<h3>{own.id} (.*?)</h3>", text)
        assert heading.endswith(f"{own.overall}</span> {own.text}")
        assert text.count(f">{escape(own.cases[0].what)}<") >= 1
    for row in (row for claim in report.claims for row in claim.levels if row.low is not None):
        assert f">{tables.interval(row)}<" in text
    for name in ("Code", "Hardware of training", "Data", "Training seeds", "Versions"):
        assert f"<dt>{name}</dt>" in text


def test_a_report_drawn_again_names_both_commits(params: Params, places: Places) -> None:
    code, versions = "commit 0123456789 of 2026-01-02", "Python 3.11.7, torch 2.13.0"
    measured = provenance.Measured(code=code, versions=versions)
    folder = publish(params, places, measured)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert f"<dt>Code</dt><dd>measured by {code}; figures, verdicts and this page by " in text
    assert "measured with Python 3.11.7, torch 2.13.0; on the machine that made this report" in text
    assert redraw._measured(folder) == measured


def test_redrawing_without_a_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["redraw"])
    with pytest.raises(SystemExit, match="2"):
        redraw.main()
    assert "PROFILE" in capsys.readouterr().err


def test_committed_reports_hold_no_figures_or_verdicts_of_an_earlier_code() -> None:
    kept = {path.stem for path in (ROOT / "reports").glob("*/notebooks/summary/*.ipynb")}
    assert kept
    assert kept <= {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_parameters_and_tables_of_a_report_are_read_back_as_they_were(
    params: Params, published: Path, tmp_path: Path
) -> None:
    files.write_text(tmp_path / "made-up.yaml", redraw.parameters(published / "index.html"))
    shown = load_profile(tmp_path / "made-up.yaml")
    assert shown.model_dump(exclude={"execution"}) == params.model_dump(exclude={"execution"})
    redraw._unpack(published / "tables", shown, tmp_path / "results")
    results.load(params, tmp_path / "results").write(tmp_path / "tables")
    for path in (tmp_path / "tables").iterdir():
        assert path.read_bytes() == (published / "tables" / path.name).read_bytes(), path.name


SUBJECT = "earranging columns when a network is mapped (R)"


@pytest.mark.parametrize(
    ("outcome", "effect", "words"),
    [
        ("supported", 0.5, f"C3: R{SUBJECT} reduces that loss: +0.50 points [+0.30, +0.70] less loss"),
        ("contradicted", -0.5, f"C3: R{SUBJECT} adds to that loss: +0.50 points [+0.30, +0.70] more loss"),
        ("no effect", 0.5, f"C3: R{SUBJECT} has no effect on that loss: +0.50"),
        ("undecided", 0.5, f"C3: Whether r{SUBJECT} reduces that loss is undecided: +0.50"),
        ("undecided", -0.5, f"C3: Whether r{SUBJECT} reduces that loss is undecided: +0.50 points [+0.30, +0.70] more"),
        ("not testable", 0.5, f"C3: Whether r{SUBJECT} reduces that loss is not testable: +0.50"),
    ],
)  # fmt: skip
def test_sentences_say_the_verdict(unsearched, outcome: str, effect: float, words: str) -> None:
    """A number is told in the direction that was found, and so are the ends of its interval."""
    report = unsearched
    (row,) = report.claims[2].tops()
    top = row.model_copy(update={"effect": effect, "low": effect - 0.2, "high": effect + 0.2})
    c3 = report.claims[2].model_copy(update={"overall": outcome, "levels": [top]})
    told = report.model_copy(update={"claims": [*report.claims[:2], c3, *report.claims[3:]]})
    sentence = opening.findings({"one": told}, None)[2]
    assert sentence.startswith(words)
    both = opening.findings({"one": told, "two": told}, None)[2]
    assert both.endswith("(`one`; the same in all 2 reports).")


def test_a_sentence_says_that_the_best_of_the_settings_was_tested(examined) -> None:
    found = opening.findings({"one": examined}, None)
    assert "mapped (R, at the best of the settings searched)" in found[2]
    assert "weights (WCT, at the best of the settings searched)" in found[3]


def test_further_mitigations_may_be_absent(places: Places) -> None:
    params = make_params(2, (32,))
    for table in ("sensitivity", "recovery", "costs", "recovered"):
        (places.summaries / params.profile / "90_figures" / "tables" / f"{table}.csv").unlink()
    folder = publish(params, places)
    assert "Won back by each" not in (folder / "index.html").read_text(encoding="utf-8")
    assert not (folder / "tables" / "recovery.csv").exists()


def test_page_stays_small_with_many_notebooks(invented: Path, tmp_path: Path) -> None:
    """Three trainings, and thirty figures: all linked, and the page can be sent by mail."""
    params = make_params(1, (32,), training_seeds=(0, 1, 2))
    data, tables = tmp_path / "data", make_results(params)
    write_stages(data / "results" / params.profile, params, tables)
    stages = data / "summaries" / params.profile
    drawn = invented / "summaries" / params.profile / "90_figures"
    shutil.copytree(drawn, stages / "90_figures", ignore=shutil.ignore_patterns("tables"))
    _write_figures(stages / "91_claims", {f"figure-{number}": 500 for number in range(30)})
    examine(tables, params).write(stages / "91_claims")
    groups = {"shapes10": ["00_data"], "summary": ["90_figures", "91_claims"]}
    groups |= {name: ["01_notebook"] for name in params.experiments}
    for group, names in groups.items():
        for name in names:
            _write_notebook(data / "notebooks" / params.profile / group / f"{name}.ipynb")
    page = publish(params, _places(data, tmp_path / "reports")) / "index.html"
    text = page.read_text(encoding="utf-8")
    for group, names in groups.items():
        for name in names:
            assert f'href="notebooks/{group}/{name}.html"' in text
            assert (page.parent / "notebooks" / group / f"{name}.html").is_file()
    assert page.stat().st_size < 2_000_000
    assert "VGG11 (width 0.25), training seed 2" in text


_CUT = """[...document.querySelectorAll("body:not(.notebook) .scroll")]
    .filter(one => one.querySelector("table") && one.scrollWidth > one.clientWidth)
    .map(one => `${one.ariaLabel}: ${one.scrollWidth} > ${one.clientWidth}`)"""
"""Tables of the report of which a part lies beyond the edge."""


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("style", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_in_a_browser(published: Path, browser: Browser, width: int, style: str) -> None:
    """No request leaves the pages, nothing fails, nothing scrolls sideways, every image is seen."""
    keep = os.environ.get("XBARPAPER_SCREENSHOTS")
    pages = [published / "index.html", published / "notebooks" / "made-up-0" / "01_train.html"]
    backgrounds = set()
    for path in pages:
        with visit(browser, path, width=width, style=style) as seen:
            seen.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
            assert seen.requests_leaving(path) == []
            assert seen.errors == []
            assert seen.overflow_pixels() <= 0
            assert seen.page.evaluate(_CUT) == []
            decoded = "[...document.images].map(async i => {await i.decode(); return i.naturalWidth})"
            images = seen.page.evaluate(f"Promise.all({decoded})")
            assert len(images) == (3 if path.name == "index.html" else 1)
            assert all(pixels > 0 for pixels in images)
            if keep:
                target = Path(keep) / f"{path.stem}-{width}-{style}.png"
                seen.page.screenshot(path=str(target), full_page=True)
            backgrounds.add(seen.background())
    red = int(backgrounds.pop().removeprefix("rgb(").split(",")[0])
    assert not backgrounds
    assert (red > 200) == (style == "light")


@pytest.mark.parametrize("style", ["light", "dark"])
def test_button_changes_the_style(published: Path, browser: Browser, style: str) -> None:
    path = published / "index.html"
    with visit(browser, path, width=390, style=style) as seen:
        before = seen.background()
        button = seen.page.get_by_role("button", name="Light style" if style == "dark" else "Dark style")
        button.click()
        assert seen.background() != before
        seen.page.get_by_role("button", name="Dark style" if style == "dark" else "Light style").click()
        assert seen.background() == before
        assert seen.errors == []


def test_pages_are_accessible(published: Path, browser: Browser) -> None:
    """A language, one main heading, no level left out, and words for every image."""
    path = published / "index.html"
    with visit(browser, path, width=1280, style="light") as seen:
        assert seen.page.evaluate("document.documentElement.lang") == "en"
        headings = "[...document.querySelectorAll('h1,h2,h3,h4')]"
        levels = seen.page.evaluate(f"{headings}.map(h => Number(h.tagName[1]))")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert seen.page.evaluate("[...document.images].every(image => image.alt.length > 5)")
        targets = seen.page.evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    for target in targets:
        if target.startswith("#"):
            assert f'id="{target[1:]}"' in path.read_text(encoding="utf-8")
        elif not target.startswith("https:"):
            assert (path.parent / target).is_file(), target


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ("summaries/made-up/91_claims/claims.json", "no such file"),
        ("summaries/made-up/90_figures/captions.json", "no such file"),
        ("summaries/made-up/90_figures/figures/heavy.svg", "no such file"),
        ("results/made-up/made-up-1/06_evaluate/evaluation.csv", "no such table"),
    ],
)
def test_missing_input_is_named_and_the_report_stays(
    params: Params, places: Places, before: dict[str, bytes], spoilt: str, message: str
) -> None:
    (places.results.parent / spoilt).unlink()
    refused(f"{spoilt}.*{message}", publish, params, places)
    assert _contents(places.reports / "made-up") == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{", "", "not valid JSON"),
        ('"claims":', '"clams":', "clams is not a parameter; did you mean claims"),
        ('"profile": "made-up"', '"profile": "other"', "profile = other must be made-up"),
        ('"verdict": "', '"verdict": "un', "must be one of 'supported', 'contradicted', 'no effect', 'undecided' or"),
    ],
)  # fmt: skip
def test_damaged_claims_are_refused(
    params: Params, invented: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (invented / "summaries" / "made-up" / "91_claims" / "claims.json").read_text(encoding="utf-8")
    path = tmp_path / "claims.json"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    refused(message, gather.claims, path, params)


def test_figures_drawn_from_other_tables_are_refused(params: Params, places: Places) -> None:
    path = places.summaries / "made-up" / "90_figures" / "tables" / "layers.csv"
    path.write_text(path.read_text(encoding="utf-8") + "more\n", encoding="utf-8")
    refused("90_figures/tables/layers.csv: the report already has another", publish, params, places)


def test_missing_notebooks_are_named(params: Params, tmp_path: Path) -> None:
    refused("shapes10: no executed notebook", gather.notebooks, tmp_path, params)


def test_unwritable_reports_is_one_line(params: Params, places: Places) -> None:
    places.reports.write_text("a file where the folder should be", encoding="utf-8")
    refused("reports/made-up: cannot be written", publish, params, places)


def test_failure_halfway_leaves_the_earlier_report(
    params: Params, places: Places, before: dict[str, bytes]
) -> None:
    notebook = places.notebooks / "made-up" / "summary" / "90_figures.ipynb"
    notebook.write_text("not a notebook", encoding="utf-8")
    refused("not a Jupyter notebook", publish, params, places)
    assert _contents(places.reports / "made-up") == before
    assert [path.name for path in places.reports.iterdir()] == ["made-up"]


def test_report_killed_between_renamings_comes_back(
    params: Params, places: Places, before: dict[str, bytes]
) -> None:
    (places.reports / "made-up").rename(places.reports / ".made-up.old")
    (places.results / "made-up" / "made-up-0" / "08_wct" / "layers.csv").unlink()
    with pytest.raises(ArtifactError):
        publish(params, places)
    assert _contents(places.reports / ".made-up.old") == before


def test_command_tells_an_error_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    (tmp_path / "params.yaml").write_text("profile: made-up\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert command.main() == 1
    assert capsys.readouterr().err == "publish: params.yaml: datasets is missing (images, by name)\n"
