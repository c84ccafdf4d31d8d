"""Stages that run without DVC, travel in pieces, and are taken over: on a pipeline of two lines, and on the real one."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from conftest import MakeParams
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository import ROOT, Repository

from xbarpaper.pipeline import elsewhere
from xbarpaper.pipeline.elsewhere import __main__, identity, packing, running, unpacking
from xbarpaper.support.errors import ArtifactError

PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))
VERSIONS = {"torch": "2.0", "hardware": "a machine"}

# --- dvc.yaml without DVC -----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_stages_are_those_that_dvc_sees(tmp_path: Path, profile: str):
    from dvc.dependency import ParamsDependency
    from dvc.repo import Repo

    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    shutil.copy(ROOT / "profiles" / f"{profile}.yaml", tmp_path / "params.yaml")
    seen = {}
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        for stage in repo.index.stages:
            params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
            assert all(dep.def_path == "params.yaml" for dep in params)
            names = {name for dep in params for name in dep.params or elsewhere_params(tmp_path)}
            deps = {dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency)}
            outs = {out.def_path for out in stage.outs}
            kept = {out.def_path for out in stage.outs if out.persist}
            seen[stage.name] = (stage.cmd, deps, names, outs, kept)
    read = elsewhere.read(tmp_path)
    assert list(read) == list(seen)
    for name, stage in read.items():
        found = (stage.command, set(stage.deps), set(stage.params), set(stage.outs), set(stage.kept))
        assert found == seen[name]


def elsewhere_params(folder: Path) -> list[str]:
    from xbarpaper.pipeline.elsewhere.stages import parameters

    return list(parameters(folder))


def test_order_follows_dependencies():
    stages = elsewhere.read(ROOT)
    everything = [stage.name for stage in elsewhere.in_order(reversed(stages.values()))]
    place = {name: number for number, name in enumerate(everything)}
    assert set(everything) == set(stages)
    for early, late in [
        ("data@shapes10", "train@quick-vgg11"), ("train@quick-vgg11", "prune_cf@quick-vgg11"),
        ("evaluate@quick-vgg16", "rearrange@quick-vgg16"), ("wct@quick-vgg16", "figures@quick"),
        ("claims@quick", "publish@quick"),
    ]:  # fmt: skip
        assert place[early] < place[late]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages: {a: {cmd: 'true', wdir: b}}", r"^dvc\.yaml: a: wdir: not understood without DVC$"),
        ("stages: {a: {cmd: ['true', 'false']}}", r"^dvc\.yaml: a\.cmd must be one command$"),
        ("stages: {a: {foreach: 3, do: {cmd: 'true'}}}", r"^dvc\.yaml: a\.foreach must be a dict or a list$"),
        ("stages: {a: {cmd: 'echo ${none}'}}", r"^dvc\.yaml: a: \$\{none\} is not in params\.yaml$"),
        ("stages: {a: {cmd: 'x', params: [{other.yaml: [b]}]}}", r"^dvc\.yaml: a\.params: .* is not understood here$"),
        ("vars: [x]", r"^dvc\.yaml: vars: not understood without DVC$"),
        ("[", r"^dvc\.yaml: not valid YAML: "),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "dvc.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "params.yaml").write_text("profile: p\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match=message):
        elsewhere.read(tmp_path)


# --- a pipeline of two lines --------------------------------------------------------------------------------

PIPELINE = """
stages:
  total:
    foreach: ["${profile}"]
    do:
      cmd: python total.py
      deps: [total.py, data/made]
      params: [profile]
      outs:
        - data/total-${item}.txt
  make:
    foreach: ${items}
    do:
      cmd: python make.py ${key} ${item.bytes}
      deps: [make.py, given]
      params: ["items.${key}", size]
      outs:
        - data/made/${key}
        - data/${key}.bin:
            persist: true
