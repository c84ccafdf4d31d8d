"""Nothing stale: what a module of the library can change is asked for anew when it changes, and nothing else is.

Lists of code are read from the source by ``support.code``. The referee here is Python itself: a process imports every
module of the library and notes which module asked for which.
"""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT
from ruamel.yaml import YAML

from xbarpaper.pipeline import code as stage_code
from xbarpaper.pipeline.dependencies import PIPELINE, described, parameters_read
from xbarpaper.support import code, inputs
from xbarpaper.support.errors import ArtifactError

STAGES: dict[str, dict[str, Any]] = {
    name: entry.get("do", entry) for name, entry in YAML(typ="safe").load(ROOT / PIPELINE)["stages"].items()
}

RECORDS = {  # of the stage ``code``, which itself reads everything; DVC runs the stage ``sources`` each time
    name: next(dep for dep in stage["deps"] if dep.startswith("data/code/"))
    for name, stage in STAGES.items()
    if name not in ("code", "sources")
}

# What keeps its results under a digest of code, and the modules that the digest begins with.
DIGESTS = {
    "resume of a training": ["networks.training"],
    "resume under WCT": ["networks.training", "mitigation.wct"],
    "journal": ["experiments.evaluation"],
    "journal, batch norm": ["experiments.evaluation", "mitigation.batch_norm"],
    "journal, precompensation": ["experiments.evaluation", "mitigation.precompensation"],
    "tuned networks": ["experiments.trained_on", "mitigation.tuning"],
}
MEASURING = {
    "evaluate", "rearrange", "wct", "mechanism", "sensitivity", "beyond", "search", "devices", "published",
    "adversarial", "acdc",
}  # fmt: skip
OTHERS = {"periphery", "costs", "spiking", "on_crossbar_training"}  # without the sweep over draws of devices
TRAINING = {"train", "prune_cf", "prune_xcs", "prune_xrs"}
EXPERIMENTS = TRAINING | {"map"} | MEASURING | OTHERS
SUMMARIES = {"figures", "claims", "publish"}
RESUMES = {"resume of a training", "resume under WCT", "tuned networks"}
JOURNALS = {"journal", "journal, batch norm", "journal, precompensation"}

