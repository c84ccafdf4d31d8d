"""Notebooks executed as stages: what is kept, what is stripped, and how they fail."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import nbformat
import pytest
from repository import wait_for

from xbarpaper.figures.style import new_figure
from xbarpaper.pipeline import executing, stripping
from xbarpaper.pipeline.start import start
from xbarpaper.support.errors import ArtifactError

TARGET = Path("data/notebooks/tiny/01_tiny.ipynb")
FAILED = Path("data/resume/failed/tiny/01_tiny.ipynb")
START = "from xbarpaper.pipeline.start import start\nstart()"
PARAMETERS = 'experiment = "tiny"\nsteps = 3\nshare = 0.5\nquick = True'


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the repository's top, as the working directory."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _notebook(repository: Path, *cells: str) -> Path:
    node = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    node.cells = [
        nbformat.v4.new_markdown_cell("# Tiny"),
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        *(nbformat.v4.new_code_cell(cell) for cell in cells),
    ]
    path = repository / "notebooks" / "01_tiny.ipynb"
    nbformat.write(node, path)
    return path


def _command(*arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "xbarpaper.pipeline.run", "notebooks/01_tiny.ipynb", str(TARGET), *arguments
    ]  # fmt: skip


Execute = Callable[..., tuple[int, str]]


@pytest.fixture
def execute(repository: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Execute]:
    """The command in this process, which has loaded torch and its kind already: exit code and stderr."""

    def run(*arguments: str) -> tuple[int, str]:
        code = executing.main([*_command()[3:], *arguments])
        return code, capfd.readouterr().err

    before = signal.getsignal(signal.SIGINT)
    yield run
    signal.signal(signal.SIGINT, before)


def _outputs(path: Path) -> list[dict]:
    return [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]


def _texts(outputs: Sequence[dict], name: str) -> str:
    return "".join(output["text"] for output in outputs if output.get("name") == name)


def test_two_runs_give_the_same_bytes_without_progress(repository: Path) -> None:
    _notebook(
        repository,
        START + "\nimport sys\nfrom pathlib import Path\nprint(Path('dvc.yaml').is_file())",
        "print(sys.executable)\nprint(experiment, steps, share, quick)",
        "import time\nfrom tqdm import tqdm\n"
        "for step in tqdm(range(steps), desc='training'):\n    time.sleep(0.12)\n    print('step', step)",
        "import warnings\nwarnings.warn('worth knowing')",
        "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()",
    )  # fmt: skip
    command = _command("-p", "experiment", "other", "-p", "steps", "4", "-p", "quick", "false")
    first = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert first.returncode == 0, first.stderr
    assert "training: 100%" in first.stderr
    before = TARGET.read_bytes()
    outputs = _outputs(TARGET)
    assert f"True\n{sys.executable}\nother 4 0.5 False\n" in _texts(outputs, "stdout")
    assert _texts(outputs, "stdout").endswith("step 0\nstep 1\nstep 2\nstep 3\n")
    warned = "<cell>:2: UserWarning: worth knowing\n  warnings.warn('worth knowing')\n"
    assert _texts(outputs, "stderr") == warned
    assert [kind for output in outputs for kind in output.get("data", {})] == ["image/png", "text/plain"]
    subprocess.run(command, timeout=600, check=True)
    assert TARGET.read_bytes() == before
    assert not FAILED.exists()


def test_a_figure_is_shown_with_its_heading(repository: Path, execute: Execute) -> None:
    draw = "from xbarpaper.figures.style import new_figure\nfigure, axes = new_figure(1, 1, height=1)"
    _notebook(repository, START, f"{draw}\nfigure.heading = 'A heading'\nfigure", f"{draw}\nfigure")
    assert execute()[0] == 0
    with_heading, without = [output["data"]["image/png"] for output in _outputs(TARGET)]
    figure, _ = new_figure(1, 1, height=1)
    figure.heading = "A heading"
    assert base64.b64decode(with_heading) == figure._repr_png_()
    assert with_heading != without


def test_progress_is_whole_lines_in_the_log_and_nothing_in_the_notebook(
    repository: Path, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    _notebook(
        repository,
        START,
        "import sys\nfrom xbarpaper.support import progress\nprogress._SECONDS_PER_LINE = 0",
        "with progress.bar('training', steps) as bar:\n"
        "    for step in range(steps):\n        bar.update()\n"
        "print('worth knowing', file=sys.stderr)",
    )
    for terminal in (False, True):
        monkeypatch.setenv("XBARPAPER_PROGRESS", "bar") if terminal else None
        code, log = execute()
        assert code == 0, log
        if terminal:
            assert "\rtraining: 100%" in log
        else:
            assert "\r" not in log
            lines = [line for line in log.splitlines() if line.startswith("training: ")]
            assert lines[0].startswith("training: 33 % (1 of 3 steps), ")
            assert lines[1].startswith("training: 66 % (2 of 3 steps), ")
            assert lines[-1].startswith("training: done, 3 steps in ")
            assert "worth knowing" in log.splitlines()
        assert _texts(_outputs(TARGET), "stderr") == "worth knowing\n"


USER_ERROR = "from xbarpaper.support.errors import DatasetError\nraise DatasetError('a.tar: damaged')"


def test_user_error_is_one_line_and_the_earlier_result_stays(repository: Path, execute: Execute) -> None:
    """Also where nothing of what failed can be kept: a file lies in the place of its folder."""
    _notebook(repository, USER_ERROR)
    TARGET.parent.mkdir(parents=True)
    TARGET.write_text("earlier", encoding="utf-8")
    assert execute() == (1, "01_tiny: a.tar: damaged\n")
    assert TARGET.read_text(encoding="utf-8") == "earlier"
    assert [path.name for path in TARGET.parent.iterdir()] == [TARGET.name]
    shutil.rmtree(FAILED.parent.parent)
    FAILED.parent.parent.touch()
    assert execute() == (1, "01_tiny: a.tar: damaged\n")


def test_other_error_gives_its_traceback_and_keeps_the_notebook(repository: Path, execute: Execute) -> None:
    _notebook(repository, "print('so far')", "shares = [1]\nshares[7]")
    code, said = execute()
    assert code == 1
    assert "Traceback (most recent call last)" in said
    last = f"01_tiny: IndexError: list index out of range (executed up to there: {FAILED})"
    assert said.splitlines()[-1] == last
    assert "so far" in _texts(_outputs(FAILED), "stdout")
    assert not TARGET.exists()
    _notebook(repository, "print('mended')")
    assert execute()[0] == 0
    assert not FAILED.exists()


def test_no_room_for_temporary_files_is_one_line(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _notebook(repository, "1")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("papermill.execute_notebook", full)
    assert executing.main(["notebooks/01_tiny.ipynb", str(TARGET)]) == 1
    assert capfd.readouterr().err == (
        "01_tiny: cannot write temporary files: No space left on device; name a folder with room in TMPDIR\n"
    )


@pytest.mark.parametrize("damage", [lambda mark: mark.mkdir(), lambda mark: mark.write_bytes(b"\xff")])
def test_a_mark_that_cannot_be_read_stops_no_other_stage(
    repository: Path, execute: Execute, damage: Callable[[Path], object]
) -> None:
    """Stages side by side remove the files of those that have finished, and one may be quicker than the other."""
    mark = repository / "data/resume/tiny/00_other/finished"
    mark.parent.mkdir(parents=True)
    damage(mark)
    (repository / "dvc.lock").touch()
    _notebook(repository, START)
    assert execute() == (0, "")


def test_dead_kernel_is_told(repository: Path, execute: Execute) -> None:
    _notebook(repository, "import os\nos._exit(9)")
    code, said = execute()
    assert code == 1
    assert said.splitlines()[-1] == "01_tiny: the notebook's process died, most often because memory ran out"


def test_interruption_stops_the_kernel(repository: Path) -> None:
    _notebook(repository, "import os, time\nopen('kernel', 'w').write(str(os.getpid()))\ntime.sleep(600)")
    process = subprocess.Popen(
        _command(),
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore SIGINT, and hand that on to the tests and to what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    pid_file = repository / "kernel"
    wait_for(lambda: pid_file.exists() and pid_file.read_text(), "not begun")
    kernel = int(pid_file.read_text())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "01_tiny: interrupted; nothing was written"
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)
    assert not TARGET.exists()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"experimnt": "x"}, r"01_tiny.ipynb: experimnt is not a parameter of this notebook \(allowed: ex"),
        ({"steps": "many"}, "steps = many must be of type int"),
        ({"quick": "1"}, "quick = 1 must be of type bool"),
        ({"share": "half"}, "share = half must be of type float"),
    ],
)
def test_bad_parameters_are_refused_before_anything_runs(
    repository: Path, parameters: dict[str, str], message: str
) -> None:
    source = _notebook(repository, "open('ran', 'w')")
    with pytest.raises(ArtifactError, match=message) as caught:
        executing.run(source, TARGET, parameters)
    assert "\n" not in str(caught.value)
    assert not (repository / "ran").exists()


def test_a_missing_or_damaged_notebook_is_named(repository: Path) -> None:
    path = _notebook(repository)
    with pytest.raises(ArtifactError, match=r"^notebooks/02.ipynb: no such notebook .*01_tiny.ipynb"):
        executing.run("notebooks/02.ipynb", TARGET)
    path.write_text("{}{", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"^notebooks/01_tiny.ipynb: not a Jupyter notebook"):
        executing.run("notebooks/01_tiny.ipynb", TARGET)


def test_unwritable_target_is_found_before_anything_runs(repository: Path) -> None:
    source = _notebook(repository, "open('ran', 'w')")
    Path("data").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"01_tiny.ipynb: cannot be written"):
        executing.run(source, TARGET)
    assert not (repository / "ran").exists()


def test_start_goes_to_the_top_of_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "notebooks")
    start()
    assert Path.cwd() == repository


def test_start_outside_the_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match="not inside the repository"):
        start()


def test_no_grammar_is_built_that_no_notebook_needs() -> None:
    code = "import sys, xbarpaper.pipeline.executing, papermill; assert not sys.modules.get('rfc3987_syntax')"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_strip_joins_streams_however_they_arrived(tmp_path: Path) -> None:
    def cell(*streams: tuple[str, str]):
        code = nbformat.v4.new_code_cell("pass")
        code.outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in streams]
        return nbformat.v4.new_notebook(cells=[code])

    whole = cell(("stdout", "one\ntwo\n"), ("stderr", f"{tmp_path}/a.py:1: odd\n"))
    pieces = cell(
        ("stderr", "\r 10%"), ("stdout", "one\nt"), ("stderr", "\r100%\n"), ("stdout", "wo\n"),
        ("stderr", f"{tmp_path}/a.py:1: odd\n"),
    )  # fmt: skip
    texts = [stripping.to_text(stripping.strip(node, tmp_path)) for node in (whole, pieces)]
    assert texts[0] == texts[1]
    assert '"a.py:1: odd' in texts[0]


def test_strip_drops_what_a_run_says_of_files_to_go_on_from(tmp_path: Path) -> None:
    said = [
        "data/resume/a/06.csv: damaged journal, starting anew (data/resume/a/06.csv: damaged table: x)",
        "data/resume/a/trained.safetensors: of another run, starting anew",
        "data/resume/a/tuned-cf-8.safetensors: not what is wanted, starting anew (damaged checkpoint: x; `dvc repro`)",
    ]
    outputs = [nbformat.v4.new_output("stream", name="stdout", text="\n".join([*said, "accuracy", ""]))]
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=outputs)])
    assert _texts(stripping.strip(node, tmp_path).cells[0].outputs, "stdout") == "accuracy\n"
    node.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text=said[1] + "\n")]
    assert stripping.strip(node, tmp_path).cells[0].outputs == []