"""
MAKE = """
import pathlib, sys
name, size = sys.argv[1], int(sys.argv[2])
folder = pathlib.Path("data/made", name)
(folder / "deep").mkdir(parents=True)
(folder / "deep" / "b.txt").write_text(name)
(folder / "a-b.txt").write_text("")
pathlib.Path("data", name + ".bin").write_bytes(bytes(i * i % 251 for i in range(size)))
if size == 13: sys.exit(3)
"""
TOTAL = """
import pathlib
files = [path for path in pathlib.Path("data/made").rglob("*") if path.is_file()]
pathlib.Path("data/total-p.txt").write_text(str(len(files)))
"""


def write_pipeline(folder: Path) -> Path:
    (folder / "given").mkdir(parents=True)
    (folder / "given" / "x").write_text("x", encoding="utf-8")
    (folder / "given" / "__pycache__").mkdir()
    (folder / "given" / "__pycache__" / "y").write_text(str(folder), encoding="utf-8")
    texts = {"dvc.yaml": PIPELINE, "make.py": MAKE, "total.py": TOTAL, ".dvcignore": "__pycache__\n"}
    texts["params.yaml"] = "profile: p\nsize: 1\nitems:\n  one: {bytes: 100}\n  two: {bytes: 100000}\n"
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pipeline of two lines on the other machine."""
    monkeypatch.setattr(running, "_versions", lambda root: VERSIONS)
    return write_pipeline(tmp_path / "there")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The same on the first machine."""
    return write_pipeline(tmp_path / "here")


@pytest.fixture
def handback(there: Path, tmp_path: Path) -> Path:
    """Both stages ``make``, packed; the file of ``two`` is larger than a piece."""
    elsewhere.run(there, ["make"])
    elsewhere.pack(there, ["make"], tmp_path / "handback", piece_mib=0.04)
    return tmp_path / "handback"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_stages_run_in_order_and_once(there: Path, capfd: pytest.CaptureFixture[str]):
    elsewhere.run(there, ["total", "make@two", "make@one"])
    said = capfd.readouterr().out
    assert re.findall(r"^\[(\d/3)\] (\S+): python", said, flags=re.M) == [
        ("1/3", "make@two"), ("2/3", "make@one"), ("3/3", "total@p"),
    ]  # fmt: skip
    assert (there / "data/total-p.txt").read_text(encoding="utf-8") == "4"
    elsewhere.run(there, ["total", "make"])
    assert capfd.readouterr().out.count("done already") == 3


@pytest.mark.parametrize(
    ("spoilt", "again"),
    [("given/x", 2), ("data/made/one/deep/b.txt", 1), ("given/__pycache__/y", 0), ("data/two.bin", 1)],
)
def test_what_changed_runs_again(there: Path, spoilt: str, again: int, capfd: pytest.CaptureFixture[str]):
    elsewhere.run(there, ["make"])
    (there / spoilt).write_text("other", encoding="utf-8")
    capfd.readouterr()
    elsewhere.run(there, ["make"])
    assert capfd.readouterr().out.count("done already") == 2 - again


def test_other_parameters_run_again(there: Path, capfd: pytest.CaptureFixture[str]):
    elsewhere.run(there, ["make"])
    replace(there / "params.yaml", "bytes: 100}", "bytes: 101}")
    elsewhere.run(there, ["make"])
    assert capfd.readouterr().out.count("done already") == 1
    assert (there / "data/one.bin").stat().st_size == 101


@pytest.mark.parametrize(
    ("names", "spoil", "message"),
    [
        (["bake"], None, r"^bake: no such stage in dvc\.yaml .* the profile p of .* \(there are: make, total\)$"),
        (["make@no"], None, r"^make@no: no such stage .* \(there are: make@one, make@two\)$"),
        (["total"], None, r"^total@p: data/made is missing; make@one makes it$"),
        (["make", "total"], "bytes: 13}", r"^make@one: its command failed with exit code 3$"),
    ],
)  # fmt: skip
def test_a_run_stops_in_one_line(there: Path, names: list[str], spoil: str | None, message: str):
    if spoil:
        replace(there / "params.yaml", "bytes: 100}", spoil)
    with pytest.raises(ArtifactError, match=message):
        elsewhere.run(there, names)
    assert not (there / "data/total-p.txt").exists()
    assert not (there / identity.RECORDS).exists()


def test_pieces_keep_their_limit_and_come_back_whole(there: Path, here: Path, handback: Path):
    pieces = sorted(handback.glob("piece-*.tar"))
    assert len(pieces) >= 3
    assert all(path.stat().st_size <= 0.04 * (1 << 20) for path in pieces)
    (here / "data/made/one").mkdir(parents=True)
    (here / "data/made/one/leftover").write_text("old", encoding="utf-8")
    (here / "data/made/other").write_text("stays", encoding="utf-8")
    records = elsewhere.unpack(here, handback)
    assert [record.stage for record in records] == ["make@one", "make@two"]
    found = contents(here / "data")
    assert found.pop("made/other") == b"stays"
    assert found == contents(there / "data")
    assert {path.stat().st_mode & 0o777 for path in (here / "data").rglob("*.txt")} == {0o644}
    assert running.in_force(here, elsewhere.read(here)["make@one"]) == records[0]


def test_equal_outs_give_equal_pieces(there: Path, handback: Path, tmp_path: Path):
    before = contents(handback)
    assert elsewhere.pack(there, ["make"], handback, piece_mib=0.04)[-1].name == packing.MANIFEST
    assert contents(handback) == before
    elsewhere.pack(there, ["make@one"], handback)
    assert sorted(contents(handback)) == [packing.MANIFEST, "piece-001.tar"]


def test_inputs_may_come_in_the_same_handback(there: Path, here: Path, tmp_path: Path):
    elsewhere.run(there, ["make", "total"])
    elsewhere.pack(there, ["total"], tmp_path / "alone")
    with pytest.raises(ArtifactError, match=r"^total@p: its input data/made is neither here nor among "):
        elsewhere.unpack(here, tmp_path / "alone")
    elsewhere.pack(there, ["make", "total"], tmp_path / "all")
    assert [record.stage for record in elsewhere.unpack(here, tmp_path / "all")][-1] == "total@p"
    elsewhere.unpack(here, tmp_path / "alone")
    (here / "data/made/further").write_text("an input more", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"^total@p: ran with another data/made \(MD5 "):
        elsewhere.unpack(here, tmp_path / "alone")


def test_what_did_not_run_here_is_not_packed(there: Path, tmp_path: Path):
    elsewhere.run(there, ["make@one"])
    (there / "given/x").write_text("other", encoding="utf-8")
    for name in ("make@one", "make@two"):
        with pytest.raises(
            ArtifactError, match=rf"^{name}: has not run here with this code and these parameters; "
        ):
            elsewhere.pack(there, [name], tmp_path / "handback")
    assert not (tmp_path / "handback").exists()


def test_a_folder_with_something_else_is_left_alone(there: Path, tmp_path: Path):
    elsewhere.run(there, ["make@one"])
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ArtifactError, match=r"holds something else than an earlier handback: "):
        elsewhere.pack(there, ["make@one"], tmp_path)
    with pytest.raises(ArtifactError, match=r"^--piece-mib = 0\.01 must be at least 0\.03$"):
        elsewhere.pack(there, ["make@one"], tmp_path, piece_mib=0.01)


# --- bad handbacks ------------------------------------------------------------------------------------------


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def forged(change: Callable[[dict], object], member: Callable[[tarfile.TarInfo], object] | None = None):
    """A handback that somebody made by hand, with digests that fit."""

    def forge(handback: Path, here: Path) -> None:
        path = handback / packing.MANIFEST
        tree = json.loads(path.read_text(encoding="utf-8"))
        if member:
            piece = handback / "piece-001.tar"
            with tarfile.open(piece) as tar:
                members = [(one, tar.extractfile(one).read()) for one in tar]
            member(members[0][0])
            with tarfile.open(piece, "w", format=tarfile.GNU_FORMAT) as tar:
                for header, content in members:
                    tar.addfile(header, io.BytesIO(content))
            entry = next(one for one in tree["pieces"] if one["name"] == piece.name)
            entry |= {"bytes": piece.stat().st_size, "sha256": elsewhere.packing.files.sha256(piece)}
        change(tree)
        manifest = packing.Manifest.model_validate_json(json.dumps(tree))
        tree["digest"] = manifest.digest_of_rest()
        path.write_text(json.dumps(tree), encoding="utf-8")

    return forge


def path_of_first(path: str) -> Callable[[dict], object]:
    def change(tree: dict) -> None:
        tree["files"][0]["path"] = path
        tree["files"][0]["parts"][0]["member"] = path

    return change


BAD = {
    # what came back, or what is here: how it came about, what is said
    "missing piece": (lambda back, here: (back / "piece-002.tar").unlink(), r"piece-002\.tar: missing \(\d of \d pieces"),
    "missing manifest": (lambda back, here: (back / "manifest.json").unlink(), r"manifest\.json: no such file; "),
    "flipped bit": (lambda back, here: flip(back / "piece-001.tar"), r"piece-001\.tar: damaged: "),
    "flipped bit in the manifest": (
        lambda back, here: replace(back / "manifest.json", '"seconds": 0', '"seconds": 1'), r"manifest\.json: damaged: ",
    ),
    "cut manifest": (
        lambda back, here: (back / "manifest.json").write_text('{"format"'), r"^manifest\.json: damaged: ",
    ),
    "another file": (lambda back, here: (back / "manifest.json").write_text("[]"), r"not the manifest of a handback"),
    "other parameters": (
        lambda back, here: replace(here / "params.yaml", "bytes: 100}", "bytes: 99}"),
        r"^make@one: ran as `python make\.py one 100`, dvc\.yaml says `python make\.py one 99`$",
    ),
    "other parameters behind the same command": (
        lambda back, here: replace(here / "params.yaml", "size: 1", "size: 2"),
        r"^make@one: ran with size = 1, params\.yaml here says 2$",
    ),
    "another input": (
        lambda back, here: (here / "given/x").write_text("y"), r"^make@one: ran with another given \(MD5 \w+, here ",
    ),
    "other code": (
        lambda back, here: replace(here / "make.py", "13", "14"), r"^make@one: ran with another make\.py \(MD5 ",
    ),
    "no input": (lambda back, here: shutil.rmtree(here / "given"), r"^make@one: its input given is neither here nor "),
    "unknown stage": (
        lambda back, here: replace(here / "params.yaml", "one:", "three:"), r"^make@one: no such stage in dvc\.yaml ",
    ),
    "stage with another out": (
        lambda back, here: replace(here / "dvc.yaml", "- data/made/${key}", "- data/made/${key}\n        - log"),
        r"^make@one: log is among its outs only here$",
    ),
    "path above": (forged(path_of_first("data/made/one/../../../x")), r"\.\./x is not in the outs of make@one$"),
    "path above, alone": (forged(path_of_first("../x")), r"^manifest\.json: \.\./x is not in the outs of make@one$"),
    "absolute path": (forged(path_of_first("/away/x")), r"^manifest\.json: /away/x is not in the outs of make@one$"),
    "path beside the outs": (forged(path_of_first("make.py")), r" make\.py is not in the outs of make@one$"),
    "file of another stage": (
        forged(lambda tree: tree["files"][0].update(stage="total@p")), r"is not in the outs of total@p$",
    ),
    "piece from another folder": (
        forged(lambda tree: tree["pieces"][0].update(name="../piece-001.tar")), r"/piece-001\.tar is not the name of ",
    ),
    "tar with a path above": (
        forged(lambda tree: None, lambda member: setattr(member, "name", "../x")),
        r"piece-001\.tar: \.\./x is not what the manifest says is in it$",
    ),
    "tar with a link": (
        forged(lambda tree: None, lambda member: (setattr(member, "type", tarfile.SYMTYPE), setattr(member, "size", 0))),
        r"piece-001\.tar: data/made/one/a-b\.txt is not what the manifest says",
    ),
    "a file left out": (forged(lambda tree: tree["files"].pop(0)), r"is not what the manifest says is in it$"),
    "a file twice": (forged(lambda tree: tree["files"].append(tree["files"][0])), r"a-b\.txt comes twice$"),
    "digest of a file": (
        forged(lambda tree: tree["files"][1].update(sha256="0" * 64)), r"deep/b\.txt: damaged: not the file that ",
    ),
    "digest of an out": (
        forged(lambda tree: tree["stages"][0]["outs"].update({"data/one.bin": "0"})), r"data/one\.bin is not whole: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_handback_is_refused_in_one_line_and_nothing_changes(here: Path, handback: Path, case: str):
    spoil, message = BAD[case]
    (here / "data/made/one").mkdir(parents=True)
    (here / "data/made/one/earlier").write_text("old", encoding="utf-8")
    spoil(handback, here)
    before = contents(here)
    with pytest.raises(ArtifactError, match=message) as refused:
        elsewhere.unpack(here, handback)
    assert "\n" not in str(refused.value)
    assert contents(here) == before


def test_a_disk_that_fails_half_way_leaves_everything(
    here: Path, handback: Path, monkeypatch: pytest.MonkeyPatch
):
    (here / "data/made/one").mkdir(parents=True)
    (here / "data/made/one/earlier").write_text("old", encoding="utf-8")
    before, rename = contents(here), Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "two.bin":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(ArtifactError, match=r"^data/two\.bin: cannot be written: No space left on device$"):
        elsewhere.unpack(here, handback)
    assert contents(here) == before


def test_the_command_says_it_in_one_line(
    here: Path, handback: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(here)
    flip(handback / "piece-001.tar")
    assert __main__.main(["unpack", str(handback)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("unpack: ")
    assert len(said.err.splitlines()) == 1
    assert __main__.main(["run", "bake"]) == 1


def test_unpacking_says_what_to_commit(
    here: Path, handback: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(here)
    assert __main__.main(["unpack", str(handback)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "In place. Now: dvc commit -f make@one make@two"
    assert lines[0].startswith("make@one: 0.0 minutes, ")
    assert lines[0].endswith("; a machine, torch 2.0")
    assert unpacking.unpack(here, handback)  # again: nothing is in its way


# --- the real pipeline, on a machine that has nothing but what requirements.elsewhere names -----------------

PAGE = (ROOT / "docs" / "elsewhere.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
BLOCKER = """
import sys
REFUSED = frozenset({refused!r})
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in REFUSED else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = map(Without, sys.meta_path)
"""


def named_requirements() -> list[str]:
    lines = (ROOT / "requirements.elsewhere").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def closure(names: list[str]) -> set[str]:
    """Canonical names of distributions and of all that they require here."""
    found, waiting = set(), list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def test_requirements_are_the_projects_own_and_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = {canonicalize_name(Requirement(line).name) for line in lock if line and not line.startswith("#")}
    names = [canonicalize_name(name) for name in named_requirements()]
    assert names == sorted(names)
    assert set(names) <= direct
    everything = closure(names)
    assert everything <= locked
    assert not everything & {"torch", "torchvision", "dvc", "jupyterlab", "nbconvert", "gitpython"}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, make_params: MakeParams) -> Repository:
    """A copy of the repository without git, where nothing can be imported that a bare machine would not have."""
    folder = tmp_path_factory.mktemp("bare")
    copy = Repository.copy(folder / "copy")
    copy.activate(make_params())
    shutil.rmtree(copy.folder / ".git")
    shutil.rmtree(copy.folder / ".dvc")
    allowed = closure([*named_requirements(), "torch"]) | {"xbarpaper"}
    modules = metadata.packages_distributions()
    refused = {
        module
        for module, names in modules.items()
        if not allowed & {canonicalize_name(name) for name in names}
    }
    assert {"dvc", "git", "torchvision", "pytest"} <= refused
    (folder / "block").mkdir()
    (folder / "block" / "sitecustomize.py").write_text(BLOCKER.format(refused=refused), encoding="utf-8")
    copy.environment |= {"PYTHONPATH": str(folder / "block"), "PATH": str(Path(sys.executable).parent)}
    return copy


def on_tiny(command: str) -> list[str]:
    """A command of the page, on the tiny profile, with this interpreter."""
    words = command.replace("paper-vgg11-cifar10", "tiny-vgg11").replace("cifar10", "tiny").split()
    if words[0] == "dvc":
        words[:1] = ["python", "-m", "dvc"]
    return [sys.executable if word == "python" else word for word in words]


@pytest.mark.slow
def test_the_pages_commands_bring_results_home(bare: Repository, tmp_path: Path, make_params: MakeParams):
    blocked = bare.run(sys.executable, "-c", "import dvc")
    assert "No module named 'dvc'" in blocked.stderr
    home = Repository.copy(tmp_path / "home")
    home.activate(make_params())
    profile, data, download, install, run, pack, unpack, commit, dry = COMMANDS
    assert profile == "make profile PROFILE=paper"
    assert " -r requirements.elsewhere -c requirements.lock " in download
    assert install.endswith(" -r requirements.elsewhere")

    home.run(*on_tiny(data), check=True)
    shutil.copytree(home.folder / "data", bare.folder / "data", dirs_exist_ok=True)
    done = bare.run(*on_tiny(run))
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^\[\d/2\] (\S+): python", done.stdout, flags=re.M) == [
        "train@tiny-vgg11", "prune_cf@tiny-vgg11",
    ]  # fmt: skip
    assert "\r" not in done.stderr  # no bar where nobody watches
    assert bare.run(*on_tiny(run)).stdout.count("done already") == 2
    packed = bare.run(*on_tiny(pack.replace("--piece-mib 16", "--piece-mib 0.1")))
    assert packed.returncode == 0, packed.stderr
    handback = bare.folder / "handback"
    assert len(list(handback.glob("piece-*.tar"))) >= 3
    assert all(path.stat().st_size <= 0.1 * (1 << 20) for path in handback.glob("piece-*.tar"))
    manifest = json.loads((handback / "manifest.json").read_text(encoding="utf-8"))
    for record in manifest["stages"]:
        assert record["seconds"] > 1
        assert 100 < record["peak_mib"] < 4000
        assert {"torch", "hardware"} <= set(record["versions"])
        assert record["commit"] is None

    shutil.move(handback, home.folder / "handback")
    done = home.run(*on_tiny(unpack))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "In place. Now: dvc commit -f train@tiny-vgg11 prune_cf@tiny-vgg11"
    done = home.run(*on_tiny(commit))
    assert done.returncode == 0, done.stderr
    done = home.run(*on_tiny(dry))
    assert "Running stage" not in done.stdout
    assert done.stdout.strip().endswith("Data and pipelines are up to date.")
    status = json.loads(home.dvc("status", "--json").stdout)
    assert not {"train@tiny-vgg11", "prune_cf@tiny-vgg11"} & set(status)
    for record in manifest["stages"]:  # DVC knows them under the digests of the manifest
        lock = (home.folder / "dvc.lock").read_text(encoding="utf-8")
        assert all(md5 in lock for md5 in [*record["deps"].values(), *record["outs"].values()])
    checkpoints = "data/checkpoints/tiny-vgg11"
    assert home.contents(checkpoints) == bare.contents(checkpoints)


@pytest.mark.slow
def test_every_other_stage_runs_on_a_bare_machine(bare: Repository):
    if not (bare.folder / "data/datasets/tiny.safetensors").exists():
        bare.run(sys.executable, "-m", "xbarpaper.pipeline.elsewhere", "run", "data", check=True)
    # The report is made where everything is gathered: it takes more packages.
    others = {stage.group for stage in elsewhere.read(bare.folder).values()} - {"data", "publish"}
    done = bare.run(sys.executable, "-m", "xbarpaper.pipeline.elsewhere", "run", *sorted(others))
    assert done.returncode == 0, done.stderr


def test_commands_of_the_page_are_understood():
    for command in COMMANDS:
        if "xbarpaper.pipeline.elsewhere" in command:
            assert __main__._arguments(command.split()[3:])
    made = subprocess.run(
        ["make", "-n", *COMMANDS[0].split()[1:]], cwd=ROOT, capture_output=True, check=False
    )
    assert made.returncode == 0


@pytest.mark.parametrize(
    ("pattern", "path", "met"),
    [
        ("/data/live/**/.*", "data/results/tiny", False),
        ("/data/live/**/.*", "data/live/curves", True),
        ("/data/live/**/.*", "data", True),
        ("/data/*/x", "data/results", True),
        ("/notebooks/x", "xbarpaper", False),
    ],
)
def test_a_pattern_is_refused_only_where_it_may_concern_the_path(
    tmp_path: Path, pattern: str, path: str, met: bool
):
    (tmp_path / ".dvcignore").write_text(f"{pattern}\n", encoding="utf-8")
    (tmp_path / path).mkdir(parents=True)
    (tmp_path / path / "file").touch()
    if met:
        with pytest.raises(ArtifactError, match="only names are understood"):
            identity.listing(tmp_path, path)
    else:
        assert set(identity.listing(tmp_path, path) or {}) == {"file"}