# Of these modules it is known without any program what a change of them changes.
KNOWN: dict[str, set[str]] = {
    "mitigation/wct.py": {
        "wct", "sensitivity", "beyond", "search", "devices", "published", "costs", "resume under WCT",
    },
    "mitigation/rearrange.py": {
        "rearrange", "wct", "sensitivity", "beyond", "search", "devices", "published", "costs",
    },
    "mitigation/arrange2d.py": {"beyond", "published"},
    "mitigation/swaps.py": {"beyond", "published"},
    "mitigation/batch_norm.py": {"beyond", "published", "journal, batch norm"},
    "mitigation/precompensation.py": {"beyond", "published", "journal, precompensation", "costs"},
    "mitigation/tuning.py": {"beyond", "published", "tuned networks"},
    "mitigation/registry.py": {"beyond", "published"},
    "experiments/mechanism.py": {"mechanism"},
    "experiments/beyond.py": {"beyond"},
    "experiments/acdc.py": {"acdc"},
    "experiments/evaluation.py": MEASURING | JOURNALS,
    "experiments/sweeps.py": {"evaluate", "rearrange", "wct"},
    "experiments/sensitivity/sparsities.py": {"sensitivity"},
    "experiments/sensitivity/conventions.py": {"sensitivity", "figures"},
    "experiments/sensitivity/device_effects.py": {"devices", "figures", "claims"},
    "experiments/results.py": SUMMARIES,
    "networks/training.py": EXPERIMENTS | {"own_network"} | RESUMES,  # rows tell networks apart by their weights
    "networks/inference.py": EXPERIMENTS | {"own_network"} | RESUMES | JOURNALS,
    "data/augment.py": {"data", "own_network", "journal, batch norm"} | EXPERIMENTS | RESUMES,
    "hardware/in_place.py": {"on_crossbar_training"},
    "claims/conductance.py": {"claims", "figures"},
    # every stage reads all parameters; finished rows and half-finished trainings know nothing of what is surveyed
    "params/sections/surveys.py": {"data", "own_network", "tuned networks"} | EXPERIMENTS | SUMMARIES,
    "params/sections/training.py": {"data", "own_network"} | EXPERIMENTS | SUMMARIES | RESUMES | JOURNALS,
}  # fmt: skip


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the library whose modules may be changed."""
    folder = tmp_path_factory.mktemp("library")
    for name in (code.LIBRARY, "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / PIPELINE, folder)
    return folder


@contextmanager
def restored(path: Path) -> Iterator[Path]:
    """A file that is as before after the block."""
    before = path.read_bytes()
    try:
        yield path
    finally:
        path.write_bytes(before)


def digests(root: Path) -> dict[str, str]:
    """Everything that changes with code: what the stages depend on, and what results are kept under."""
    stage_code.write_all(root, ["xbarpaper.report"])
    kept = {
        name: " ".join(code._digest.__wrapped__(root, f"{code.LIBRARY}.{one}") for one in modules)
        for name, modules in DIGESTS.items()
    }
    return kept | {name: (root / record).read_text() for name, record in RECORDS.items()}


def test_dvc_yaml_is_what_its_command_writes() -> None:
    text = (ROOT / PIPELINE).read_text(encoding="utf-8")
    assert described(ROOT, text) == text, "run python -m xbarpaper.pipeline.dependencies"


@pytest.fixture(scope="module")
def before(scratch: Path) -> dict[str, str]:
    return digests(scratch)


@pytest.fixture(scope="module")
def listed(scratch: Path, before: dict[str, str]) -> dict[str, set[str]]:
    """The files that each record lists with their digests, and that each digest of results covers."""
    files = {name: {line.rpartition(" ")[0] for line in before[name].splitlines()} for name in RECORDS}
    for name, modules in DIGESTS.items():
        found = code.reached(scratch, [f"{code.LIBRARY}.{one}" for one in modules])
        files[name] = {path.as_posix() for path in found}
    return files


@pytest.mark.parametrize("path", KNOWN)
def test_a_module_is_listed_where_it_can_change_something_and_nowhere_else(
    listed: dict[str, set[str]], path: str
) -> None:
    assert {name for name, files in listed.items() if f"{code.LIBRARY}/{path}" in files} == KNOWN[path]


@pytest.mark.parametrize("path", ["mitigation/wct.py", "experiments/evaluation.py"])
def test_a_change_asks_for_all_that_list_it_and_for_nothing_else(
    scratch: Path, before: dict[str, str], path: str
) -> None:
    with restored(scratch / code.LIBRARY / path) as file:
        file.write_bytes(file.read_bytes() + b"\nCHANGED = 1\n")
        after = digests(scratch)
    assert {name for name in after if after[name] != before[name]} == KNOWN[path]


LEFT_BEHIND: tuple[Callable[[Path], object], ...] = (
    lambda top: rewritten(top, as_editors_write_it),
    lambda top: (top / code.LIBRARY / "networks/.DS_Store").touch(),
    lambda top: (top / code.LIBRARY / "report/templates/._head.html.j2").touch(),
    lambda top: (top / code.LIBRARY / "report/templates/head.html.j2~").touch(),
    lambda top: (top / code.LIBRARY / "networks/.#training.py").symlink_to("user@host.1"),
    lambda top: (top / "notebooks/.~lock.01_train.ipynb#").touch(),
    lambda top: (top / "notebooks/01_train-Copy1.ipynb").touch(),
    lambda top: (top / code.LIBRARY / "networks/training.pyc").touch(),
)


def as_editors_write_it(node: Any) -> None:
    """As JupyterLab and VS Code do."""
    node["metadata"].update(language_info={"name": "python", "version": "3.99"})
    node["cells"][-1].update(outputs=[], execution_count=7, metadata={"execution": {"x": "y"}})


def rewritten(top: Path, change: Callable[[Any], object]) -> None:
    notebook = top / "notebooks/01_train.ipynb"
    node = json.loads(notebook.read_text(encoding="utf-8"))
    change(node)
    notebook.write_text(json.dumps(node, indent=4), encoding="utf-8")


def test_what_editors_and_file_managers_leave_makes_no_stage_run_again(
    scratch: Path, before: dict[str, str]
) -> None:
    for leave in LEFT_BEHIND:
        leave(scratch)
    assert digests(scratch) == before


def test_a_notebooks_text_is_part_of_what_its_stage_writes(scratch: Path, before: dict[str, str]) -> None:
    with restored(scratch / "notebooks/01_train.ipynb"):
        rewritten(scratch, lambda node: node["cells"][0].update(source="# Another title"))
        after = digests(scratch)
    assert {name for name in after if after[name] != before[name]} == {"train"}


def test_magics_hide_no_import_of_a_notebook(scratch: Path, before: dict[str, str]) -> None:
    def add(node: Any) -> None:
        codes = [cell for cell in node["cells"] if cell["cell_type"] == "code"]
        for cell in codes[1:]:
            cell["source"] = ["%%time\n", "%matplotlib inline\n", *cell["source"]]
        codes[0]["source"] = "%%bash\nfor x in 1; do echo $x; done"

    with restored(scratch / "notebooks/01_train.ipynb"):
        rewritten(scratch, add)
        after = digests(scratch)
        rewritten(scratch, lambda node: node["cells"][-1].update(cell_type="code", source="a b"))
        said = r"^notebooks/01_train\.ipynb: not Python: invalid syntax: a b"
        with pytest.raises(ArtifactError, match=said):
            digests(scratch)
    assert {name for name in after if after[name] != before[name]} == {"train"}
    assert after["train"].splitlines()[1:] == before["train"].splitlines()[1:]


def test_a_stage_refuses_code_that_has_changed_since_it_was_looked_at(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_code.write_all(scratch)
    monkeypatch.setenv("DVC_STAGE", "train@x")
    inputs.check(scratch, Path("notebooks/01_train.ipynb"))
    with restored(scratch / code.LIBRARY / "networks/training.py") as module:
        module.write_bytes(module.read_bytes() + b"\n")
        said = r"^xbarpaper/networks/training\.py: has changed since DVC looked"
        with pytest.raises(ArtifactError, match=said):
            inputs.check(scratch, Path("notebooks/01_train.ipynb"))
        inputs.check(scratch, Path("notebooks/90_figures.ipynb"))


# --- the referee --------------------------------------------------------------------------------------------

REFEREE = """
import builtins, importlib, importlib.util, json, pkgutil, sys
from types import ModuleType

asked, real = {}, builtins.__import__

def noting(name, globals=None, locals=None, fromlist=(), level=0):
    found, who = real(name, globals, locals, fromlist, level), (globals or {}).get("__name__", "")
    base = importlib.util.resolve_name("." * level + name, globals["__package__"]) if level else name
    if who.startswith(("xbarpaper", "stage ")) and base.split(".")[0] == "xbarpaper":
        named, front = [], hasattr(sys.modules[base], "__path__")
        for one in fromlist or ():
            value = getattr(sys.modules[base], one, None)
            named.append(value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None))
        asked.setdefault(who, set()).update(named if front else [base])
    return found

builtins.__import__ = noting
import xbarpaper
for module in pkgutil.walk_packages(xbarpaper.__path__, "xbarpaper."):
    importlib.import_module(module.name)
for stage, (module, source) in json.load(sys.stdin).items():
    exec(source, {"__name__": f"stage {stage}"})
    asked.setdefault(f"stage {stage}", set()).add(module)
fronts = [name for name, module in sys.modules.items() if name.startswith("xbarpaper") and hasattr(module, "__path__")]
print(json.dumps([{name: sorted(filter(None, found)) for name, found in asked.items()}, fronts]))
"""


def started_by(stage: dict[str, Any]) -> tuple[str, str]:
    """The module that a stage's command starts, and the imports of the notebook that it executes."""
    words = str(stage["cmd"]).split()
    module = words[words.index("-m") + 1]
    if (ROOT / Path(*module.split("."))).is_dir():
        module += ".__main__"
    notebooks = [ROOT / word for word in words if word.startswith("notebooks/")]
    cells = [one for path in notebooks for one in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return module, "\n".join(map(ast.unparse, nodes))


def test_no_stage_runs_code_that_it_does_not_list(listed: dict[str, set[str]]) -> None:
    told = json.dumps({name: started_by(STAGES[name]) for name in RECORDS})
    done = subprocess.run(
        [sys.executable, "-c", REFEREE], input=told, cwd=ROOT, capture_output=True, text=True, check=True
    )
    asked, fronts = json.loads(done.stdout)
    for name in RECORDS:
        seen, waiting = set[str](), [f"stage {name}"]
        while waiting:
            module = waiting.pop()
            if module not in seen and module not in fronts and module.startswith((code.LIBRARY, "stage ")):
                seen.add(module)
                waiting += asked.get(module, [])
        ran = {f"{module.replace('.', '/')}.py" for module in seen - {f"stage {name}"}}
        assert len(ran) > 5
        assert ran <= listed[name], name


# --- how imports and parameters are read --------------------------------------------------------------------


def library(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / code.LIBRARY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


FRONT = {
    "__init__.py": "",
    "room/__init__.py": '"""A front."""\nfrom xbarpaper.room.one import f\nfrom .two import g\n__all__ = ["f", "g"]\n',
    "room/one.py": "from xbarpaper.deep import h\ndef f(): pass\n",
    "room/two.py": "def g(): pass\n",
    "deep.py": "def h(): pass\n",
    "other.py": "",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import json", []),
        ("import xbarpaper.deep", ["deep"]),
        ("from xbarpaper.room import f", ["deep", "room/one"]),
        ("from xbarpaper.room import g as f", ["room/two"]),
        ("from xbarpaper import room\nroom.g()", ["room/two"]),
        ("from xbarpaper import room\nhand_on(room)", ["deep", "room/__init__", "room/one", "room/two"]),
        ("def later():\n    from xbarpaper import other", ["other"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from xbarpaper import other", []),
    ],
)
def test_imports_lead_to_what_defines_the_name(tmp_path: Path, source: str, expected: list[str]) -> None:
    found = code.reached(library(tmp_path, FRONT), sources=[source])
    assert sorted(path.as_posix() for path in found) == [f"xbarpaper/{name}.py" for name in expected]


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    root = library(tmp_path, FRONT)
    with pytest.raises(ModuleNotFoundError, match="no such module"):
        code.reached(root, ["xbarpaper.missing"])
    with pytest.raises(ModuleNotFoundError, match=r"xbarpaper\.room: imports no missing"):
        code.reached(root, sources=["from xbarpaper.room import missing"])
    said = r"dvc\.yaml: train\.cmd = echo must start with python -m xbarpaper"
    with pytest.raises(ArtifactError, match=said):
        described(root, "stages: {train: {cmd: echo, deps: []}}")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("params.wct", {"wct"}),
        ("params.wct.epochs", {"wct.epochs"}),
        ("use(self.params.train)", {"train"}),
        ("params.devices.nominal", {"devices.r_min_ohm", "devices.r_max_ohm"}),
        ("params.devices.g_max_siemens", {"devices.r_min_ohm"}),
        ("params.circuit.model_dump()", {"circuit"}),
        ("params.experiment(name)", {"experiments"}),
        ("params.execution.workers", set()),
        ("params.model_copy()", set()),
        ("settings.sensitivity.sparsities", {"sensitivity.sparsities"}),
    ],
)
def test_values_that_code_reads_are_named_alone(source: str, expected: set[str]) -> None:
    assert parameters_read([source]) == expected
